#include <stdio.h>

int main(void)
{
    puts("edges");
    return 0;
}
