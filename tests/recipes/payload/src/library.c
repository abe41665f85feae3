#include <stdio.h>

#include "greet.h"

int greet(void)
{
	return puts("hello") < 0;
}
