#include <pond.h>

int fish_count(void)
{
    return 3 * pond_depth();
}
