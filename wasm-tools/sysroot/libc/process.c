/* Processes: who one is, waiting, process groups, resource use. */
#define _GNU_SOURCE
#include "coquina.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

pid_t getpid(void)
{
    return cq_getpid();
}

pid_t gettid(void)
{
    return cq_getpid();
}

pid_t getppid(void)
{
    return cq_getppid();
}

pid_t getpgid(pid_t pid)
{
    return cq_result(cq_getpgid(pid));
}

pid_t getpgrp(void)
{
    return cq_getpgid(0);
}

int setpgid(pid_t pid, pid_t pgid)
{
    return cq_result(cq_setpgid(pid, pgid));
}

pid_t setpgrp(void)
{
    return setpgid(0, 0);
}

pid_t setsid(void)
{
    return cq_result(cq_setsid());
}

pid_t getsid(pid_t pid)
{
    (void)pid;
    return cq_result(-ENOSYS);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
    int ignored;
    return cq_result(cq_wait(pid, options & WNOHANG, status ? status : &ignored));
}

pid_t wait(int *status)
{
    return waitpid(-1, status, 0);
}

static struct timeval to_timeval(uint64_t ns)
{
    return (struct timeval){ .tv_sec = ns / 1000000000, .tv_usec = ns % 1000000000 / 1000 };
}

static int usage(int who, struct cq_usage *raw)
{
    *raw = (struct cq_usage){ 0 };
    return cq_result(cq_usage(who, raw));
}

static struct rusage to_rusage(const struct cq_usage *raw)
{
    return (struct rusage){
        .ru_utime = to_timeval(raw->user),
        .ru_stime = to_timeval(raw->system),
        .ru_maxrss = raw->peak / 1024,
    };
}

/* One child's use is what waiting for it added to all children's. */
pid_t wait4(pid_t pid, int *status, int options, struct rusage *use)
{
    struct cq_usage before, after;
    if (use && usage(RUSAGE_CHILDREN, &before) < 0)
        return -1;
    pid_t result = waitpid(pid, status, options);
    if (!use || result < 0)
        return result;
    if (usage(RUSAGE_CHILDREN, &after) < 0)
        return -1;
    after.user -= before.user;
    after.system -= before.system;
    *use = to_rusage(&after);
    return result;
}

pid_t wait3(int *status, int options, struct rusage *use)
{
    return wait4(-1, status, options, use);
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    int status;
    pid_t which = type == P_PID ? (pid_t)id : type == P_PGID ? -(pid_t)id : -1;
    if (!(options & WEXITED) || (options & WNOWAIT))
        return cq_result(-ENOTSUP);
    pid_t pid = waitpid(which, &status, options & WNOHANG);
    if (pid < 0)
        return -1;
    if (!info)
        return 0;
    *info = (siginfo_t){ 0 };
    if (pid) {
        info->si_signo = SIGCHLD;
        info->si_pid = pid;
        info->si_code = WIFEXITED(status) ? CLD_EXITED : CLD_KILLED;
        info->si_status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    }
    return 0;
}

int __coquina_getrusage(int who, struct rusage *use)
{
    struct cq_usage raw;
    if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN && who != RUSAGE_THREAD)
        return cq_result(-EINVAL);
    if (usage(who == RUSAGE_CHILDREN ? RUSAGE_CHILDREN : RUSAGE_SELF, &raw) < 0)
        return -1;
    *use = to_rusage(&raw);
    return 0;
}

/* The symbol `getrusage` is for those who know wasi-libc's short struct rusage: Rust's libc crate. */
struct short_rusage {
    struct timeval user, system;
};
#undef getrusage
int wasi_getrusage(int who, struct short_rusage *use) __asm__("getrusage");
int wasi_getrusage(int who, struct short_rusage *use)
{
    enum { WASI_SELF = 1, WASI_CHILDREN = 2 };
    struct rusage full;
    if (__coquina_getrusage(who == WASI_CHILDREN ? RUSAGE_CHILDREN : RUSAGE_SELF, &full) < 0)
        return -1;
    *use = (struct short_rusage){ .user = full.ru_utime, .system = full.ru_stime };
    return 0;
}

clock_t times(struct tms *use)
{
    enum { TICK_NS = 10000000 }; /* sysconf(_SC_CLK_TCK) is 100 */
    struct cq_usage self, children;
    struct timespec now;
    if (usage(RUSAGE_SELF, &self) < 0 || usage(RUSAGE_CHILDREN, &children) < 0)
        return -1;
    if (use)
        *use = (struct tms){
            .tms_utime = self.user / TICK_NS, .tms_stime = self.system / TICK_NS,
            .tms_cutime = children.user / TICK_NS, .tms_cstime = children.system / TICK_NS,
        };
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 100 + now.tv_nsec / TICK_NS;
}

clock_t clock(void)
{
    struct cq_usage self;
    return usage(RUSAGE_SELF, &self) < 0 ? -1 : (clock_t)(self.user + self.system);
}

void closefrom(int from)
{
    for (int fd = from < 0 ? 0 : from; fd < getdtablesize(); fd++)
        close(fd);
}
