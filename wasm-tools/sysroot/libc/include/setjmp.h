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
#define _setjmp(env) setjmp(env)
#define _longjmp longjmp
struct __jmp_buf_tag *__coquina_save_mask(sigjmp_buf, int);
#define sigsetjmp(env, savemask) setjmp(__coquina_save_mask(env, savemask))
_Noreturn void siglongjmp(sigjmp_buf, int);
#ifdef __cplusplus
}
#endif
#endif
