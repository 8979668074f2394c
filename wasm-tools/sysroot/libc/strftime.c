/* strftime with GNU's extensions: flags (_ - 0 ^ #), widths, and %k %l %P %s, which musl lacks or lacks in part. */
#define _GNU_SOURCE
#include <ctype.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

const char *__tm_to_tzname(const struct tm *tm);

static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };
static const char *const months[] = { "January", "February", "March", "April", "May", "June", "July", "August", "September",
                                      "October", "November", "December" };

struct out {
    char *at, *end;
    int full;
};

/* What stands between '%' and the letter. */
struct spec {
    char pad; /* '_', '-', '0', '+' or 0 */
    int width, upper, swap;
};

static void put(struct out *out, const char *text, size_t len)
{
    if ((size_t)(out->end - out->at) <= len) { /* room for the NUL as well */
        out->full = 1;
        return;
    }
    memcpy(out->at, text, len);
    out->at += len;
}

static void fill(struct out *out, char c, int count)
{
    for (; count > 0 && !out->full; count--)
        put(out, &c, 1);
}

static void put_padded(struct out *out, const struct spec *spec, const char *text, size_t len, int (*change)(int))
{
    fill(out, spec->pad == '0' || spec->pad == '+' ? '0' : ' ', spec->width - (int)len);
    for (size_t i = 0; i < len && !out->full; i++) {
        char c = change ? change((unsigned char)text[i]) : text[i];
        put(out, &c, 1);
    }
}

static void put_text(struct out *out, const struct spec *spec, const char *text, size_t len)
{
    put_padded(out, spec, text, len, spec->upper || spec->swap ? toupper : NULL);
}

static void put_number(struct out *out, struct spec spec, long long value, int digits, char default_pad)
{
    char text[32], *at = text + sizeof text;
    int negative = value < 0;
    unsigned long long rest = negative ? -(unsigned long long)value : (unsigned long long)value;
    do
        *--at = '0' + rest % 10;
    while (rest /= 10);
    if (!spec.pad)
        spec.pad = default_pad;
    int missing = digits - (int)(text + sizeof text - at) - negative;
    if (spec.pad == '_') {
        fill(out, ' ', missing);
        spec.width -= missing > 0 ? missing : 0;
    } else if (spec.pad != '-') {
        while (missing-- > 0)
            *--at = '0';
    }
    if (negative)
        *--at = '-';
    put_padded(out, &spec, at, text + sizeof text - at, NULL);
}

/* ISO 8601: the week, and the year that it belongs to. */
static int iso_week(const struct tm *tm, long long *year)
{
    *year = tm->tm_year + 1900LL;
    int week = (tm->tm_yday + 7 - (tm->tm_wday + 6) % 7) / 7; /* weeks since the first Monday, counting it */
    if ((tm->tm_wday + 371 - tm->tm_yday - 2) % 7 <= 2)        /* the first of January is in its year's first week */
        week++;
    if (!week) {
        int last_year = tm->tm_year - 1, leap = !(last_year % 4) && (last_year % 100 || !((last_year + 1900) % 400));
        struct tm end = { .tm_year = last_year, .tm_yday = tm->tm_yday + 365 + leap, .tm_wday = tm->tm_wday };
        long long ignored;
        --*year;
        return iso_week(&end, &ignored);
    }
    if (week == 53) {
        int first = (tm->tm_wday + 371 - tm->tm_yday) % 7; /* weekday of the first of January */
        int leap = !((tm->tm_year + 1900) % 4) && ((tm->tm_year + 1900) % 100 || !((tm->tm_year + 1900) % 400));
        if (first != 4 && !(first == 3 && leap)) {
            ++*year;
            return 1;
        }
    }
    return week;
}

static int hour12(const struct tm *tm)
{
    return tm->tm_hour % 12 ? tm->tm_hour % 12 : 12;
}

static void format(struct out *out, const char *text, const struct tm *tm);

static void put_formatted(struct out *out, const struct spec *spec, const char *how, const struct tm *tm)
{
    char text[128];
    struct out part = { text, text + sizeof text, 0 };
    format(&part, how, tm);
    put_padded(out, spec, text, part.at - text, spec->upper ? toupper : NULL);
}

static void put_zone(struct out *out, struct spec spec, const struct tm *tm)
{
    if (tm->tm_isdst < 0)
        return;
    int minutes = tm->__tm_gmtoff / 60, size = minutes < 0 ? -minutes : minutes;
    char sign = minutes < 0 ? '-' : '+';
    put(out, &sign, 1);
    put_number(out, spec, size / 60 * 100 + size % 60, 4, '0');
}

static void put_name(struct out *out, const struct spec *spec, const char *const names[], int count, int which, int short_form)
{
    const char *name = which >= 0 && which < count ? names[which] : "?";
    put_text(out, spec, name, short_form && name[1] ? 3 : strlen(name));
}

/* One conversion; false if there is none of that letter. */
static int convert(struct out *out, struct spec spec, char letter, const struct tm *tm)
{
    long long year = tm->tm_year + 1900LL, iso_year;
    int week;
    switch (letter) {
    case '%': put_text(out, &spec, "%", 1); return 1;
    case 'n': put_text(out, &spec, "\n", 1); return 1;
    case 't': put_text(out, &spec, "\t", 1); return 1;
    case 'a': put_name(out, &spec, days, 7, tm->tm_wday, 1); return 1;
    case 'A': put_name(out, &spec, days, 7, tm->tm_wday, 0); return 1;
    case 'b':
    case 'h': put_name(out, &spec, months, 12, tm->tm_mon, 1); return 1;
    case 'B': put_name(out, &spec, months, 12, tm->tm_mon, 0); return 1;
    case 'c': put_formatted(out, &spec, "%a %b %e %H:%M:%S %Y", tm); return 1;
    case 'x':
    case 'D': put_formatted(out, &spec, "%m/%d/%y", tm); return 1;
    case 'F': put_formatted(out, &spec, "%Y-%m-%d", tm); return 1;
    case 'R': put_formatted(out, &spec, "%H:%M", tm); return 1;
    case 'r': put_formatted(out, &spec, "%I:%M:%S %p", tm); return 1;
    case 'X':
    case 'T': put_formatted(out, &spec, "%H:%M:%S", tm); return 1;
    case 'C': put_number(out, spec, year / 100 - (year % 100 < 0), 2, '0'); return 1;
    case 'd': put_number(out, spec, tm->tm_mday, 2, '0'); return 1;
    case 'e': put_number(out, spec, tm->tm_mday, 2, '_'); return 1;
    case 'H': put_number(out, spec, tm->tm_hour, 2, '0'); return 1;
    case 'k': put_number(out, spec, tm->tm_hour, 2, '_'); return 1;
    case 'I': put_number(out, spec, hour12(tm), 2, '0'); return 1;
    case 'l': put_number(out, spec, hour12(tm), 2, '_'); return 1;
    case 'j': put_number(out, spec, tm->tm_yday + 1, 3, '0'); return 1;
    case 'm': put_number(out, spec, tm->tm_mon + 1, 2, '0'); return 1;
    case 'M': put_number(out, spec, tm->tm_min, 2, '0'); return 1;
    case 'S': put_number(out, spec, tm->tm_sec, 2, '0'); return 1;
    case 'u': put_number(out, spec, (tm->tm_wday + 6) % 7 + 1, 1, '0'); return 1;
    case 'w': put_number(out, spec, tm->tm_wday, 1, '0'); return 1;
    case 'U': put_number(out, spec, (tm->tm_yday - tm->tm_wday + 7) / 7, 2, '0'); return 1;
    case 'W': put_number(out, spec, (tm->tm_yday - (tm->tm_wday + 6) % 7 + 7) / 7, 2, '0'); return 1;
    case 'y': put_number(out, spec, (year % 100 + 100) % 100, 2, '0'); return 1;
    case 'Y': put_number(out, spec, year, 1, '0'); return 1;
    case 'V': put_number(out, spec, iso_week(tm, &iso_year), 2, '0'); return 1;
    case 'g':
    case 'G':
        week = iso_week(tm, &iso_year);
        (void)week;
        put_number(out, spec, letter == 'G' ? iso_year : (iso_year % 100 + 100) % 100, letter == 'G' ? 1 : 2, '0');
        return 1;
    case 's': {
        struct tm copy = *tm;
        put_number(out, spec, mktime(&copy), 1, '0');
        return 1;
    }
    case 'p':
    case 'P': {
        const char *half = tm->tm_hour >= 12 ? "PM" : "AM";
        put_padded(out, &spec, half, 2, letter == 'P' || spec.swap ? tolower : NULL);
        return 1;
    }
    case 'z': put_zone(out, spec, tm); return 1;
    case 'Z': {
        const char *name = tm->tm_isdst < 0 ? "" : __tm_to_tzname(tm);
        put_padded(out, &spec, name, strlen(name), spec.swap ? tolower : spec.upper ? toupper : NULL);
        return 1;
    }
    default: return 0;
    }
}

static void format(struct out *out, const char *text, const struct tm *tm)
{
    while (*text && !out->full) {
        size_t plain = strcspn(text, "%");
        put(out, text, plain);
        text += plain;
        if (!*text)
            return;
        const char *start = text++;
        struct spec spec = { 0 };
        for (;; text++) {
            if (*text && strchr("_-0+", *text))
                spec.pad = *text;
            else if (*text == '^')
                spec.upper = 1;
            else if (*text == '#')
                spec.swap = 1;
            else
                break;
        }
        for (; isdigit((unsigned char)*text) && spec.width < 100000; text++)
            spec.width = spec.width * 10 + *text - '0';
        if (*text == 'E' || *text == 'O')
            text++;
        if (*text && convert(out, spec, *text, tm))
            text++;
        else { /* as it stands */
            text += *text != 0;
            put_padded(out, &spec, start, text - start, NULL);
        }
    }
}

size_t strftime(char *restrict buf, size_t len, const char *restrict how, const struct tm *restrict tm)
{
    struct out out = { buf, buf + len, !len };
    format(&out, how, tm);
    if (out.full)
        return 0;
    *out.at = 0;
    return out.at - buf;
}

size_t strftime_l(char *restrict buf, size_t len, const char *restrict how, const struct tm *restrict tm, locale_t locale)
{
    (void)locale;
    return strftime(buf, len, how, tm);
}

size_t __strftime_l(char *restrict, size_t, const char *restrict, const struct tm *restrict, locale_t)
    __attribute__((alias("strftime_l")));

size_t wcsftime(wchar_t *restrict buf, size_t len, const wchar_t *restrict how, const struct tm *restrict tm)
{
    size_t narrow_len = wcstombs(NULL, how, 0), result = 0;
    if (narrow_len == (size_t)-1)
        return 0;
    char *narrow = malloc(narrow_len + 1), *text = malloc(len * 4 + 1);
    if (narrow && text) {
        wcstombs(narrow, how, narrow_len + 1);
        size_t used = strftime(text, len * 4 + 1, narrow, tm);
        result = used ? mbstowcs(buf, text, len) : 0;
        if (result == (size_t)-1 || result >= len)
            result = 0;
    }
    free(narrow);
    free(text);
    return result;
}

size_t wcsftime_l(wchar_t *restrict buf, size_t len, const wchar_t *restrict how, const struct tm *restrict tm, locale_t locale)
{
    (void)locale;
    return wcsftime(buf, len, how, tm);
}

size_t __wcsftime_l(wchar_t *restrict, size_t, const wchar_t *restrict, const struct tm *restrict, locale_t)
    __attribute__((alias("wcsftime_l")));
