/* The functions of simd.c against plain loops, on random bytes at random places. */
#include "helper.h"
#include <stdint.h>

static uint64_t state = 88172645463325252u;

static unsigned next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 32;
}

static void check(int good, const char *what, int round)
{
    if (!good) {
        printf("%s is wrong in round %d\n", what, round);
        exit(1);
    }
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static unsigned char a[600], b[600], c[600], d[600];

static void search(int round, int at, int len, int byte)
{
    char *text = (char *)a + at;
    void *first = NULL, *last = NULL, *in_text = NULL, *last_in_text = NULL;
    size_t length = 0;
    for (int i = len; i--;)
        if (a[at + i] == byte)
            first = a + at + i;
    for (int i = 0; i < len; i++)
        if (a[at + i] == byte)
            last = a + at + i;
    while (text[length])
        length++;
    for (size_t i = 0; i <= length; i++)
        if ((unsigned char)text[i] == byte) {
            last_in_text = text + i;
            if (!in_text)
                in_text = text + i;
        }
    check(memchr(text, byte, len) == first, "memchr", round);
    check(memrchr(text, byte, len) == last, "memrchr", round);
    check(strlen(text) == length, "strlen", round);
    check(strnlen(text, len) == ((size_t)len < length ? (size_t)len : length), "strnlen", round);
    check(strchr(text, byte) == in_text, "strchr", round);
    check(strrchr(text, byte) == last_in_text, "strrchr", round);
    check(strchrnul(text, byte) == (in_text ? in_text : text + length), "strchrnul", round);
    check(stpcpy((char *)d, text) == (char *)d + length && !memcmp(d, text, length + 1), "stpcpy", round);
}

static void compare(int round, int at, int with, int len)
{
    int all = 0, text = 0, part = 0;
    for (int i = len; i--;)
        if (a[at + i] != b[with + i])
            all = a[at + i] - b[with + i];
    for (int i = 0;; i++)
        if ((text = a[at + i] - b[with + i]) || !a[at + i])
            break;
    for (int i = 0; i < len; i++)
        if ((part = a[at + i] - b[with + i]) || !a[at + i])
            break;
    check(sign(memcmp(a + at, b + with, len)) == sign(all), "memcmp", round);
    check(sign(strcmp((char *)a + at, (char *)b + with)) == sign(text), "strcmp", round);
    check(sign(strncmp((char *)a + at, (char *)b + with, len)) == sign(part), "strncmp", round);
}

static void copy(int round, int at, int to, int len, int byte)
{
    memcpy(c, a, 300);
    for (int i = 0; i < 300; i++)
        d[i] = i >= to && i < to + len ? a[at + i - to] : a[i];
    memmove(c + to, c + at, len);
    check(!memcmp(c, d, 300), "memmove", round);
    memcpy(c + at, b + to, len);
    for (int i = 0; i < 300; i++)
        check(c[i] == (i >= at && i < at + len ? b[to + i - at] : d[i]), "memcpy", round);
    memcpy(d, c, 300);
    memset(c + at, byte, len);
    for (int i = 0; i < 300; i++)
        check(c[i] == (i >= at && i < at + len ? byte : d[i]), "memset", round);
}

/* Across and up to the end of a page of the memory. */
static void at_pages_end(void)
{
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    char *room = malloc(200000), *edge = (char *)(((uintptr_t)room + 0x1ffff) & ~(uintptr_t)0xffff);
    for (int before = 0; before <= 27; before++) {
        char *at = strcpy(edge - before, text);
        check(strlen(at) == 26 && !strcmp(at, text) && strchr(at, 'z') == at + 25, "a page's end", before);
        check(memchr(at, 'y', SIZE_MAX) == at + 24 && rawmemchr(at, 'x') == at + 23, "no end", before);
    }
    free(room);
}

int main(void)
{
    for (int round = 0; round < 200000; round++) {
        int letters = next() % 3;
        for (int i = 0; i < 200; i++) {
            a[i] = letters == 0 ? next() % 3 : letters == 1 ? next() % 256 : next() % 20 ? 'a' : next() % 256;
            b[i] = next() % 10 ? a[i] : next() % 256;
        }
        a[199] = b[199] = 0;
        int at = next() % 40, len = next() % 100, byte = next() % 4 ? a[next() % 200] : next() % 256, with = next() % 3 ? at : next() % 40;
        search(round, at, len, byte);
        compare(round, at, with, len);
        copy(round, at, with, len, byte);
    }
    at_pages_end();
    puts("all right");
    return 0;
}
