#include <pond.h>

int main(void)
{
    return pond_depth() != 3;
}
