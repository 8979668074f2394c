/* wasi-libc marks tmpfile and tmpnam as missing. */
#define __deprecated__(why) __unused__
#include_next <stdio.h>
#undef __deprecated__
#ifndef __coquina_stdio_h
#define __coquina_stdio_h
#ifdef __cplusplus
extern "C" {
#endif
FILE *popen(const char *, const char *);
int pclose(FILE *);
char *tempnam(const char *, const char *);
void flockfile(FILE *);
int ftrylockfile(FILE *);
void funlockfile(FILE *);
#ifndef L_tmpnam
#define TMP_MAX 10000
#define L_tmpnam 20
#endif
#ifndef P_tmpdir
#define P_tmpdir "/tmp"
#endif
#if defined(_LARGEFILE64_SOURCE) || defined(_GNU_SOURCE)
#define tmpfile64 tmpfile
#endif
#ifdef __cplusplus
}
#endif
#endif
