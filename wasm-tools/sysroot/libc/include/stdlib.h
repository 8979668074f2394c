#include_next <stdlib.h>
#ifndef __coquina_stdlib_h
#define __coquina_stdlib_h
#ifdef __cplusplus
extern "C" {
#endif
int mkstemp(char *);
int mkostemp(char *, int);
int mkstemps(char *, int);
int mkostemps(char *, int, int);
char *mkdtemp(char *);
char *mktemp(char *);
char *realpath(const char *__restrict, char *__restrict);
char *canonicalize_file_name(const char *);
void qsort_r(void *, size_t, size_t, int (*)(const void *, const void *, void *), void *);
int getloadavg(double *, int);
void *reallocarray(void *, size_t, size_t);
void *memalign(size_t, size_t);
void *valloc(size_t);
char *secure_getenv(const char *);
const char *getprogname(void);
int posix_openpt(int);
int grantpt(int);
int unlockpt(int);
char *ptsname(int);
#if defined(_XOPEN_SOURCE) || defined(_GNU_SOURCE) || defined(_BSD_SOURCE)
#define WNOHANG 1
#define WUNTRACED 2
#define WEXITSTATUS(s) (((s) & 0xff00) >> 8)
#define WTERMSIG(s) ((s) & 0x7f)
#define WSTOPSIG(s) WEXITSTATUS(s)
#define WIFEXITED(s) (!WTERMSIG(s))
#define WIFSTOPPED(s) (((s) & 0xff) == 0x7f)
#define WIFSIGNALED(s) (WTERMSIG(s) && !WIFSTOPPED(s))
#endif
#ifdef __cplusplus
}
#endif
#endif
