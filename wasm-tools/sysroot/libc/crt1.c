/* _start. That it calls the constructors itself keeps the linker from wrapping every export in them and in the exit
 * functions: a wrapped __coquina_signal would end the program's streams at its first signal. */
#include <stdlib.h>

void __wasm_call_ctors(void);
void __coquina_start(void);
int __main_void(void);

__attribute__((export_name("_start"))) void _start(void)
{
    __wasm_call_ctors();
    __coquina_start();
    exit(__main_void());
}
