/* setjmp is WebAssembly exceptions: code that calls it is compiled with coquina-cc -fcoquina-sjlj. */
#ifndef _SETJMP_H
#define _SETJMP_H
#ifdef __cplusplus
extern "C" {
#endif
typedef struct __jmp_buf_tag {
    void *__jump[8];
} jmp_buf[1];
typedef jmp_buf sigjmp_buf;
#ifdef __wasm_exception_handling__
int setjmp(jmp_buf) __attribute__((__returns_twice__));
#define setjmp setjmp
#else
int __coquina_no_setjmp(jmp_buf) __attribute__((__error__("setjmp needs coquina-cc -fcoquina-sjlj (or COQUINA_SJLJ=1)")));
#define setjmp(env) __coquina_no_setjmp(env)
#endif
_Noreturn void longjmp(jmp_buf, int);
/* The signal mask is not kept: sigsetjmp(env, 1) is as sigsetjmp(env, 0). */
#define _setjmp(env) setjmp(env)
#define _longjmp longjmp
#define sigsetjmp(env, savemask) setjmp(env)
#define siglongjmp longjmp
#ifdef __cplusplus
}
#endif
#endif
