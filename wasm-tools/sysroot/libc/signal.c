/* Handlers. The kernel keeps what is ignored, caught and blocked; this keeps which function catches what. The kernel runs
 * handlers through the export below, at blocking calls; a signal that one sends to oneself or unblocks is taken at once. */
#define _GNU_SOURCE
#include "coquina.h"
#include <signal.h>

static struct sigaction actions[NSIG];

void __SIG_IGN(int sig)
{
    (void)sig;
}

void __SIG_ERR(int sig)
{
    (void)sig;
}

static uint64_t bit(int sig)
{
    return 1ull << (sig - 1);
}

__attribute__((export_name("__coquina_signal"))) void __coquina_signal(int sig)
{
    if (sig <= 0 || sig >= NSIG)
        return;
    struct sigaction action = actions[sig];
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)
        return;
    uint64_t blocked = action.sa_mask | (action.sa_flags & SA_NODEFER ? 0 : bit(sig)), old;
    int error = errno;
    if (action.sa_flags & SA_RESETHAND) {
        actions[sig].sa_handler = SIG_DFL;
        cq_sigaction(sig, CQ_SIG_DEFAULT);
    }
    cq_sigmask(CQ_MASK_BLOCK, blocked, &old);
    if (action.sa_flags & SA_SIGINFO) {
        siginfo_t info = { .si_signo = sig, .si_code = SI_USER };
        action.sa_sigaction(sig, &info, NULL);
    } else {
        action.sa_handler(sig);
    }
    cq_sigmask(CQ_MASK_SET, old, NULL);
    errno = error;
}

/* Runs the handlers of what is pending and not blocked. */
void __coquina_signal_run(void)
{
    for (int sig; (sig = cq_sigtake()) > 0;)
        __coquina_signal(sig);
}

size_t __coquina_signal_state(void *copy, int restore)
{
    if (copy)
        memcpy(restore ? (void *)actions : copy, restore ? copy : (void *)actions, sizeof actions);
    return sizeof actions;
}

int sigaction(int sig, const struct sigaction *restrict new, struct sigaction *restrict old)
{
    if (sig <= 0 || sig >= NSIG)
        return cq_result(-EINVAL);
    int how = CQ_SIG_ASK;
    if (new) {
        if (new->sa_handler == SIG_DFL)
            how = CQ_SIG_DEFAULT;
        else if (new->sa_handler == SIG_IGN)
            how = CQ_SIG_IGNORE;
        else
            how = new->sa_flags & SA_RESTART ? CQ_SIG_CATCH_RESTART : CQ_SIG_CATCH;
    }
    if (new) /* what is due goes to the handler that it was sent to */
        __coquina_signal_run();
    struct sigaction before = actions[sig];
    if (new) /* first, since the kernel may run it within the call */
        actions[sig] = *new;
    int was = cq_sigaction(sig, how);
    if (was < 0) {
        actions[sig] = before;
        return cq_result(was);
    }
    if (old) {
        *old = before;
        if (was == CQ_SIG_DEFAULT)
            old->sa_handler = SIG_DFL;
        else if (was == CQ_SIG_IGNORE)
            old->sa_handler = SIG_IGN;
    }
    return 0;
}

void (*signal(int sig, void (*handler)(int)))(int)
{
    struct sigaction new = { .sa_handler = handler, .sa_flags = SA_RESTART }, old;
    return sigaction(sig, &new, &old) < 0 ? SIG_ERR : old.sa_handler;
}

void (*bsd_signal(int sig, void (*handler)(int)))(int)
{
    return signal(sig, handler);
}

int siginterrupt(int sig, int interrupts)
{
    struct sigaction action;
    if (sigaction(sig, NULL, &action) < 0)
        return -1;
    action.sa_flags = interrupts ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
    return sigaction(sig, &action, NULL);
}

int sigaltstack(const stack_t *restrict new, stack_t *restrict old)
{
    (void)new, (void)old;
    return cq_result(-ENOSYS);
}
