/* Sending, blocking and waiting for signals, which a program may do without a handler of its own. */
#define _GNU_SOURCE
#include "coquina.h"
#include <signal.h>
#include <unistd.h>

static void take(void)
{
    if (__coquina_signal_run)
        __coquina_signal_run();
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    static const int hows[] = { [SIG_BLOCK] = CQ_MASK_BLOCK, [SIG_UNBLOCK] = CQ_MASK_UNBLOCK, [SIG_SETMASK] = CQ_MASK_SET };
    if (set && (how < 0 || how > SIG_SETMASK))
        return cq_result(-EINVAL);
    uint64_t was = 0;
    int result = cq_result(cq_sigmask(set ? hows[how] : CQ_MASK_ASK, set ? *set : 0, &was));
    if (result < 0)
        return -1;
    if (old)
        *old = was;
    if (set && how != SIG_BLOCK)
        take();
    return 0;
}

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    return sigprocmask(how, set, old) < 0 ? errno : 0;
}

int kill(pid_t pid, int sig)
{
    int result = cq_result(cq_kill(pid, sig));
    if (result >= 0)
        take();
    return result;
}

int killpg(pid_t pgrp, int sig)
{
    return pgrp < 0 ? cq_result(-EINVAL) : kill(-pgrp, sig);
}

int raise(int sig)
{
    return kill(cq_getpid(), sig);
}

int sigqueue(pid_t pid, int sig, const union sigval value)
{
    (void)value;
    return kill(pid, sig);
}

int sigsuspend(const sigset_t *mask)
{
    return cq_result(cq_pause(*mask));
}

int pause(void)
{
    uint64_t mask;
    cq_sigmask(CQ_MASK_ASK, 0, &mask);
    return cq_result(cq_pause(mask));
}

int sigpending(sigset_t *set)
{
    (void)set;
    return cq_result(-ENOSYS);
}

int sigwait(const sigset_t *restrict set, int *restrict sig)
{
    (void)set, (void)sig;
    return ENOSYS;
}

int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
    (void)set, (void)info;
    return cq_result(-ENOSYS);
}

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info, const struct timespec *restrict timeout)
{
    (void)timeout;
    return sigwaitinfo(set, info);
}

/* Sets. */
int sigemptyset(sigset_t *set)
{
    *set = 0;
    return 0;
}

int sigfillset(sigset_t *set)
{
    *set = ~0ull;
    return 0;
}

static int valid(int sig)
{
    return (sig > 0 && sig < NSIG) || cq_result(-EINVAL) >= 0;
}

int sigaddset(sigset_t *set, int sig)
{
    if (!valid(sig))
        return -1;
    *set |= 1ull << (sig - 1);
    return 0;
}

int sigdelset(sigset_t *set, int sig)
{
    if (!valid(sig))
        return -1;
    *set &= ~(1ull << (sig - 1));
    return 0;
}

int sigismember(const sigset_t *set, int sig)
{
    return valid(sig) ? *set >> (sig - 1) & 1 : -1;
}

int sigisemptyset(const sigset_t *set)
{
    return !*set;
}

int sigorset(sigset_t *to, const sigset_t *a, const sigset_t *b)
{
    *to = *a | *b;
    return 0;
}

int sigandset(sigset_t *to, const sigset_t *a, const sigset_t *b)
{
    *to = *a & *b;
    return 0;
}

int __libc_current_sigrtmin(void)
{
    return 35;
}

int __libc_current_sigrtmax(void)
{
    return 64;
}
