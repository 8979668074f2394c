#include_next <sys/param.h>
#include <sys/resource.h>
