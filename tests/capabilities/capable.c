#include <popt.h>
#include <stdio.h>
#include <zlib.h>

int main(void) {
    printf("zlib %s, popt at %p\n", zlibVersion(), (void *) poptGetContext);
    return 0;
}
