/* wasi-libc's wants max_align_t, which C99 does not have. */
#include <__typedef_max_align_t.h>
#include_next <__struct_sockaddr_storage.h>
