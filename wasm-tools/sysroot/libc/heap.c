/* The heap's end. wasi-libc's sbrk always grows the memory; this one first hands out what the module started with. */
#define _GNU_SOURCE
#include "coquina.h"
#include <unistd.h>

extern unsigned char __heap_base;
enum { PAGE = 65536, ALIGN = 16 };

void *sbrk(intptr_t change)
{
    static uintptr_t end;
    if (!end)
        end = ((uintptr_t)&__heap_base + ALIGN - 1) & -ALIGN;
    uintptr_t old = end;
    if (change < 0 ? (uintptr_t)-change > old - (uintptr_t)&__heap_base : (uintptr_t)change > UINTPTR_MAX - old)
        goto fail;
    uintptr_t new = old + change, have = __builtin_wasm_memory_size(0) * (uintptr_t)PAGE;
    if (have && new > have) {
        uintptr_t pages = (new - have + PAGE - 1) / PAGE;
        if (__builtin_wasm_memory_grow(0, pages) == (uintptr_t)-1)
            goto fail;
    }
    end = new;
    return (void *)old;
fail:
    errno = ENOMEM;
    return (void *)-1;
}
