/* The functions themselves, for configure scripts that look for them and code compiled without -fcoquina-sjlj. */
#define _GNU_SOURCE
#include "coquina.h"
#include <unistd.h>
#undef fork
#undef vfork

pid_t fork(void)
{
    return cq_result(-ENOSYS);
}

pid_t vfork(void)
{
    return cq_result(-ENOSYS);
}

pid_t __coquina_no_fork(void)
{
    return cq_result(-ENOSYS);
}
