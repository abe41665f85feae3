#include <stdio.h>

int main(void) { return puts("2.4.12") < 0; }
