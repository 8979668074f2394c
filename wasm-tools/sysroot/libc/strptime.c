/* strptime as glibc's: it fills in the weekday and the day of the year where the date is known, and knows %s and %z. */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };
static const char *const months[] = { "January", "February", "March", "April", "May", "June", "July", "August", "September",
                                      "October", "November", "December" };

/* What has been read beside the fields themselves. */
struct seen {
    int date, year, month, day, weekday, yearday; /* whether */
    int hour12, pm, century, year_of_century;     /* -1 if not read, but for the first two */
    int sunday_week, monday_week;                 /* -1 if not read */
};

static const char *number(const char *text, int min, int max, int digits, int *value)
{
    while (*text == ' ')
        text++;
    if (!isdigit((unsigned char)*text))
        return NULL;
    *value = 0;
    while (digits-- && isdigit((unsigned char)*text) && *value * 10 <= max)
        *value = *value * 10 + *text++ - '0';
    return *value < min || *value > max ? NULL : text;
}

/* A name in full or its first three letters. */
static const char *name(const char *text, const char *const names[], int count, int *which)
{
    for (int i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (strncasecmp(text, names[i], len))
            len = strncasecmp(text, names[i], 3) ? 0 : 3;
        if (len) {
            *which = i;
            return text + len;
        }
    }
    return NULL;
}

static const char *zone(const char *text, struct tm *tm)
{
    while (isspace((unsigned char)*text))
        text++;
    if (*text == 'Z') {
        tm->__tm_gmtoff = 0;
        return text + 1;
    }
    if (*text != '+' && *text != '-')
        return NULL;
    int negative = *text++ == '-', value = 0, digits = 0;
    for (; digits < 4 && isdigit((unsigned char)*text); digits++) {
        value = value * 10 + *text++ - '0';
        if (digits == 1 && *text == ':' && isdigit((unsigned char)text[1]))
            text++;
    }
    if (digits == 2)
        value *= 100;
    else if (digits != 4)
        return NULL;
    if (value > 1400 || value % 100 >= 60)
        return NULL;
    int offset = value / 100 * 3600 + value % 100 * 60;
    tm->__tm_gmtoff = negative ? -offset : offset;
    return text;
}

static const char *parse(const char *text, const char *how, struct tm *tm, struct seen *seen);

#define FIELD(to, min, max, digits, after)               \
    if ((text = number(text, min, max, digits, &value))) \
        (to) = value;                                    \
    after;                                               \
    return text;

static const char *convert(const char *text, char letter, struct tm *tm, struct seen *seen)
{
    int value = 0;
    switch (letter) {
    case '%': return *text == '%' ? text + 1 : NULL;
    case 'n':
    case 't':
        while (isspace((unsigned char)*text))
            text++;
        return text;
    case 'a':
    case 'A': seen->weekday = 1; return name(text, days, 7, &tm->tm_wday);
    case 'b':
    case 'B':
    case 'h': seen->month = seen->date = 1; return name(text, months, 12, &tm->tm_mon);
    case 'c': return parse(text, "%a %b %e %H:%M:%S %Y", tm, seen);
    case 'x':
    case 'D': return parse(text, "%m/%d/%y", tm, seen);
    case 'F': return parse(text, "%Y-%m-%d", tm, seen);
    case 'R': return parse(text, "%H:%M", tm, seen);
    case 'r': return parse(text, "%I:%M:%S %p", tm, seen);
    case 'X':
    case 'T': return parse(text, "%H:%M:%S", tm, seen);
    case 'C': FIELD(seen->century, 0, 99, 2, seen->date = 1)
    case 'd':
    case 'e': FIELD(tm->tm_mday, 1, 31, 2, seen->day = seen->date = 1)
    case 'H':
    case 'k': FIELD(tm->tm_hour, 0, 23, 2, seen->hour12 = 0)
    case 'I':
    case 'l': FIELD(tm->tm_hour, 1, 12, 2, tm->tm_hour %= 12; seen->hour12 = 1)
    case 'j': FIELD(tm->tm_yday, 1, 366, 3, tm->tm_yday--; seen->yearday = 1)
    case 'm': FIELD(tm->tm_mon, 1, 12, 2, tm->tm_mon--; seen->month = seen->date = 1)
    case 'M': FIELD(tm->tm_min, 0, 59, 2, )
    case 'S': FIELD(tm->tm_sec, 0, 61, 2, )
    case 'u': FIELD(tm->tm_wday, 1, 7, 1, tm->tm_wday %= 7; seen->weekday = 1)
    case 'w': FIELD(tm->tm_wday, 0, 6, 1, seen->weekday = 1)
    case 'U': FIELD(seen->sunday_week, 0, 53, 2, )
    case 'W': FIELD(seen->monday_week, 0, 53, 2, )
    case 'V': FIELD(value, 0, 53, 2, )
    case 'g': FIELD(value, 0, 99, 2, )
    case 'G': FIELD(value, 0, 9999, 4, )
    case 'y': FIELD(seen->year_of_century, 0, 99, 2, seen->date = seen->year = 1)
    case 'Y':
        FIELD(tm->tm_year, 0, 9999, 4, tm->tm_year -= 1900; seen->century = seen->year_of_century = -1; seen->date = seen->year = 1)
    case 'p':
    case 'P':
        if (strncasecmp(text, "AM", 2) && strncasecmp(text, "PM", 2))
            return NULL;
        seen->pm = toupper((unsigned char)*text) == 'P';
        return text + 2;
    case 's': {
        char *end;
        time_t time = strtoll(text, &end, 10);
        return end == text || !localtime_r(&time, tm) ? NULL : end;
    }
    case 'z': return zone(text, tm);
    case 'Z':
        while (isspace((unsigned char)*text))
            text++;
        while (*text && !isspace((unsigned char)*text))
            text++;
        return text;
    default: return NULL;
    }
}

static const char *parse(const char *text, const char *how, struct tm *tm, struct seen *seen)
{
    while (*how && text) {
        if (isspace((unsigned char)*how)) {
            while (isspace((unsigned char)*text))
                text++;
            how++;
        } else if (*how != '%') {
            text = *text == *how++ ? text + 1 : NULL;
        } else {
            how++;
            while (*how && strchr("_-0^#", *how))
                how++;
            if (*how == 'E' || *how == 'O')
                how++;
            text = *how ? convert(text, *how++, tm, seen) : NULL;
        }
    }
    return text;
}

static int year_length(int year)
{
    return !(year % 4) && (year % 100 || !((year + 1900) % 400)) ? 366 : 365;
}

static int month_start(int month, int year)
{
    static const short starts[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };
    return starts[month] + (month > 1 && year_length(year) == 366);
}

/* The weekday of a year's first day. */
static int first_weekday(int year)
{
    long long before = year + 1899LL;
    return (int)((1 + before * 365 + before / 4 - before / 100 + before / 400) % 7);
}

static void month_from_yearday(struct tm *tm, struct seen *seen)
{
    int month = 0;
    while (month < 11 && month_start(month + 1, tm->tm_year) <= tm->tm_yday)
        month++;
    if (!seen->month)
        tm->tm_mon = month;
    if (!seen->day)
        tm->tm_mday = tm->tm_yday - month_start(month, tm->tm_year) + 1;
    seen->month = seen->day = 1;
}

/* What follows from what was read. */
static void complete(struct tm *tm, struct seen *seen)
{
    if (seen->hour12 && seen->pm)
        tm->tm_hour += 12;
    if (seen->century != -1)
        tm->tm_year = (seen->year_of_century != -1 ? seen->year_of_century : tm->tm_year % 100) + (seen->century - 19) * 100;
    else if (seen->year_of_century != -1)
        tm->tm_year = seen->year_of_century < 69 ? seen->year_of_century + 100 : seen->year_of_century;
    int sunday = seen->sunday_week >= 0, week = sunday ? seen->sunday_week : seen->monday_week;
    if (week >= 0 && seen->weekday && !seen->yearday && !(seen->month && seen->day)) {
        int start = sunday ? 0 : 1, first = first_weekday(tm->tm_year);
        tm->tm_yday = (7 - (first - start)) % 7 + (week - 1) * 7 + (tm->tm_wday - start + 7) % 7;
        seen->yearday = seen->date = 1;
    }
    if (!seen->date && !seen->yearday)
        return;
    if (seen->yearday && !(seen->month && seen->day))
        month_from_yearday(tm, seen);
    int yearday = month_start(tm->tm_mon, tm->tm_year) + tm->tm_mday - 1;
    if (!seen->yearday)
        tm->tm_yday = yearday;
    if (!seen->weekday)
        tm->tm_wday = (first_weekday(tm->tm_year) + yearday + 7) % 7;
}

char *strptime(const char *restrict text, const char *restrict how, struct tm *restrict tm)
{
    struct seen seen = { .century = -1, .year_of_century = -1, .sunday_week = -1, .monday_week = -1 };
    text = parse(text, how, tm, &seen);
    if (text)
        complete(tm, &seen);
    return (char *)text;
}
