/* Handlers, masks, timers. */
#include "helper.h"
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t caught, depth, deepest;

static void note(int sig)
{
    caught = caught * 100 + sig;
}

static void nest(int sig)
{
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (caught++ < 2)
        raise(sig); /* blocked while this runs */
    depth--;
}

static int64_t elapsed(struct timespec since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since.tv_sec) * 1000 + (now.tv_nsec - since.tv_nsec) / 1000000;
}

static void handlers(void)
{
    struct sigaction action = { .sa_handler = note }, old;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR1, NULL, &old);
    printf("installed: %s\n", old.sa_handler == note ? "yes" : "no");
    raise(SIGUSR1);
    printf("raised: %d\n", caught);
    caught = 0;
    action.sa_handler = nest;
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    printf("nested: %d deep, %d times\n", deepest, caught);
    caught = 0;
    action.sa_handler = note;
    action.sa_flags = SA_RESETHAND;
    sigaction(SIGHUP, &action, NULL);
    raise(SIGHUP);
    sigaction(SIGHUP, NULL, &old);
    printf("once: %d, then %s\n", caught, old.sa_handler == SIG_DFL ? "default" : "still");
    printf("invalid: %d %s\n", sigaction(SIGKILL, &action, NULL), why());
    caught = 0;
}

static void masks(void)
{
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    signal(SIGUSR1, note);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    printf("blocked: %d\n", caught);
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("unblocked: %d\n", caught);
    caught = 0;
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    int result = sigsuspend(&old);
    printf("sigsuspend: %d %s, caught %d\n", result, why(), caught);
    sigprocmask(SIG_SETMASK, &old, NULL);
    caught = 0;
}

static void timers(void)
{
    struct timespec start;
    signal(SIGALRM, note);
    clock_gettime(CLOCK_MONOTONIC, &start);
    printf("alarm: %u\n", alarm(100));
    printf("alarm again: %u\n", alarm(1));
    int result = pause();
    printf("pause: %d %s, caught %d, %s\n", result, why(), caught, elapsed(start) >= 900 ? "in time" : "early");
    caught = 0;

    struct itimerval every = { .it_value = { .tv_usec = 20000 }, .it_interval = { .tv_usec = 20000 } }, now;
    setitimer(ITIMER_REAL, &every, NULL);
    for (int i = 0; i < 3; i++)
        pause();
    getitimer(ITIMER_REAL, &now);
    printf("interval: %ld\n", (long)now.it_interval.tv_usec);
    setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
    printf("three: %s\n", caught == 141414 ? "yes" : "no");
    caught = 0;

    timer_t timer;
    struct itimerspec in = { .it_value = { .tv_nsec = 30000000 } };
    if (timer_create(CLOCK_REALTIME, NULL, &timer) < 0)
        printf("timer_create: %s\n", why());
    timer_settime(timer, 0, &in, NULL);
    clock_gettime(CLOCK_MONOTONIC, &start);
    struct timespec sleep = { .tv_sec = 5 }, rest = { 0 };
    result = nanosleep(&sleep, &rest);
    printf("nanosleep: %d %s, %s, rest %ld, caught %d\n", result, why(), elapsed(start) < 2000 ? "cut short" : "whole",
           (long)rest.tv_sec, caught);
    timer_delete(timer);
    caught = 0;
}

/* A read that a signal interrupts: with SA_RESTART it goes on. */
static void restart(int flags)
{
    int ends[2];
    char byte;
    struct sigaction action = { .sa_handler = note, .sa_flags = flags };
    if (pipe(ends) < 0)
        return;
    sigaction(SIGALRM, &action, NULL);
    pid_t pid = fork();
    if (!pid) { /* writes after the alarm has come */
        usleep(0);
        dup2(ends[1], 1);
        execl(self, self, "later", (char *)NULL);
        _exit(126);
    }
    struct itimerval in = { .it_value = { .tv_usec = 30000 } };
    setitimer(ITIMER_REAL, &in, NULL);
    ssize_t n = read(ends[0], &byte, 1);
    printf("%s: read %zd%s%s, caught %d\n", flags ? "restart" : "no restart", n, n < 0 ? " " : "", n < 0 ? why() : "", caught);
    caught = 0;
    close(ends[0]), close(ends[1]);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void broken_pipe(void)
{
    int ends[2], status;
    if (pipe(ends) < 0)
        return;
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    ssize_t n = write(ends[1], "x", 1);
    printf("ignored SIGPIPE: %zd %s\n", n, why());
    signal(SIGPIPE, note);
    n = write(ends[1], "x", 1);
    int error = errno;
    printf("caught SIGPIPE: %zd %s, caught %d\n", n, strerror(error), caught);
    caught = 0;
    signal(SIGPIPE, SIG_DFL);
    pid_t pid = fork();
    if (!pid) {
        dup2(ends[1], 1);
        execl(self, self, "yes", (char *)NULL);
        _exit(126);
    }
    waitpid(pid, &status, 0);
    printf("default SIGPIPE: %s\n", ended(status));
    close(ends[1]);
}

static void children(void)
{
    struct sigaction action = { .sa_handler = note };
    sigaction(SIGCHLD, &action, NULL);
    pid_t pid = fork();
    if (!pid)
        _exit(0);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    printf("SIGCHLD: %d\n", caught);
    signal(SIGCHLD, SIG_DFL);
    caught = 0;
    /* set in a child, before exec: not ours */
    signal(SIGUSR1, note);
    pid = fork();
    if (!pid) {
        signal(SIGUSR1, SIG_IGN);
        execl(self, self, "kill", "10", (char *)NULL);
        _exit(126);
    }
    int status;
    waitpid(pid, &status, 0);
    raise(SIGUSR1);
    printf("ignored there: %s; here: %d\n", ended(status), caught);
    pid = fork();
    if (!pid) {
        execl(self, self, "kill", "10", (char *)NULL);
        _exit(126);
    }
    waitpid(pid, &status, 0);
    printf("caught here, default there: %s\n", ended(status));
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "later")) {
        struct timespec time = { .tv_nsec = 150000000 };
        nanosleep(&time, NULL);
        return write(1, "x", 1) != 1;
    }
    PLAY_CHILD
    handlers();
    masks();
    timers();
    restart(0);
    restart(SA_RESTART);
    broken_pipe();
    children();
    fflush(stdout);
    abort();
}
