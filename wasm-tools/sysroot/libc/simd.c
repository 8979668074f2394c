/* Searching, measuring, comparing and copying bytes, sixteen at a time. wasi-libc does four.
 *
 * An aligned load of sixteen bytes never crosses the end of the memory, so reading past a string's end is harmless; what
 * lies before the start or behind the end is masked away. This file is compiled with -fno-builtin, lest the compiler
 * turn a loop here into a call of itself. */
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <wasm_simd128.h>

enum { WIDTH = 16 };

/* Bit i is set if byte i of the block is `c`. */
static inline uint32_t matches(const v128_t *block, v128_t c)
{
    return wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(block), c));
}

static inline const v128_t *block_of(const void *p)
{
    return (const v128_t *)((uintptr_t)p & -WIDTH);
}

static inline unsigned offset_in_block(const void *p)
{
    return (uintptr_t)p % WIDTH;
}

static inline v128_t equal(const v128_t *block, v128_t c)
{
    return wasm_i8x16_eq(wasm_v128_load(block), c);
}

/* Whether any of four blocks has `c`. */
static inline int any_of_four(const v128_t *block, v128_t c)
{
    v128_t low = wasm_v128_or(equal(block, c), equal(block + 1, c));
    v128_t high = wasm_v128_or(equal(block + 2, c), equal(block + 3, c));
    return wasm_v128_any_true(wasm_v128_or(low, high));
}

void *memchr(const void *start, int byte, size_t len)
{
    if (!len)
        return NULL;
    const v128_t c = wasm_i8x16_splat(byte), *block = block_of(start);
    uintptr_t end;
    if (__builtin_add_overflow((uintptr_t)start, len, &end)) /* a caller's "as long as it takes" */
        end = UINTPTR_MAX;
    uint32_t found = matches(block, c) & ~0u << offset_in_block(start);
    while (!found) {
        block++;
        while ((uintptr_t)block < end && end - (uintptr_t)block >= 4 * WIDTH && !any_of_four(block, c))
            block += 4;
        if ((uintptr_t)block >= end)
            return NULL;
        found = matches(block, c);
    }
    uintptr_t at = (uintptr_t)block + __builtin_ctz(found);
    return at < end ? (void *)at : NULL;
}

/* Four blocks at once only where they cannot reach past the memory's end: from where they are one 64-byte unit. */
void *rawmemchr(const void *start, int byte)
{
    const v128_t c = wasm_i8x16_splat(byte), *block = block_of(start);
    uint32_t found = matches(block, c) & ~0u << offset_in_block(start);
    while (!found) {
        block++;
        if ((uintptr_t)block % (4 * WIDTH) == 0)
            while (!any_of_four(block, c))
                block += 4;
        found = matches(block, c);
    }
    return (char *)block + __builtin_ctz(found);
}

void *memrchr(const void *start, int byte, size_t len)
{
    if (!len)
        return NULL;
    const char *last = (const char *)start + len - 1;
    const v128_t c = wasm_i8x16_splat(byte), *block = block_of(last), *first = block_of(start);
    uint32_t found = matches(block, c) & ~0u >> (31 - offset_in_block(last));
    while (!found) {
        if (block == first)
            return NULL;
        found = matches(--block, c);
    }
    const char *at = (const char *)block + 31 - __builtin_clz(found);
    return at >= (const char *)start ? (void *)at : NULL;
}

void *__memrchr(const void *, int, size_t) __attribute__((alias("memrchr")));

size_t strlen(const char *s)
{
    return (const char *)rawmemchr(s, 0) - s;
}

size_t strnlen(const char *s, size_t max)
{
    const char *end = memchr(s, 0, max);
    return end ? (size_t)(end - s) : max;
}

/* The first `byte` or NUL. */
char *strchrnul(const char *s, int byte)
{
    const v128_t c = wasm_i8x16_splat(byte), zero = wasm_i8x16_splat(0), *block = block_of(s);
    uint32_t found = (matches(block, c) | matches(block, zero)) & ~0u << offset_in_block(s);
    while (!found) {
        block++;
        found = matches(block, c) | matches(block, zero);
    }
    return (char *)block + __builtin_ctz(found);
}

char *__strchrnul(const char *, int) __attribute__((alias("strchrnul")));

char *strchr(const char *s, int byte)
{
    char *at = strchrnul(s, byte);
    return *at == (char)byte ? at : NULL;
}

char *index(const char *, int) __attribute__((alias("strchr")));

char *strrchr(const char *s, int byte)
{
    return memrchr(s, byte, strlen(s) + 1);
}

char *rindex(const char *, int) __attribute__((alias("strrchr")));

int memcmp(const void *a, const void *b, size_t len)
{
    const unsigned char *p = a, *q = b;
    for (; len >= WIDTH; p += WIDTH, q += WIDTH, len -= WIDTH) {
        uint32_t same = wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(p), wasm_v128_load(q)));
        if (same != 0xffff) {
            unsigned i = __builtin_ctz(~same);
            return p[i] - q[i];
        }
    }
    for (; len; p++, q++, len--)
        if (*p != *q)
            return *p - *q;
    return 0;
}

int bcmp(const void *, const void *, size_t) __attribute__((alias("memcmp")));

/* Strings: block by block while neither load can leave the memory's 64 KiB page, else byte by byte. */
static inline int crosses_page(const void *p)
{
    return ((uintptr_t)p & 0xffff) > 0x10000 - WIDTH;
}

int strncmp(const char *a, const char *b, size_t max)
{
    const unsigned char *p = (const void *)a, *q = (const void *)b;
    const v128_t zero = wasm_i8x16_splat(0);
    while (max >= WIDTH && !crosses_page(p) && !crosses_page(q)) {
        v128_t x = wasm_v128_load(p), y = wasm_v128_load(q);
        uint32_t stop = ~wasm_i8x16_bitmask(wasm_i8x16_eq(x, y)) & 0xffff;
        stop |= wasm_i8x16_bitmask(wasm_i8x16_eq(x, zero));
        if (stop) {
            unsigned i = __builtin_ctz(stop);
            return p[i] - q[i];
        }
        p += WIDTH, q += WIDTH, max -= WIDTH;
    }
    for (unsigned n = 0; max; p++, q++, max--) {
        if (*p != *q || !*p)
            return *p - *q;
        if (++n == WIDTH) /* past the page's end: on with blocks */
            return max > 1 ? strncmp((const char *)p + 1, (const char *)q + 1, max - 1) : 0;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

/* Copying and setting: small lengths by overlapping loads and stores, others by the machine's own instruction. All loads
 * come before the first store, so that the ranges may overlap. */
static inline void small_copy(char *d, const char *s, size_t len)
{
    if (len >= 16) {
        v128_t first = wasm_v128_load(s), last = wasm_v128_load(s + len - 16);
        if (len > 32) {
            v128_t second = wasm_v128_load(s + 16), third = wasm_v128_load(s + len - 32);
            wasm_v128_store(d + 16, second);
            wasm_v128_store(d + len - 32, third);
        }
        wasm_v128_store(d, first);
        wasm_v128_store(d + len - 16, last);
    } else if (len >= 8) {
        uint64_t first, last;
        __builtin_memcpy(&first, s, 8);
        __builtin_memcpy(&last, s + len - 8, 8);
        __builtin_memcpy(d, &first, 8);
        __builtin_memcpy(d + len - 8, &last, 8);
    } else if (len >= 4) {
        uint32_t first, last;
        __builtin_memcpy(&first, s, 4);
        __builtin_memcpy(&last, s + len - 4, 4);
        __builtin_memcpy(d, &first, 4);
        __builtin_memcpy(d + len - 4, &last, 4);
    } else if (len) {
        char first = s[0], middle = s[len / 2], last = s[len - 1];
        d[0] = first, d[len / 2] = middle, d[len - 1] = last;
    }
}

void *memmove(void *to, const void *from, size_t len)
{
    if (len > 64)
        return __builtin_memmove(to, from, len);
    small_copy(to, from, len);
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    return memmove(to, from, len); /* memory.copy is the same for both */
}

void *mempcpy(void *restrict to, const void *restrict from, size_t len)
{
    return (char *)memmove(to, from, len) + len;
}

void *memset(void *to, int byte, size_t len)
{
    char *d = to;
    if (len > 64)
        return __builtin_memset(to, byte, len);
    if (len >= 16) {
        v128_t c = wasm_i8x16_splat(byte);
        wasm_v128_store(d, c);
        wasm_v128_store(d + len - 16, c);
        if (len > 32) {
            wasm_v128_store(d + 16, c);
            wasm_v128_store(d + len - 32, c);
        }
        return to;
    }
    if (len >= 4) {
        uint32_t c = (unsigned char)byte * 0x01010101u;
        __builtin_memcpy(d, &c, 4);
        __builtin_memcpy(d + len - 4, &c, 4);
        if (len > 8) {
            __builtin_memcpy(d + 4, &c, 4);
            __builtin_memcpy(d + len - 8, &c, 4);
        }
        return to;
    }
    for (size_t i = 0; i < len; i++)
        d[i] = byte;
    return to;
}

char *stpcpy(char *restrict to, const char *restrict from)
{
    size_t len = strlen(from);
    memmove(to, from, len + 1);
    return to + len;
}

char *__stpcpy(char *restrict, const char *restrict) __attribute__((alias("stpcpy")));

char *strcpy(char *restrict to, const char *restrict from)
{
    stpcpy(to, from);
    return to;
}

char *strcat(char *restrict to, const char *restrict from)
{
    stpcpy(to + strlen(to), from);
    return to;
}
