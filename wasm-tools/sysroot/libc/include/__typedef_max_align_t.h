#define __need_max_align_t
#include <stddef.h>
