/* For programs that jump only when strcoll fails, which Coquina's does not (ls, diff): setjmp without exceptions. */
#ifdef __wasm_exception_handling__
#include_next <setjmp.h>
#else
#ifndef COQUINA_NOJUMP_SETJMP_H
#define COQUINA_NOJUMP_SETJMP_H
typedef int jmp_buf[1];
typedef jmp_buf sigjmp_buf;
#define setjmp(env) ((void)(env), 0)
#define longjmp(env, value) ((void)(env), __builtin_trap())
#endif
#endif
