/* Small things that wasi-libc declares or omits and programs use. */
#define _GNU_SOURCE
#include "coquina.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

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

ssize_t getrandom(void *buf, size_t len, unsigned flags)
{
    return cq_result(-(int)__wasi_random_get(buf, len)) < 0 ? -1 : (ssize_t)len;
}

/* Space is reserved by preview 1's own call; what else fallocate can do is not there. */
int fallocate(int fd, int mode, off_t offset, off_t len)
{
    return mode ? cq_result(-ENOTSUP) : cq_result(-posix_fallocate(fd, offset, len));
}

char *getpass(const char *prompt)
{
    errno = ENXIO; /* there is no terminal whose echo could be turned off */
    return NULL;
}
