#include_next <poll.h>
#ifndef __coquina_poll_h
#define __coquina_poll_h
#define __NEED_sigset_t
#define __NEED_struct_timespec
#include <bits/alltypes.h>
#ifdef __cplusplus
extern "C" {
#endif
int ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
#ifdef __cplusplus
}
#endif
#endif
