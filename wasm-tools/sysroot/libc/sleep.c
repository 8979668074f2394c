/* Sleeping, which a signal ends early with the time that was left. wasi-libc's sleeps know no signals. */
#define _GNU_SOURCE
#include "coquina.h"
#include <sys/select.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

enum { SECOND = 1000000000 };

struct __clockid {
    __wasi_clockid_t id;
};

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *rest)
{
    if (time->tv_nsec < 0 || time->tv_nsec >= SECOND || time->tv_sec < 0)
        return EINVAL;
    __wasi_timestamp_t timeout = time->tv_sec * (uint64_t)SECOND + time->tv_nsec;
    struct timespec start, end;
    clock_gettime(clock, &start);
    __wasi_subscription_t sleep = {
        .u = { .tag = __WASI_EVENTTYPE_CLOCK, .u.clock = { .id = clock->id, .timeout = timeout, .flags = flags } },
    };
    __wasi_event_t event;
    size_t count;
    int error = __wasi_poll_oneoff(&sleep, &event, 1, &count);
    if (!error)
        return event.error;
    if (error == EINTR && rest && !(flags & TIMER_ABSTIME)) {
        clock_gettime(clock, &end);
        int64_t slept = (end.tv_sec - start.tv_sec) * (int64_t)SECOND + end.tv_nsec - start.tv_nsec;
        int64_t left = (int64_t)timeout > slept ? (int64_t)timeout - slept : 0;
        *rest = (struct timespec){ .tv_sec = left / SECOND, .tv_nsec = left % SECOND };
    }
    return error;
}

int nanosleep(const struct timespec *time, struct timespec *rest)
{
    return cq_result(-clock_nanosleep(CLOCK_REALTIME, 0, time, rest)) < 0 ? -1 : 0;
}

unsigned sleep(unsigned seconds)
{
    struct timespec time = { .tv_sec = seconds }, rest = { 0 };
    return nanosleep(&time, &rest) < 0 ? rest.tv_sec + (rest.tv_nsec >= SECOND / 2) : 0;
}

int usleep(unsigned usec)
{
    struct timespec time = { .tv_sec = usec / 1000000, .tv_nsec = usec % 1000000 * 1000 };
    return nanosleep(&time, NULL);
}
