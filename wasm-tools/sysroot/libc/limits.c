/* Limits and priorities. The sandbox's limits are not the process's to change or to see. */
#define _GNU_SOURCE
#include "coquina.h"
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

enum { OPEN_FILES = 1024 };

int getrlimit(int which, struct rlimit *limit)
{
    if (which < 0 || which >= RLIMIT_NLIMITS)
        return cq_result(-EINVAL);
    rlim_t value = RLIM_INFINITY;
    if (which == RLIMIT_NOFILE)
        value = OPEN_FILES;
    else if (which == RLIMIT_STACK)
        value = 1 << 20;
    else if (which == RLIMIT_CORE)
        value = 0;
    *limit = (struct rlimit){ .rlim_cur = value, .rlim_max = value };
    return 0;
}

/* Setting what is set already is no change. */
int setrlimit(int which, const struct rlimit *limit)
{
    struct rlimit now;
    if (getrlimit(which, &now) < 0)
        return -1;
    return limit->rlim_cur == now.rlim_cur && limit->rlim_max == now.rlim_max ? 0 : cq_result(-EPERM);
}

int prlimit(pid_t pid, int which, const struct rlimit *new, struct rlimit *old)
{
    if (pid && pid != getpid())
        return cq_result(-EPERM);
    if (old && getrlimit(which, old) < 0)
        return -1;
    return new ? setrlimit(which, new) : 0;
}

int getdtablesize(void)
{
    return OPEN_FILES;
}

/* Niceness is a number that the process may raise; the kernel runs all processes alike. */
enum { NICEST = 19 };
static int niceness;

int getpriority(int which, id_t who)
{
    int own = which == PRIO_PROCESS && (!who || (pid_t)who == getpid());
    return own ? niceness : 0;
}

int setpriority(int which, id_t who, int value)
{
    if (which != PRIO_PROCESS || (who && (pid_t)who != getpid()))
        return cq_result(-EPERM);
    if (value < niceness)
        return cq_result(-EACCES);
    niceness = value < NICEST ? value : NICEST;
    return 0;
}

int nice(int change)
{
    if (change < 0)
        return cq_result(-EPERM);
    return setpriority(PRIO_PROCESS, 0, change < NICEST ? niceness + change : NICEST) < 0 ? -1 : niceness;
}
