/* strtod and its kin. wasi-libc's are right but do everything in software long doubles; most numbers that programs read are
 * short, and for those one multiplication or division is as right. The rest goes to wasi-libc's scanf. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A number as it was found in the text. */
struct found {
    const char *start, *end; /* with its sign; the same if there is none */
    int negative, simple;    /* simple: nothing but what follows says what it is */
    uint64_t digits;         /* up to 19 of them */
    int exponent;            /* of ten */
};

static const char *digits_end(const char *at)
{
    while (isdigit((unsigned char)*at))
        at++;
    return at;
}

/* The end of "e+12", if that is what stands there, else `at`. */
static const char *exponent_end(const char *at, char letter)
{
    if ((*at | 32) != letter)
        return at;
    const char *digits = at + 1 + (at[1] == '+' || at[1] == '-');
    const char *end = digits_end(digits);
    return end > digits ? end : at;
}

/* Hexadecimal, infinite or not a number; NULL if none of them. */
static const char *special_end(const char *at)
{
    if (!strncasecmp(at, "inf", 3))
        return at + (strncasecmp(at, "infinity", 8) ? 3 : 8);
    if (!strncasecmp(at, "nan", 3)) {
        const char *end = at + 3;
        if (*end != '(')
            return end;
        for (end++; isalnum((unsigned char)*end) || *end == '_'; end++)
            ;
        return *end == ')' ? end + 1 : at + 3;
    }
    if (*at != '0' || (at[1] | 32) != 'x')
        return NULL;
    const char *end = at + 2;
    int any = 0;
    for (int point = 0; isxdigit((unsigned char)*end) || (*end == '.' && !point); end++) {
        point |= *end == '.';
        any |= *end != '.';
    }
    return any ? exponent_end(end, 'p') : at + 1; /* "0x" alone is a zero */
}

static struct found find(const char *text)
{
    struct found found = { .start = text, .end = text };
    const char *at = text;
    while (isspace((unsigned char)*at))
        at++;
    const char *start = at;
    found.negative = *at == '-';
    at += *at == '-' || *at == '+';
    const char *special = special_end(at);
    if (special) {
        found.start = start;
        found.end = special;
        return found;
    }
    int count = 0, any = 0, scale = 0, point = 0;
    for (;; at++) {
        if (isdigit((unsigned char)*at)) {
            any = 1;
            scale -= point;
            if (found.digits || *at != '0')
                count++;
            if (count <= 19)
                found.digits = found.digits * 10 + (*at - '0');
        } else if (*at == '.' && !point) {
            point = 1;
        } else {
            break;
        }
    }
    if (!any)
        return found;
    found.start = start;
    found.end = exponent_end(at, 'e');
    found.simple = count <= 19 && found.end - at < 7;
    if (found.simple)
        found.exponent = scale + (found.end > at ? atoi(at + 1) : 0);
    return found;
}

/* The hard ones, through scanf. */
static int scan(const struct found *found, const char *how, void *value)
{
    char small[128];
    size_t len = found->end - found->start;
    char *text = len < sizeof small ? small : malloc(len + 1);
    if (!text)
        return 0;
    memcpy(text, found->start, len);
    text[len] = 0;
    int read = sscanf(text, how, value) == 1;
    if (text != small)
        free(text);
    return read;
}

#define FINISH(text, end, found)                                        \
    if (end)                                                            \
        *(end) = (char *)(found.end > found.start ? found.end : (text));

double strtod(const char *restrict text, char **restrict end)
{
    static const double tens[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    struct found found = find(text);
    double value = 0;
    FINISH(text, end, found)
    /* Both parts are exact as doubles, so the one operation rounds as it should. */
    if (found.simple && found.digits <= 1ull << 53 && found.exponent >= -22 && found.exponent <= 22) {
        value = found.exponent < 0 ? found.digits / tens[-found.exponent] : found.digits * tens[found.exponent];
        return found.negative ? -value : value;
    }
    if (found.end > found.start)
        scan(&found, "%lf", &value);
    /* No decimal number of a bearable length is exact down there. */
    if (value > -DBL_MIN && value < DBL_MIN && value != 0 && !memchr(found.start, 'x', 3) && !memchr(found.start, 'X', 3))
        errno = ERANGE;
    return value;
}

float strtof(const char *restrict text, char **restrict end)
{
    static const float tens[] = { 1e0f, 1e1f, 1e2f, 1e3f, 1e4f, 1e5f, 1e6f, 1e7f, 1e8f, 1e9f, 1e10f };
    struct found found = find(text);
    float value = 0;
    FINISH(text, end, found)
    if (found.simple && found.digits <= 1 << 24 && found.exponent >= -10 && found.exponent <= 10) {
        value = found.exponent < 0 ? found.digits / tens[-found.exponent] : found.digits * tens[found.exponent];
        return found.negative ? -value : value;
    }
    if (found.end > found.start)
        scan(&found, "%f", &value);
    return value;
}

long double strtold(const char *restrict text, char **restrict end)
{
    struct found found = find(text);
    long double value = 0;
    FINISH(text, end, found)
    if (found.simple && found.exponent <= 0 && found.exponent >= -19) {
        uint64_t ten = 1;
        for (int i = found.exponent; i < 0; i++)
            ten *= 10;
        value = found.exponent ? (long double)found.digits / ten : (long double)found.digits;
        return found.negative ? -value : value;
    }
    if (found.end > found.start)
        scan(&found, "%Lf", &value);
    return value;
}

double strtod_l(const char *restrict text, char **restrict end, locale_t locale)
{
    return strtod(text, end);
}

float strtof_l(const char *restrict text, char **restrict end, locale_t locale)
{
    return strtof(text, end);
}

long double strtold_l(const char *restrict text, char **restrict end, locale_t locale)
{
    return strtold(text, end);
}
