#ifndef _WASI_EMULATED_GETPID
#define _WASI_EMULATED_GETPID 1
#endif
#define __NEED_intptr_t
#include <bits/alltypes.h>
#include_next <unistd.h>
#ifndef __coquina_unistd_h
#define __coquina_unistd_h
#define __NEED_mode_t
#define __NEED_pid_t
#define __NEED_uid_t
#define __NEED_gid_t
#include <bits/alltypes.h>
#ifdef __cplusplus
extern "C" {
#endif
int pipe(int[2]);
int pipe2(int[2], int);
int dup(int);
int dup2(int, int);
int dup3(int, int, int);
int chown(const char *, uid_t, gid_t);
int fchown(int, uid_t, gid_t);
int lchown(const char *, uid_t, gid_t);
int fchownat(int, const char *, uid_t, gid_t, int);
int fchdir(int);
char *get_current_dir_name(void);
unsigned alarm(unsigned);
int pause(void);
int execve(const char *, char *const[], char *const[]);
int execv(const char *, char *const[]);
int execle(const char *, const char *, ...);
int execl(const char *, const char *, ...);
int execvp(const char *, char *const[]);
int execlp(const char *, const char *, ...);
int execvpe(const char *, char *const[], char *const[]);
int fexecve(int, char *const[], char *const[]);
pid_t getppid(void);
pid_t getpgrp(void);
pid_t getpgid(pid_t);
int setpgid(pid_t, pid_t);
pid_t setpgrp(void);
pid_t setsid(void);
pid_t getsid(pid_t);
pid_t gettid(void);
char *ttyname(int);
int ttyname_r(int, char *, size_t);
pid_t tcgetpgrp(int);
int tcsetpgrp(int, pid_t);
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
int getgroups(int, gid_t[]);
int setgroups(size_t, const gid_t *);
int setuid(uid_t);
int seteuid(uid_t);
int setgid(gid_t);
int setegid(gid_t);
int setreuid(uid_t, uid_t);
int setregid(gid_t, gid_t);
int setresuid(uid_t, uid_t, uid_t);
int setresgid(gid_t, gid_t, gid_t);
int getresuid(uid_t *, uid_t *, uid_t *);
int getresgid(gid_t *, gid_t *, gid_t *);
int issetugid(void);
int lockf(int, int, off_t);
int nice(int);
void sync(void);
int syncfs(int);
int chroot(const char *);
int getpagesize(void);
int getdtablesize(void);
void closefrom(int);
int sethostname(const char *, size_t);
int getdomainname(char *, size_t);
char *getpass(const char *);
int euidaccess(const char *, int);
int eaccess(const char *, int);

/* fork and vfork come back twice by setjmp: see fork.c in the toolchain's libc. */
#ifdef __wasm_exception_handling__
struct __jmp_buf_tag;
int __coquina_setjmp(struct __jmp_buf_tag *) __asm__("setjmp") __attribute__((__returns_twice__));
struct __jmp_buf_tag *__coquina_fork_frame(void);
pid_t __coquina_fork_child(void);
pid_t __coquina_fork_parent(void);
#define fork() (__coquina_setjmp(__coquina_fork_frame()) ? __coquina_fork_parent() : __coquina_fork_child())
#define vfork() fork()
#else
pid_t fork(void);
pid_t vfork(void);
pid_t __coquina_no_fork(void) __attribute__((__warning__("fork fails with ENOSYS unless compiled with coquina-cc -fcoquina-sjlj")));
#define fork() __coquina_no_fork()
#define vfork() __coquina_no_fork()
#endif
#ifdef __cplusplus
}
#endif
#endif
