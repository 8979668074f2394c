/* What signals are called, in glibc's words. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct { const char *name, *text; } signals[] = {
    [SIGHUP] = { "HUP", "Hangup" },
    [SIGINT] = { "INT", "Interrupt" },
    [SIGQUIT] = { "QUIT", "Quit" },
    [SIGILL] = { "ILL", "Illegal instruction" },
    [SIGTRAP] = { "TRAP", "Trace/breakpoint trap" },
    [SIGABRT] = { "ABRT", "Aborted" },
    [SIGBUS] = { "BUS", "Bus error" },
    [SIGFPE] = { "FPE", "Floating point exception" },
    [SIGKILL] = { "KILL", "Killed" },
    [SIGUSR1] = { "USR1", "User defined signal 1" },
    [SIGSEGV] = { "SEGV", "Segmentation fault" },
    [SIGUSR2] = { "USR2", "User defined signal 2" },
    [SIGPIPE] = { "PIPE", "Broken pipe" },
    [SIGALRM] = { "ALRM", "Alarm clock" },
    [SIGTERM] = { "TERM", "Terminated" },
    [SIGSTKFLT] = { "STKFLT", "Stack fault" },
    [SIGCHLD] = { "CHLD", "Child exited" },
    [SIGCONT] = { "CONT", "Continued" },
    [SIGSTOP] = { "STOP", "Stopped (signal)" },
    [SIGTSTP] = { "TSTP", "Stopped" },
    [SIGTTIN] = { "TTIN", "Stopped (tty input)" },
    [SIGTTOU] = { "TTOU", "Stopped (tty output)" },
    [SIGURG] = { "URG", "Urgent I/O condition" },
    [SIGXCPU] = { "XCPU", "CPU time limit exceeded" },
    [SIGXFSZ] = { "XFSZ", "File size limit exceeded" },
    [SIGVTALRM] = { "VTALRM", "Virtual timer expired" },
    [SIGPROF] = { "PROF", "Profiling timer expired" },
    [SIGWINCH] = { "WINCH", "Window changed" },
    [SIGIO] = { "IO", "I/O possible" },
    [SIGPWR] = { "PWR", "Power failure" },
    [SIGSYS] = { "SYS", "Bad system call" },
};
enum { NAMED = sizeof signals / sizeof *signals };

const char *sigabbrev_np(int sig)
{
    return sig > 0 && sig < NAMED ? signals[sig].name : NULL;
}

const char *sigdescr_np(int sig)
{
    return sig > 0 && sig < NAMED ? signals[sig].text : NULL;
}

char *strsignal(int sig)
{
    static char other[32];
    const char *text = sigdescr_np(sig);
    if (text)
        return (char *)text;
    if (sig >= SIGRTMIN && sig <= SIGRTMAX)
        snprintf(other, sizeof other, "Real-time signal %d", sig - SIGRTMIN);
    else
        snprintf(other, sizeof other, "Unknown signal %d", sig);
    return other;
}

void psignal(int sig, const char *prefix)
{
    const char *colon = prefix && *prefix ? ": " : "";
    fprintf(stderr, "%s%s%s\n", prefix ? prefix : "", colon, strsignal(sig));
}

void psiginfo(const siginfo_t *info, const char *prefix)
{
    psignal(info->si_signo, prefix);
}
