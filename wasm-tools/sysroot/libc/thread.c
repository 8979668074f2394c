/* Threads: there is one. Making another fails; locks always succeed, since nobody else can hold them; waiting for another
 * thread to do something would wait for ever, and fails. */
#define _GNU_SOURCE
#include "coquina.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ALWAYS(name, ...)          \
    int name(__VA_ARGS__)          \
    {                              \
        return 0;                  \
    }
#define NEVER(name, error, ...)    \
    int name(__VA_ARGS__)          \
    {                              \
        return error;              \
    }

static char self;

pthread_t pthread_self(void)
{
    return (pthread_t)&self;
}

int(pthread_equal)(pthread_t a, pthread_t b)
{
    return a == b;
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr, void *(*start)(void *), void *restrict arg)
{
    (void)thread, (void)attr, (void)start, (void)arg;
    return EAGAIN;
}

NEVER(pthread_join, EDEADLK, pthread_t, void **)
NEVER(pthread_detach, ESRCH, pthread_t)
NEVER(pthread_cancel, ESRCH, pthread_t)
NEVER(pthread_cond_wait, EDEADLK, pthread_cond_t *restrict, pthread_mutex_t *restrict)
NEVER(pthread_cond_timedwait, ETIMEDOUT, pthread_cond_t *restrict, pthread_mutex_t *restrict, const struct timespec *restrict)
NEVER(pthread_barrier_wait, EDEADLK, pthread_barrier_t *)

_Noreturn void pthread_exit(void *value)
{
    (void)value;
    exit(0);
}

void pthread_testcancel(void)
{
}

int pthread_setcancelstate(int state, int *old)
{
    (void)state;
    if (old)
        *old = PTHREAD_CANCEL_DISABLE;
    return 0;
}

int pthread_setcanceltype(int type, int *old)
{
    (void)type;
    if (old)
        *old = PTHREAD_CANCEL_DEFERRED;
    return 0;
}

ALWAYS(pthread_attr_init, pthread_attr_t *)
ALWAYS(pthread_attr_destroy, pthread_attr_t *)
ALWAYS(pthread_attr_setstacksize, pthread_attr_t *, size_t)
ALWAYS(pthread_attr_setguardsize, pthread_attr_t *, size_t)
ALWAYS(pthread_attr_setdetachstate, pthread_attr_t *, int)
ALWAYS(pthread_attr_setscope, pthread_attr_t *, int)

int pthread_attr_getstacksize(const pthread_attr_t *restrict attr, size_t *restrict size)
{
    (void)attr;
    *size = 1 << 20;
    return 0;
}

int pthread_attr_getdetachstate(const pthread_attr_t *attr, int *state)
{
    (void)attr;
    *state = PTHREAD_CREATE_JOINABLE;
    return 0;
}

ALWAYS(pthread_mutex_init, pthread_mutex_t *restrict, const pthread_mutexattr_t *restrict)
ALWAYS(pthread_mutex_destroy, pthread_mutex_t *)
ALWAYS(pthread_mutex_lock, pthread_mutex_t *)
ALWAYS(pthread_mutex_trylock, pthread_mutex_t *)
ALWAYS(pthread_mutex_timedlock, pthread_mutex_t *restrict, const struct timespec *restrict)
ALWAYS(pthread_mutex_unlock, pthread_mutex_t *)
ALWAYS(pthread_mutex_consistent, pthread_mutex_t *)
ALWAYS(pthread_mutexattr_init, pthread_mutexattr_t *)
ALWAYS(pthread_mutexattr_destroy, pthread_mutexattr_t *)
ALWAYS(pthread_mutexattr_settype, pthread_mutexattr_t *, int)
ALWAYS(pthread_mutexattr_setpshared, pthread_mutexattr_t *, int)
ALWAYS(pthread_mutexattr_setrobust, pthread_mutexattr_t *, int)
ALWAYS(pthread_cond_init, pthread_cond_t *restrict, const pthread_condattr_t *restrict)
ALWAYS(pthread_cond_destroy, pthread_cond_t *)
ALWAYS(pthread_cond_signal, pthread_cond_t *)
ALWAYS(pthread_cond_broadcast, pthread_cond_t *)
ALWAYS(pthread_condattr_init, pthread_condattr_t *)
ALWAYS(pthread_condattr_destroy, pthread_condattr_t *)
ALWAYS(pthread_condattr_setclock, pthread_condattr_t *, clockid_t)
ALWAYS(pthread_condattr_setpshared, pthread_condattr_t *, int)
ALWAYS(pthread_rwlock_init, pthread_rwlock_t *restrict, const pthread_rwlockattr_t *restrict)
ALWAYS(pthread_rwlock_destroy, pthread_rwlock_t *)
ALWAYS(pthread_rwlock_rdlock, pthread_rwlock_t *)
ALWAYS(pthread_rwlock_tryrdlock, pthread_rwlock_t *)
ALWAYS(pthread_rwlock_wrlock, pthread_rwlock_t *)
ALWAYS(pthread_rwlock_trywrlock, pthread_rwlock_t *)
ALWAYS(pthread_rwlock_unlock, pthread_rwlock_t *)
ALWAYS(pthread_rwlockattr_init, pthread_rwlockattr_t *)
ALWAYS(pthread_rwlockattr_destroy, pthread_rwlockattr_t *)
ALWAYS(pthread_spin_init, pthread_spinlock_t *, int)
ALWAYS(pthread_spin_destroy, pthread_spinlock_t *)
ALWAYS(pthread_spin_lock, pthread_spinlock_t *)
ALWAYS(pthread_spin_trylock, pthread_spinlock_t *)
ALWAYS(pthread_spin_unlock, pthread_spinlock_t *)
ALWAYS(pthread_barrier_init, pthread_barrier_t *restrict, const pthread_barrierattr_t *restrict, unsigned)
ALWAYS(pthread_barrier_destroy, pthread_barrier_t *)
ALWAYS(pthread_atfork, void (*)(void), void (*)(void), void (*)(void))

int pthread_once(pthread_once_t *once, void (*run)(void))
{
    if (!*once) {
        *once = 1;
        run();
    }
    return 0;
}

/* Keys: their values are as good as global variables. Destructors would run when a thread ends, which none does. */
enum { KEYS = 128 };
static void *values[KEYS];
static char used[KEYS];

int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
    (void)destroy;
    for (unsigned i = 0; i < KEYS; i++) {
        if (!used[i]) {
            used[i] = 1;
            values[i] = NULL;
            *key = i;
            return 0;
        }
    }
    return EAGAIN;
}

int pthread_key_delete(pthread_key_t key)
{
    if (key >= KEYS || !used[key])
        return EINVAL;
    used[key] = 0;
    return 0;
}

void *pthread_getspecific(pthread_key_t key)
{
    return key < KEYS ? values[key] : NULL;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    if (key >= KEYS || !used[key])
        return EINVAL;
    values[key] = (void *)value;
    return 0;
}

/* stdio's locks, which only another thread could hold. */
void flockfile(FILE *file)
{
    (void)file;
}

int ftrylockfile(FILE *file)
{
    (void)file;
    return 0;
}

void funlockfile(FILE *file)
{
    (void)file;
}

int *__errno_location(void)
{
    return &errno;
}
