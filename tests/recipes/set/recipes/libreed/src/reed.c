#include <pond.h>

#include "reed.h"

int reed_height(void)
{
    return 2 * pond_depth();
}
