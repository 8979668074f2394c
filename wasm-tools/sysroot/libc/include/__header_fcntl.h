/* wasi-libc's flags, and those that mean nothing to it. */
#include_next <__header_fcntl.h>
#ifndef __coquina___header_fcntl_h
#define __coquina___header_fcntl_h
#undef O_CLOEXEC
#define O_CLOEXEC 0x20000000
#define F_DUPFD 0
#define F_GETLK 5
#define F_SETLK 6
#define F_SETLKW 7
#define F_DUPFD_CLOEXEC 1030
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#endif
