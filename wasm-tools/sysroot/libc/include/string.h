#include_next <string.h>
#ifndef __coquina_string_h
#define __coquina_string_h
#ifdef _GNU_SOURCE
#ifdef __cplusplus
extern "C" {
#endif
const char *sigabbrev_np(int);
const char *sigdescr_np(int);
void *rawmemchr(const void *, int);
#ifdef __cplusplus
}
#endif
#endif
#endif
