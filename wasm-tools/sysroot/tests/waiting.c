/* poll and select. */
#include "helper.h"
#include <poll.h>
#include <sys/select.h>
#include <time.h>

static void noted(int sig)
{
    (void)sig;
}

int main(void)
{
    int a[2], b[2];
    char byte;
    if (pipe(a) < 0 || pipe(b) < 0)
        return 1;
    struct pollfd fds[3] = { { .fd = a[0], .events = POLLIN }, { .fd = b[0], .events = POLLIN }, { .fd = b[1], .events = POLLOUT } };
    printf("nothing: %d\n", poll(fds, 2, 0));
    printf("after a while: %d\n", poll(fds, 2, 30));
    printf("writable: %d %d %d %d\n", poll(fds, 3, -1), !!fds[0].revents, !!fds[1].revents, fds[2].revents == POLLOUT);
    if (write(a[1], "x", 1) == 1)
        printf("readable: %d %d %d\n", poll(fds, 2, -1), fds[0].revents == POLLIN, !!fds[1].revents);
    close(b[1]);
    printf("hung up: %d %d\n", poll(fds + 1, 1, -1), !!(fds[1].revents & POLLHUP));
    close(b[0]);

    fd_set reads, writes;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_SET(a[0], &reads);
    FD_SET(a[1], &writes);
    struct timeval timeout = { .tv_sec = 5 };
    printf("select: %d %d %d\n", select(a[1] + 1, &reads, &writes, NULL, &timeout), FD_ISSET(a[0], &reads), FD_ISSET(a[1], &writes));
    if (read(a[0], &byte, 1) != 1)
        return 1;
    FD_ZERO(&reads);
    FD_SET(a[0], &reads);
    timeout = (struct timeval){ .tv_usec = 20000 };
    printf("select: %d %d\n", select(a[0] + 1, &reads, NULL, NULL, &timeout), FD_ISSET(a[0], &reads));
    FD_SET(100, &reads);
    printf("closed: %d %s\n", select(101, &reads, NULL, NULL, &timeout), why());

    /* a signal that is blocked until pselect waits */
    sigset_t set, old;
    struct sigaction action = { .sa_handler = noted };
    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    struct timespec long_time = { .tv_sec = 5 };
    FD_ZERO(&reads);
    FD_SET(a[0], &reads);
    int result = pselect(a[0] + 1, &reads, NULL, NULL, &long_time, &old);
    printf("pselect: %d %s\n", result, result < 0 ? why() : "");
    return 0;
}
