/* POSIX time zone rules. */
#include "tz.h"
#include <ctype.h>
#include <string.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

static int parse_name(const char **text, char name[TZ_NAME])
{
    const char *at = *text, *end;
    int quoted = *at == '<';
    if (quoted)
        end = strchr(++at, '>');
    else
        for (end = at; isalpha((unsigned char)*end); end++)
            ;
    if (!end || end - at < 3 || end - at >= TZ_NAME)
        return 0;
    memcpy(name, at, end - at);
    name[end - at] = 0;
    *text = end + quoted;
    return 1;
}

static int parse_number(const char **text, int max, int *value)
{
    const char *at = *text;
    *value = 0;
    while (isdigit((unsigned char)*at) && *value <= max)
        *value = *value * 10 + *at++ - '0';
    if (at == *text || *value > max)
        return 0;
    *text = at;
    return 1;
}

/* [+-]hh[:mm[:ss]], in seconds. */
static int parse_time(const char **text, int *seconds)
{
    int negative = **text == '-', part;
    *seconds = 0;
    if (**text == '-' || **text == '+')
        ++*text;
    for (int unit = HOUR; unit; unit /= 60) {
        if (!parse_number(text, unit == HOUR ? 167 : 59, &part))
            return 0;
        *seconds += part * unit;
        if (**text != ':')
            break;
        ++*text;
    }
    if (negative)
        *seconds = -*seconds;
    return 1;
}

static int parse_date(const char **text, struct tz_date *date)
{
    if (*(*text)++ != ',')
        return 0;
    if (**text == 'M') {
        ++*text;
        date->how = TZ_WEEK;
        if (!parse_number(text, 12, &date->month) || *(*text)++ != '.' || !parse_number(text, 5, &date->week) ||
            *(*text)++ != '.' || !parse_number(text, 6, &date->day) || !date->month || !date->week)
            return 0;
    } else {
        date->how = **text == 'J' ? (++*text, TZ_JULIAN) : TZ_DAY;
        if (!parse_number(text, 365, &date->day))
            return 0;
    }
    date->seconds = 2 * HOUR;
    return **text != '/' || (++*text, parse_time(text, &date->seconds));
}

int __coquina_tz_rule(const char *text, struct tz_rule *rule)
{
    *rule = (struct tz_rule){ 0 };
    int west;
    if (!parse_name(&text, rule->standard.name) || !parse_time(&text, &west))
        return 0;
    rule->standard.offset = -west;
    if (!*text)
        return 1;
    rule->has_daylight = 1;
    rule->daylight.dst = 1;
    rule->daylight.offset = rule->standard.offset + HOUR;
    if (!parse_name(&text, rule->daylight.name))
        return 0;
    if (*text && *text != ',') {
        if (!parse_time(&text, &west))
            return 0;
        rule->daylight.offset = -west;
    }
    if (!*text)
        text = ",M3.2.0,M11.1.0"; /* what everybody takes where the rule says nothing */
    return parse_date(&text, &rule->begins) && parse_date(&text, &rule->ends) && !*text;
}

static int is_leap(int64_t year)
{
    return !(year % 4) && (year % 100 || !(year % 400));
}

/* Days from 1970-01-01 to the year's first day. */
static int64_t year_start(int64_t year)
{
    int64_t y = year - 1;
    int64_t leaps = (y >= 0 ? y / 4 - y / 100 + y / 400 : -((-y + 3) / 4 - (-y + 99) / 100 + (-y + 399) / 400)) - 477;
    return (year - 1970) * 365 + leaps;
}

static int64_t year_of(int64_t t)
{
    int64_t days = t / DAY - (t % DAY < 0);
    int64_t year = 1970 + days * 400 / 146097;
    while (year_start(year) > days)
        year--;
    while (year_start(year + 1) <= days)
        year++;
    return year;
}

static int month_start(int month, int leap)
{
    static const short starts[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 };
    return starts[month - 1] + (leap && month > 2);
}

/* When the date falls in `year`, in local seconds since 1970. */
static int64_t date_in(const struct tz_date *date, int64_t year)
{
    int leap = is_leap(year);
    int64_t start = year_start(year), day;
    if (date->how == TZ_JULIAN) {
        day = date->day - 1 + (leap && date->day >= 60);
    } else if (date->how == TZ_DAY) {
        day = date->day;
    } else {
        int first = month_start(date->month, leap), length = month_start(date->month + 1, leap) - first;
        int weekday = (int)(((start + first + 4) % 7 + 7) % 7); /* 1970 began on a Thursday */
        int in_month = (date->day - weekday + 7) % 7 + (date->week - 1) * 7;
        while (in_month >= length)
            in_month -= 7;
        day = first + in_month;
    }
    return (start + day) * DAY + date->seconds;
}

const struct tz_kind *__coquina_tz_rule_at(const struct tz_rule *rule, int64_t t, const struct tz_kind **other)
{
    *other = NULL;
    if (!rule->has_daylight)
        return &rule->standard;
    int64_t year = year_of(t + rule->standard.offset);
    int64_t begins = date_in(&rule->begins, year) - rule->standard.offset;
    int64_t ends = date_in(&rule->ends, year) - rule->daylight.offset;
    int daylight = begins < ends ? t >= begins && t < ends : t >= begins || t < ends;
    *other = daylight ? &rule->standard : &rule->daylight;
    return daylight ? &rule->daylight : &rule->standard;
}
