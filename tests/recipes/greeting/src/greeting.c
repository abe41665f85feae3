#include <shim-greeting.h>
#include <stdio.h>

int main(void)
{
    puts(SHIM_GREETING);
    return 0;
}
