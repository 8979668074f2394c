/* sysconf and pathconf. */
#define _GNU_SOURCE
#include "coquina.h"
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

long sysconf(int name)
{
    switch (name) {
    case _SC_ARG_MAX:
        return 2097152;
    case _SC_CHILD_MAX:
        return 1024;
    case _SC_CLK_TCK:
        return 100;
    case _SC_NGROUPS_MAX:
        return 65536;
    case _SC_OPEN_MAX:
    case _SC_STREAM_MAX:
        return getdtablesize();
    case _SC_TZNAME_MAX:
        return 15;
    case _SC_PAGESIZE:
        return getpagesize();
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN:
        return 1;
    case _SC_LINE_MAX:
        return 2048;
    case _SC_RE_DUP_MAX:
        return 32767;
    case _SC_BC_BASE_MAX:
    case _SC_BC_SCALE_MAX:
        return 99;
    case _SC_BC_DIM_MAX:
        return 2048;
    case _SC_BC_STRING_MAX:
        return 1000;
    case _SC_COLL_WEIGHTS_MAX:
        return 255;
    case _SC_EXPR_NEST_MAX:
        return 32;
    case _SC_IOV_MAX:
        return 1024;
    case _SC_HOST_NAME_MAX:
        return 64;
    case _SC_LOGIN_NAME_MAX:
        return 256;
    case _SC_TTY_NAME_MAX:
        return 32;
    case _SC_SYMLOOP_MAX:
        return 40;
    case _SC_GETPW_R_SIZE_MAX:
    case _SC_GETGR_R_SIZE_MAX:
        return 1024;
    case _SC_RTSIG_MAX:
        return 30;
    case _SC_TIMER_MAX:
        return 1;
    case _SC_ATEXIT_MAX:
    case _SC_DELAYTIMER_MAX:
        return INT_MAX;
    case _SC_NZERO:
        return 20;
    case _SC_THREAD_KEYS_MAX:
        return 128;
    case _SC_VERSION:
    case _SC_2_VERSION:
    case _SC_2_C_BIND:
    case _SC_FSYNC:
    case _SC_SPAWN:
    case _SC_TIMEOUTS:
    case _SC_MONOTONIC_CLOCK:
    case _SC_CPUTIME:
    case _SC_THREAD_SAFE_FUNCTIONS:
        return _POSIX_VERSION;
    case _SC_JOB_CONTROL:
    case _SC_SAVED_IDS:
    case _SC_REGEXP:
    case _SC_SHELL:
    case _SC_XOPEN_UNIX:
    case _SC_XOPEN_ENH_I18N:
    case _SC_V7_ILP32_OFFBIG:
    case _SC_V6_ILP32_OFFBIG:
        return 1;
    case _SC_XOPEN_VERSION:
    case _SC_XOPEN_XCU_VERSION:
        return 700;
    default: /* not supported, without an error; or no such name */
        if (name < 0 || name > _SC_THREAD_ROBUST_PRIO_PROTECT)
            errno = EINVAL;
        return -1;
    }
}

static long path_limit(int name)
{
    switch (name) {
    case _PC_LINK_MAX:
        return 65535;
    case _PC_MAX_CANON:
    case _PC_MAX_INPUT:
        return 255;
    case _PC_NAME_MAX:
        return NAME_MAX;
    case _PC_PATH_MAX:
        return PATH_MAX;
    case _PC_PIPE_BUF:
        return PIPE_BUF;
    case _PC_CHOWN_RESTRICTED:
    case _PC_NO_TRUNC:
    case _PC_2_SYMLINKS:
        return 1;
    case _PC_VDISABLE:
        return 0;
    case _PC_FILESIZEBITS:
        return 64;
    case _PC_REC_INCR_XFER_SIZE:
    case _PC_REC_MIN_XFER_SIZE:
    case _PC_REC_XFER_ALIGN:
    case _PC_ALLOC_SIZE_MIN:
        return 4096;
    case _PC_SYMLINK_MAX:
        return 4095;
    default:
        if (name < 0 || name > _PC_2_SYMLINKS)
            errno = EINVAL;
        return -1;
    }
}

long pathconf(const char *path, int name)
{
    return access(path, F_OK) < 0 ? -1 : path_limit(name);
}

long fpathconf(int fd, int name)
{
    struct stat st;
    return fstat(fd, &st) < 0 ? -1 : path_limit(name);
}

/* How much memory the machine has is not the sandbox's to know. */
long get_phys_pages(void)
{
    return -1;
}

long get_avphys_pages(void)
{
    return -1;
}

int get_nprocs(void)
{
    return 1;
}

int get_nprocs_conf(void)
{
    return 1;
}
