#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "greet.h"

int main(int argc, char **argv)
{
    puts(greet());
    fflush(stdout);
    if (argc > 1 && strcmp(argv[1], "--once") == 0)
        return 0;
    for (;;)
        pause();
}
