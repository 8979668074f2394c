/* alarm, setitimer and timer_create: one real-time timer, whose expiry is SIGALRM. */
#define _GNU_SOURCE
#include "coquina.h"
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000000000 };

static int64_t due, period; /* monotonic ns, 0 if not set; ns */

static int64_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * (int64_t)SECOND + ts.tv_nsec;
}

/* Time left, > 0 while the timer runs. */
static int64_t left(void)
{
    if (!due)
        return 0;
    int64_t rest = due - now();
    if (rest <= 0 && period)
        rest = period - (-rest % period);
    return rest > 0 ? rest : 0;
}

static int set(int64_t first, int64_t every)
{
    int result = cq_result(cq_alarm(first, first ? every : 0));
    if (result >= 0) {
        due = first ? now() + first : 0;
        period = first ? every : 0;
    }
    return result;
}

unsigned alarm(unsigned seconds)
{
    int64_t rest = left();
    set(seconds * (int64_t)SECOND, 0);
    return (rest + SECOND - 1) / SECOND;
}

static int64_t from_timeval(struct timeval tv)
{
    return tv.tv_sec * SECOND + tv.tv_usec * 1000;
}

static struct timeval to_timeval(int64_t ns)
{
    return (struct timeval){ .tv_sec = ns / SECOND, .tv_usec = ns % SECOND / 1000 };
}

int getitimer(int which, struct itimerval *old)
{
    if (which != ITIMER_REAL)
        return cq_result(-ENOTSUP);
    *old = (struct itimerval){ .it_value = to_timeval(left()), .it_interval = to_timeval(period) };
    return 0;
}

int setitimer(int which, const struct itimerval *restrict new, struct itimerval *restrict old)
{
    struct itimerval before;
    if (getitimer(which, &before) < 0 || set(from_timeval(new->it_value), from_timeval(new->it_interval)) < 0)
        return -1;
    if (old)
        *old = before;
    return 0;
}

unsigned ualarm(unsigned usec, unsigned every)
{
    int64_t rest = left();
    set(usec * 1000ll, every * 1000ll);
    return rest / 1000;
}

static int created;

int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer)
{
    int wants_alarm = !event || (event->sigev_notify == SIGEV_SIGNAL && event->sigev_signo == SIGALRM);
    if (!wants_alarm || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
        return cq_result(-ENOTSUP);
    if (created)
        return cq_result(-EAGAIN);
    created = 1;
    *timer = &created;
    return 0;
}

int timer_delete(timer_t timer)
{
    if (timer != &created || !created)
        return cq_result(-EINVAL);
    created = 0;
    return set(0, 0);
}

static int64_t from_timespec(struct timespec ts)
{
    return ts.tv_sec * (int64_t)SECOND + ts.tv_nsec;
}

static struct timespec to_timespec(int64_t ns)
{
    return (struct timespec){ .tv_sec = ns / SECOND, .tv_nsec = ns % SECOND };
}

int timer_gettime(timer_t timer, struct itimerspec *old)
{
    if (timer != &created || !created)
        return cq_result(-EINVAL);
    *old = (struct itimerspec){ .it_value = to_timespec(left()), .it_interval = to_timespec(period) };
    return 0;
}

int timer_settime(timer_t timer, int flags, const struct itimerspec *restrict new, struct itimerspec *restrict old)
{
    struct itimerspec before;
    if (flags & TIMER_ABSTIME)
        return cq_result(-ENOTSUP);
    if (timer_gettime(timer, &before) < 0 || set(from_timespec(new->it_value), from_timespec(new->it_interval)) < 0)
        return -1;
    if (old)
        *old = before;
    return 0;
}

int timer_getoverrun(timer_t timer)
{
    (void)timer;
    return 0;
}
