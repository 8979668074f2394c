/* err.h. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *getprogname(void);

void vwarnx(const char *format, va_list args)
{
    fprintf(stderr, "%s: ", getprogname());
    if (format)
        vfprintf(stderr, format, args);
    putc('\n', stderr);
}

void vwarn(const char *format, va_list args)
{
    const char *reason = strerror(errno);
    fprintf(stderr, "%s: ", getprogname());
    if (format) {
        vfprintf(stderr, format, args);
        fputs(": ", stderr);
    }
    fprintf(stderr, "%s\n", reason);
}

_Noreturn void verr(int status, const char *format, va_list args)
{
    vwarn(format, args);
    exit(status);
}

_Noreturn void verrx(int status, const char *format, va_list args)
{
    vwarnx(format, args);
    exit(status);
}

#define WITH_ARGS(call)          \
    va_list args;                \
    va_start(args, format);      \
    call;                        \
    va_end(args);

void warn(const char *format, ...)
{
    WITH_ARGS(vwarn(format, args))
}

void warnx(const char *format, ...)
{
    WITH_ARGS(vwarnx(format, args))
}

_Noreturn void err(int status, const char *format, ...)
{
    WITH_ARGS(verr(status, format, args))
}

_Noreturn void errx(int status, const char *format, ...)
{
    WITH_ARGS(verrx(status, format, args))
}
