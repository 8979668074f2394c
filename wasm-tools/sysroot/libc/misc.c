/* Small things that wasi-libc declares or omits and programs use. */
#define _GNU_SOURCE
#include "coquina.h"
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

void *memalign(size_t align, size_t size)
{
    return aligned_alloc(align, size);
}

void *valloc(size_t size)
{
    return aligned_alloc(getpagesize(), size);
}

/* No program runs with more rights than its user. */
char *secure_getenv(const char *name)
{
    return getenv(name);
}

int clock_settime(clockid_t clock, const struct timespec *time)
{
    (void)clock, (void)time;
    return cq_result(-EPERM);
}

int settimeofday(const struct timeval *time, const struct timezone *zone)
{
    (void)time, (void)zone;
    return cq_result(-EPERM);
}
