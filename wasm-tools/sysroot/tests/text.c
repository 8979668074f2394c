/* Text: UTF-8, numbers, time, strings. The environment says LANG=C.UTF-8. */
#include "helper.h"
#include <ctype.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

static void multibyte(void)
{
    const char *text = "a\u00e9\u4e2d\U0001f600\xff";
    mbstate_t state = { 0 };
    size_t n;
    printf("%s, at most %zu bytes\n", nl_langinfo(CODESET), MB_CUR_MAX > 4 ? (size_t)4 : MB_CUR_MAX);
    for (const char *p = text; *p; p += n) {
        wchar_t wide;
        n = mbrtowc(&wide, p, strlen(p), &state);
        if (n == (size_t)-1) {
            printf("invalid: %s\n", why());
            break;
        }
        printf("U+%04X, %zu bytes, width %d, alpha %d\n", (unsigned)wide, n, wcwidth(wide), !!iswalpha(wide));
    }
    printf("%lc%ls %lc\n", (wint_t)0xe9, L"\u00fcber", (wint_t)towupper(0xe9));
    printf("collate: %d %d\n", strcoll("a", "B") > 0, strcoll("\u00e9", "z") > 0);
}

static void numbers(void)
{
    double third = 1.0 / 3;
    printf("%g %f %.17g %e %a\n", third, third, third, third, 0.5);
    printf("%g %g %g %g\n", INFINITY, -INFINITY, 1e300, 5e-324);
    printf("%Lf %.3Le\n", 2.5L, 1234567.0L);
    printf("%5d|%-5d|%05d|%+d|%x|%#o|%'d\n", 42, 42, 42, 42, 255, 8, 1234);
    printf("%lld %zu %jd %c %.3s|%*d\n", 1ll << 40, (size_t)7, (intmax_t)-1, 'x', "abcdef", 4, 9);
    long double wide;
    int read = sscanf("12 0x1f 3.5 word 2.25", "%d %i %*f %*s %Lf", &(int){ 0 }, &(int){ 0 }, &wide);
    printf("%d %Lg %ld %g\n", read, wide, strtol("-0x1fz", NULL, 16), strtod("1e-5", NULL));
}

static void when(const char *zone)
{
    static const time_t times[] = { 0, 951782400, 1700000000, 1720000000, 1729991400, 4000000000 };
    setenv("TZ", zone, 1);
    tzset();
    printf("%s: %s %s\n", zone, tzname[0], daylight ? tzname[1] : "");
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[100];
        struct tm tm = *localtime(&times[i]);
        strftime(text, sizeof text, "%F %T %Z %z %a %j %V", &tm);
        printf("  %s, back %s\n", text, mktime(&tm) == times[i] ? "the same" : "another");
    }
}

static void words(void)
{
    static const int errors[] = { EPERM, ENOENT, EIO, E2BIG, ENOEXEC, EBADF, ECHILD, EAGAIN, ENOMEM, EACCES, EFAULT, EBUSY, EEXIST, EXDEV,
                                  ENODEV, ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY, ETXTBSY, EFBIG, ENOSPC, ESPIPE, EROFS, EMLINK,
                                  EPIPE, EDOM, ERANGE, ENAMETOOLONG, ENOSYS, ENOTEMPTY, ELOOP, EILSEQ, EOVERFLOW, ETIMEDOUT, ENXIO };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        printf("%s%s", i ? ", " : "", strerror(errors[i]));
    puts("");
    for (int sig = 1; sig < 32; sig++)
        printf("%s%s", sig > 1 ? ", " : "", strsignal(sig));
    puts("");
}

static void locales(void)
{
    static const struct { int category; const char *name; } tries[] = {
        { LC_ALL, NULL }, { LC_MESSAGES, NULL }, { LC_TIME, "C" }, { LC_TIME, "" }, { LC_ALL, "C" }, { LC_CTYPE, NULL }, { LC_CTYPE, "C.UTF-8" },
        { LC_ALL, "xx_YY" }, { LC_CTYPE, NULL }, { LC_ALL, "POSIX" }, { LC_ALL, "" },
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        const char *name = setlocale(tries[i].category, tries[i].name);
        printf("%d %s: %s, %zu\n", (int)i, tries[i].name ? tries[i].name : "?", name ? name : "none", MB_CUR_MAX > 1 ? (size_t)4 : MB_CUR_MAX);
    }
    char *saved = strdup(setlocale(LC_ALL, NULL));
    setlocale(LC_CTYPE, "C");
    char *mixed = strdup(setlocale(LC_ALL, NULL));
    setlocale(LC_ALL, saved);
    printf("restored: %zu, mixed: %s\n", MB_CUR_MAX > 1 ? (size_t)4 : MB_CUR_MAX, setlocale(LC_ALL, mixed) ? setlocale(LC_CTYPE, NULL) : "none");
    setlocale(LC_ALL, saved);
}

int main(void)
{
    printf("%s\n", program_invocation_short_name);
    printf("before setlocale: %zu\n", MB_CUR_MAX);
    setlocale(LC_ALL, "");
    multibyte();
    locales();
    numbers();
    when("UTC0");
    when("CET-1CEST,M3.5.0,M10.5.0/3");
    when("EST5EDT,M3.2.0,M11.1.0");
    when("<+0330>-3:30");
    when("Nowhere/At/All");
    words();
    return 0;
}
