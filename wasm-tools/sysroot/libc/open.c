/* open, openat and the entry points that wasi-libc's own files (fopen, truncate) use for them. No path is ever translated:
 * the kernel resolves relative and absolute paths itself, so there are no preopened directories to search at start. */
#define _GNU_SOURCE
#include "coquina.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_mode(int dirfd, const char *path, int flags, mode_t mode)
{
    if (!(flags & (O_RDONLY | O_WRONLY | O_SEARCH | O_EXEC)))
        flags |= O_RDONLY; /* 0 is O_RDONLY everywhere else */
    return cq_result(cq_open(dirfd, path, strlen(path), flags, mode));
}

#define OPTIONAL_MODE(flags)            \
    mode_t mode = 0;                    \
    if ((flags) & O_CREAT) {            \
        va_list ap;                     \
        va_start(ap, flags);            \
        mode = va_arg(ap, mode_t);      \
        va_end(ap);                     \
    }

int open(const char *path, int flags, ...)
{
    OPTIONAL_MODE(flags)
    return open_mode(AT_FDCWD, path, flags, mode);
}

int openat(int dirfd, const char *path, int flags, ...)
{
    OPTIONAL_MODE(flags)
    return open_mode(dirfd, path, flags, mode);
}

int __wasilibc_open_nomode(const char *path, int flags)
{
    return open_mode(AT_FDCWD, path, flags, 0666);
}

int __wasilibc_nocwd_openat_nomode(int dirfd, const char *path, int flags)
{
    return open_mode(dirfd, path, flags, 0666);
}

/* What fopen makes of its mode string; wasi-libc's drops 'e', which there means nothing. */
int __fmodeflags(const char *mode)
{
    int flags = strchr(mode, '+') ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
    if (strchr(mode, 'x'))
        flags |= O_EXCL;
    if (strchr(mode, 'e'))
        flags |= O_CLOEXEC;
    if (*mode != 'r')
        flags |= O_CREAT;
    if (*mode == 'w')
        flags |= O_TRUNC;
    if (*mode == 'a')
        flags |= O_APPEND;
    return flags;
}

/* For code written for wasi-libc: every path is relative to AT_FDCWD, as it stands. */
int __wasilibc_find_relpath(const char *path, const char **prefix, char **relative, size_t len)
{
    size_t need = strlen(path) + 1;
    if (need > len) {
        errno = ERANGE;
        return -1;
    }
    if (prefix)
        *prefix = "";
    memcpy(*relative, path, need);
    return AT_FDCWD;
}

int __wasilibc_find_relpath_alloc(const char *path, const char **prefix, char **relative, size_t *len, int can_grow)
{
    size_t need = strlen(path) + 1;
    if (need > *len) {
        char *larger = can_grow ? realloc(*relative, need) : NULL;
        if (!larger) {
            errno = can_grow ? ENOMEM : ERANGE;
            return -1;
        }
        *relative = larger;
        *len = need;
    }
    return __wasilibc_find_relpath(path, prefix, relative, *len);
}

int __wasilibc_find_abspath(const char *path, const char **prefix, const char **relative)
{
    if (prefix)
        *prefix = "";
    *relative = path;
    return AT_FDCWD;
}

int __wasilibc_register_preopened_fd(int fd, const char *prefix)
{
    (void)fd, (void)prefix;
    errno = ENOTSUP;
    return -1;
}
