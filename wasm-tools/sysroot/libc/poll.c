/* ppoll and pselect: poll, with other signals blocked meanwhile. */
#define _GNU_SOURCE
#include "coquina.h"
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <time.h>

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    int milliseconds = -1;
    uint64_t old;
    if (timeout) {
        long long whole = timeout->tv_sec * 1000LL + (timeout->tv_nsec + 999999) / 1000000;
        if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= 1000000000)
            return cq_result(-EINVAL);
        milliseconds = whole > INT_MAX ? INT_MAX : (int)whole;
    }
    if (mask)
        cq_sigmask(CQ_MASK_SET, *mask, &old);
    int result = poll(fds, count, milliseconds);
    if (mask) {
        int error = errno;
        cq_sigmask(CQ_MASK_SET, old, NULL);
        errno = error;
    }
    return result;
}

/* The descriptors of a set that are ready for what was asked. */
static int keep(fd_set *set, const struct pollfd *fds, nfds_t count, short events)
{
    int kept = 0;
    if (!set)
        return 0;
    FD_ZERO(set);
    for (nfds_t i = 0; i < count; i++) {
        if (fds[i].events == events && fds[i].revents) {
            FD_SET(fds[i].fd, set);
            kept++;
        }
    }
    return kept;
}

static nfds_t ask(const fd_set *set, int limit, struct pollfd *fds, short events)
{
    nfds_t count = 0;
    for (int fd = 0; set && fd < limit; fd++)
        if (FD_ISSET(fd, set))
            fds[count++] = (struct pollfd){ .fd = fd, .events = events };
    return count;
}

/* There are no exceptional conditions. */
int pselect(int limit, fd_set *restrict reads, fd_set *restrict writes, fd_set *restrict exceptions,
            const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
    struct pollfd fds[2 * FD_SETSIZE];
    if (limit < 0 || limit > FD_SETSIZE)
        return cq_result(-EINVAL);
    nfds_t count = ask(reads, limit, fds, POLLIN);
    count += ask(writes, limit, fds + count, POLLOUT);
    int result = ppoll(fds, count, timeout, mask);
    if (result < 0)
        return -1;
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].revents & POLLNVAL)
            return cq_result(-EBADF);
    if (exceptions)
        FD_ZERO(exceptions);
    return keep(reads, fds, count, POLLIN) + keep(writes, fds, count, POLLOUT);
}
