/* Descriptors: duplication, pipes, fcntl, locks, terminals. */
#define _GNU_SOURCE
#include "coquina.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wasi/api.h>

int dup(int fd)
{
    return cq_result(cq_dup(fd, 0, 0));
}

int dup2(int fd, int to)
{
    if (fd == to) /* leaves the flag alone */
        return cq_result(cq_cloexec(fd, -1)) < 0 ? -1 : to;
    return cq_result(cq_dup2(fd, to, 0));
}

int dup3(int fd, int to, int flags)
{
    if (fd == to || (flags & ~O_CLOEXEC))
        return cq_result(-EINVAL);
    return cq_result(cq_dup2(fd, to, !!(flags & O_CLOEXEC)));
}

int pipe2(int ends[2], int flags)
{
    int how = (flags & O_CLOEXEC ? CQ_PIPE_CLOEXEC : 0) | (flags & O_NONBLOCK ? CQ_PIPE_NONBLOCK : 0);
    if (flags & ~(O_CLOEXEC | O_NONBLOCK))
        return cq_result(-EINVAL);
    return cq_result(cq_pipe(ends, how));
}

int pipe(int ends[2])
{
    return pipe2(ends, 0);
}

static int get_flags(int fd)
{
    __wasi_fdstat_t st;
    if (cq_result(-(int)__wasi_fd_fdstat_get(fd, &st)) < 0)
        return -1;
    int can_read = !!(st.fs_rights_base & (__WASI_RIGHTS_FD_READ | __WASI_RIGHTS_FD_READDIR));
    int can_write = !!(st.fs_rights_base & __WASI_RIGHTS_FD_WRITE);
    int access = can_read && can_write ? O_RDWR : can_write ? O_WRONLY : can_read ? O_RDONLY : O_SEARCH;
    return st.fs_flags | access;
}

/* The kernel's locks are on whole files; a lock on a part of one is refused, not pretended. */
static int lock(int fd, int cmd, const struct flock *how)
{
    int op = how->l_type == F_RDLCK ? LOCK_SH : how->l_type == F_WRLCK ? LOCK_EX : LOCK_UN;
    if (how->l_whence != SEEK_SET || how->l_start || how->l_len)
        return cq_result(-ENOTSUP);
    int result = cq_flock(fd, cmd == F_SETLK ? op | LOCK_NB : op);
    return cq_result(result);
}

int fcntl(int fd, int cmd, ...)
{
    va_list ap;
    va_start(ap, cmd);
    uintptr_t arg = va_arg(ap, uintptr_t);
    va_end(ap);
    switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        if ((int)arg < 0)
            return cq_result(-EINVAL);
        return cq_result(cq_dup(fd, arg, cmd == F_DUPFD_CLOEXEC));
    case F_GETFD:
        return cq_result(cq_cloexec(fd, -1));
    case F_SETFD:
        return cq_result(cq_cloexec(fd, !!(arg & FD_CLOEXEC))) < 0 ? -1 : 0;
    case F_GETFL:
        return get_flags(fd);
    case F_SETFL:
        return cq_result(-(int)__wasi_fd_fdstat_set_flags(fd, arg & 0xfff));
    case F_SETLK:
    case F_SETLKW:
        return lock(fd, cmd, (const struct flock *)arg);
    case F_GETLK:
        return cq_result(-ENOTSUP);
    default:
        return cq_result(-EINVAL);
    }
}

int flock(int fd, int op)
{
    return cq_result(cq_flock(fd, op));
}

int lockf(int fd, int op, off_t len)
{
    struct flock how = { .l_type = op == F_ULOCK ? F_UNLCK : F_WRLCK, .l_whence = SEEK_SET };
    off_t at = lseek(fd, 0, SEEK_CUR);
    if (at < 0)
        return -1;
    if (at || len || op == F_TEST)
        return cq_result(-ENOTSUP);
    return lock(fd, op == F_LOCK ? F_SETLKW : F_SETLK, &how);
}

int __isatty(int fd)
{
    unsigned size[2];
    return cq_result(cq_ttysize(fd, size)) >= 0;
}

int isatty(int fd)
{
    return __isatty(fd);
}

int ioctl(int fd, int request, ...)
{
    va_list ap;
    va_start(ap, request);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    switch (request) {
    case TIOCGWINSZ: {
        unsigned size[2];
        if (cq_result(cq_ttysize(fd, size)) < 0)
            return -1;
        *(struct winsize *)arg = (struct winsize){ .ws_col = size[0], .ws_row = size[1] };
        return 0;
    }
    case FIONBIO: {
        int flags = get_flags(fd);
        if (flags < 0)
            return -1;
        return fcntl(fd, F_SETFL, *(int *)arg ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
    }
    case FIOCLEX:
    case FIONCLEX:
        return fcntl(fd, F_SETFD, request == FIOCLEX ? FD_CLOEXEC : 0);
    default:
        return cq_result(__isatty(fd) ? -EINVAL : -ENOTTY);
    }
}
