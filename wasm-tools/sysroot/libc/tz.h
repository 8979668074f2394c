/* Time zones: what tz.c, tz_file.c and tz_rule.c share. Not installed. */
#ifndef TZ_H
#define TZ_H
#include <stddef.h>
#include <stdint.h>

enum { TZ_NAME = 16 };

/* One kind of time in a zone. */
struct tz_kind {
    int offset; /* seconds east of Greenwich */
    int dst;
    char name[TZ_NAME];
};

/* When in a year daylight saving begins or ends: POSIX's Jn, n and Mm.w.d, and a time of that day. */
struct tz_date {
    enum { TZ_JULIAN, TZ_DAY, TZ_WEEK } how;
    int month, week, day; /* day alone for the first two */
    int seconds;          /* after midnight, may be negative or more than a day */
};

/* A POSIX rule such as CET-1CEST,M3.5.0,M10.5.0/3. */
struct tz_rule {
    struct tz_kind standard, daylight;
    int has_daylight;
    struct tz_date begins, ends;
};

/* A zone file's table of changes; after the last one its rule holds. */
struct tz_file {
    int64_t *times;
    unsigned char *which; /* the kind that each change leads to */
    size_t count;
    struct tz_kind *kinds;
    size_t kinds_count;
    int has_rule;
    struct tz_rule rule;
};

/* True if `text` is a whole rule. */
int __coquina_tz_rule(const char *text, struct tz_rule *rule);
/* The kind of time at `t`, and the rule's other kind if there is one. */
const struct tz_kind *__coquina_tz_rule_at(const struct tz_rule *rule, int64_t t, const struct tz_kind **other);

/* True if the zone's file could be read. `name` is a path or relative to the system's zones. */
int __coquina_tz_file(const char *name, struct tz_file *file);
void __coquina_tz_file_free(struct tz_file *file);
const struct tz_kind *__coquina_tz_file_at(const struct tz_file *file, int64_t t, const struct tz_kind **other);
#endif
