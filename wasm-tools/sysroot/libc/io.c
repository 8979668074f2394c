/* Writing. wasi-libc's would do, but a caught SIGPIPE is due when the write fails, not at the next call that may wait. */
#define _GNU_SOURCE
#include "coquina.h"
#include <limits.h>
#include <sys/uio.h>
#include <unistd.h>
#include <wasi/api.h>

ssize_t writev(int fd, const struct iovec *iov, int count)
{
    if (count < 0)
        return cq_result(-EINVAL);
    size_t written;
    int error = __wasi_fd_write(fd, (const __wasi_ciovec_t *)iov, count, &written);
    if (!error)
        return written;
    if (error == EPIPE && __coquina_signal_run)
        __coquina_signal_run();
    return cq_result(-error);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    struct iovec iov = { .iov_base = (void *)bytes, .iov_len = len };
    return writev(fd, &iov, 1);
}
