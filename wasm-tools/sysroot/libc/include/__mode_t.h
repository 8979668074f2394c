/* Modes, with a fifo's own type: wasi-libc gives it a socket's. */
#include_next <__mode_t.h>
#undef S_IFIFO
#define S_IFIFO (0x1000)
#undef S_IFMT
#define S_IFMT (0xf000)
