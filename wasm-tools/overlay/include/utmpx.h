/* Who is logged in: nobody. */
#ifndef COQUINA_UTMPX_H
#define COQUINA_UTMPX_H
#include <stddef.h>
#include <sys/time.h>
#include <sys/types.h>

enum { EMPTY, RUN_LVL, BOOT_TIME, NEW_TIME, OLD_TIME, INIT_PROCESS, LOGIN_PROCESS, USER_PROCESS, DEAD_PROCESS };
#define BOOT_TIME BOOT_TIME
#define USER_PROCESS USER_PROCESS
#define UTMPX_FILE "/run/utmp"
#define WTMPX_FILE "/var/log/wtmp"

struct utmpx {
    short ut_type;
    pid_t ut_pid;
    char ut_line[32], ut_id[4], ut_user[32], ut_host[256];
    struct { short e_termination, e_exit; } ut_exit;
    struct timeval ut_tv;
    int ut_addr_v6[4];
};

static inline void setutxent(void) {}
static inline void endutxent(void) {}
static inline struct utmpx *getutxent(void) { return NULL; }
static inline int utmpxname(const char *file) { return (void)file, 0; }
#endif
