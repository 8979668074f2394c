#include_next <locale.h>
#ifndef __coquina_locale_h
#define __coquina_locale_h
#ifdef __cplusplus
extern "C" {
#endif
/* Another function than wasi-libc's, which it uses: see setlocale.c in the toolchain's libc. */
char *setlocale(int, const char *) __asm__("__coquina_setlocale");
#ifdef __cplusplus
}
#endif
#endif
