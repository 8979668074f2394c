/* The imports of docs/abi.md as C functions, and what this library's files share. Not installed. */
#ifndef COQUINA_H
#define COQUINA_H
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/* Each returns a value >= 0, or minus an errno. A path is a range of bytes; a list is a range of strings with a NUL each. */
#define CQ_IMPORT(name) __attribute__((import_module("coquina_v1"), import_name(#name)))

int cq_open(int dirfd, const char *path, size_t len, int flags, int mode) CQ_IMPORT(open);
int cq_stat(int dirfd, const char *path, size_t len, int flags, void *out) CQ_IMPORT(stat);
int cq_chmod(int dirfd, const char *path, size_t len, int mode, int flags) CQ_IMPORT(chmod);
int cq_chown(int dirfd, const char *path, size_t len, int uid, int gid, int flags) CQ_IMPORT(chown);
int cq_mkdir(int dirfd, const char *path, size_t len, int mode) CQ_IMPORT(mkdir);
int cq_mkfifo(int dirfd, const char *path, size_t len, int mode) CQ_IMPORT(mkfifo);
int cq_access(int dirfd, const char *path, size_t len, int mode, int flags) CQ_IMPORT(access);
int cq_umask(int mask) CQ_IMPORT(umask);
int cq_chdir(const char *path, size_t len) CQ_IMPORT(chdir);
int cq_fchdir(int fd) CQ_IMPORT(fchdir);
int cq_getcwd(char *buf, size_t len) CQ_IMPORT(getcwd);
int cq_statfs(int dirfd, const char *path, size_t len, void *out) CQ_IMPORT(statfs);
int cq_pipe(int ends[2], int flags) CQ_IMPORT(pipe);
int cq_dup(int fd, int min, int cloexec) CQ_IMPORT(dup);
int cq_dup2(int fd, int to, int cloexec) CQ_IMPORT(dup2);
int cq_cloexec(int fd, int on) CQ_IMPORT(cloexec);
int cq_flock(int fd, int op) CQ_IMPORT(flock);
int cq_ttysize(int fd, void *out) CQ_IMPORT(ttysize);
int cq_exec(const char *path, size_t len, const char *argv, size_t argv_len, const char *env, size_t env_len, int flags)
    CQ_IMPORT(exec);
int cq_vfork(void) CQ_IMPORT(vfork);
int cq_vfork_exit(int status) CQ_IMPORT(vfork_exit);
int cq_wait(int pid, int flags, int *status) CQ_IMPORT(wait);
int cq_kill(int pid, int sig) CQ_IMPORT(kill);
int cq_getpid(void) CQ_IMPORT(getpid);
int cq_getppid(void) CQ_IMPORT(getppid);
int cq_getpgid(int pid) CQ_IMPORT(getpgid);
int cq_setpgid(int pid, int pgid) CQ_IMPORT(setpgid);
int cq_setsid(void) CQ_IMPORT(setsid);
int cq_getids(unsigned out[4]) CQ_IMPORT(getids);
int cq_hostname(char *buf, size_t len) CQ_IMPORT(hostname);
int cq_usage(int who, void *out) CQ_IMPORT(usage);
int cq_sigaction(int sig, int how) CQ_IMPORT(sigaction);
int cq_sigmask(int how, uint64_t set, uint64_t *old) CQ_IMPORT(sigmask);
int cq_sigtake(void) CQ_IMPORT(sigtake);
int cq_pause(uint64_t mask) CQ_IMPORT(pause);
int cq_alarm(int64_t first, int64_t every) CQ_IMPORT(alarm);

/* What some of them write or take. */
struct cq_stat {
    uint64_t dev, ino, nlink;
    uint32_t mode, uid, gid, zero;
    uint64_t rdev, size, blocks;
    int64_t atime, mtime, ctime, birthtime;
    uint64_t reserved[2];
};
struct cq_statfs {
    uint64_t block_size, blocks, free, available, files, files_free, name_max, type;
};
struct cq_usage {
    uint64_t user, system, peak; /* ns, ns, bytes */
};
enum { CQ_NOFOLLOW = 1 };                                      /* flags of stat, chmod, chown, access */
enum { CQ_SEARCH = 1 };                                        /* flag of exec: look in PATH */
enum { CQ_PIPE_CLOEXEC = 1, CQ_PIPE_NONBLOCK = 2 };            /* flags of pipe */
enum { CQ_SIG_DEFAULT, CQ_SIG_IGNORE, CQ_SIG_CATCH, CQ_SIG_CATCH_RESTART, CQ_SIG_ASK = -1 };
enum { CQ_MASK_BLOCK, CQ_MASK_UNBLOCK, CQ_MASK_SET, CQ_MASK_ASK = -1 };

/* The C convention: -1 and errno. */
static inline int cq_result(int result)
{
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

/* exec.c. Becomes the program, with its descriptors and all; returns a pid in a vfork child's parent, or minus an errno. */
int __coquina_exec(const char *file, char *const argv[], char *const envp[], int search);

/* fork.c, which only programs with fork have: returns if the caller is not a fork's child, else never. */
void __coquina_fork_exit(int status, int flush) __attribute__((weak));
void __coquina_fork_execed(int pid) __attribute__((weak));

/* signal.c, if the program has handlers: keeps and restores them around a fork's child, and runs what is pending. */
size_t __coquina_signal_state(void *copy, int restore) __attribute__((weak));
void __coquina_signal_run(void) __attribute__((weak));
#endif
