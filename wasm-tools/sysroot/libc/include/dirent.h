/* wasi-libc's opendirat would clash with gnulib's. */
#define opendirat __coquina_opendirat
#include_next <dirent.h>
#undef opendirat
#ifndef DT_SOCK
#define DT_SOCK 20
#endif
#ifndef DT_WHT
#define DT_WHT 14
#endif
