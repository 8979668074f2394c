#include_next <fcntl.h>
#ifndef __coquina_fcntl_h
#define __coquina_fcntl_h
#ifdef _GNU_SOURCE
#ifdef __cplusplus
extern "C" {
#endif
int fallocate(int, int, off_t, off_t);
#define FALLOC_FL_KEEP_SIZE 1
#define FALLOC_FL_PUNCH_HOLE 2
#ifdef __cplusplus
}
#endif
#endif
#endif
