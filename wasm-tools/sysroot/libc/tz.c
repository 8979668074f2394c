/* Local time. wasi-libc knows only UTC; this gives its localtime, mktime and strftime the zone that TZ or /etc/localtime
 * says: a file of the system's zones or a POSIX rule. */
#define _GNU_SOURCE
#include "coquina.h"
#include "tz.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const char __utc[] = "UTC";
char *tzname[2] = { (char *)__utc, (char *)__utc };
int daylight;
long timezone;

static struct {
    char *setting; /* what TZ said when this was read; NULL before */
    int is_file;
    struct tz_file file;
    struct tz_rule rule;
} zone;

static void set_utc(const char *name)
{
    zone.rule = (struct tz_rule){ 0 };
    strlcpy(zone.rule.standard.name, name, TZ_NAME);
}

static void load(const char *setting)
{
    if (zone.is_file)
        __coquina_tz_file_free(&zone.file);
    zone.is_file = 0;
    if (!*setting) {
        set_utc(__utc);
        return;
    }
    const char *name = *setting == ':' ? setting + 1 : setting;
    if (!strstr(name, "..") && __coquina_tz_file(name, &zone.file)) {
        zone.is_file = 1;
    } else if (!__coquina_tz_rule(name, &zone.rule)) {
        char known[TZ_NAME]; /* as glibc: UTC, but by the name's first letters */
        size_t len = 0;
        while (len < TZ_NAME - 1 && isalpha((unsigned char)name[len]))
            known[len] = name[len], len++;
        known[len] = 0;
        set_utc(len >= 3 ? known : __utc);
    }
}

static const struct tz_kind *at(int64_t t, const struct tz_kind **other)
{
    return zone.is_file ? __coquina_tz_file_at(&zone.file, t, other) : __coquina_tz_rule_at(&zone.rule, t, other);
}

/* Reads TZ again if it says something new. */
static void refresh(void)
{
    const char *setting = getenv("TZ");
    if (!setting)
        setting = "/etc/localtime";
    if (zone.setting && !strcmp(zone.setting, setting))
        return;
    char *copy = strdup(setting);
    if (!copy)
        return;
    load(setting);
    free(zone.setting);
    zone.setting = copy;

    static struct tz_kind standard, summer; /* the zone's two names, as of now */
    const struct tz_kind *other, *kind = at(time(NULL), &other);
    standard = kind->dst && other ? *other : *kind;
    summer = kind->dst ? *kind : other ? *other : *kind;
    tzname[0] = standard.name;
    tzname[1] = summer.name;
    daylight = other != NULL;
    timezone = -standard.offset;
}

void tzset(void)
{
    refresh();
}

/* For wasi-libc's localtime (`local` 0: t is UTC) and mktime (1: t is what the clock on the wall shows). */
void __secs_to_zone(long long t, int local, int *isdst, int *offset, long *opposite, const char **name)
{
    refresh();
    const struct tz_kind *other, *kind = at(t, &other);
    if (local) {
        const struct tz_kind *guess = at(t - kind->offset, &other);
        const struct tz_kind *again = at(t - guess->offset, &other);
        kind = again->offset == guess->offset ? again : guess;
        at(t - kind->offset, &other);
    }
    *isdst = kind->dst;
    *offset = kind->offset;
    if (opposite)
        *opposite = other ? other->offset : kind->offset;
    if (name)
        *name = kind->name;
}

const char *__tm_to_tzname(const struct tm *tm)
{
    if (tm->__tm_zone == __utc)
        return __utc;
    return tm->__tm_zone ? tm->__tm_zone : "";
}
