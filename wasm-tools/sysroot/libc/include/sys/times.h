#define _WASI_EMULATED_PROCESS_CLOCKS 1
#include_next <sys/times.h>
