/* Zone files, as RFC 8536 describes them. */
#include "coquina.h"
#include "tz.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER = 44, FILE_MAX = 1 << 20 };

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static int64_t get64(const unsigned char *p)
{
    return (int64_t)((uint64_t)get32(p) << 32 | get32(p + 4));
}

/* The whole of a file, if it is a zone's. */
static unsigned char *slurp(const char *name, size_t *len)
{
    static const char *const folders[] = { "/usr/share/zoneinfo", "/share/zoneinfo", "/etc/zoneinfo" };
    char path[PATH_MAX];
    int fd = -1;
    if (*name == '/')
        fd = open(name, O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; *name != '/' && fd < 0 && i < sizeof folders / sizeof *folders; i++)
        if (snprintf(path, sizeof path, "%s/%s", folders[i], name) < (int)sizeof path)
            fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    unsigned char *data = NULL;
    if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size >= HEADER && st.st_size < FILE_MAX &&
        (data = malloc(st.st_size))) {
        *len = st.st_size;
        if (read(fd, data, *len) != (ssize_t)*len || memcmp(data, "TZif", 4)) {
            free(data);
            data = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return data;
}

/* The counts in a header, and how long the block behind it is. */
struct counts {
    size_t utc, standard, leaps, times, kinds, chars;
};

static struct counts counts_of(const unsigned char *h)
{
    return (struct counts){ get32(h + 20), get32(h + 24), get32(h + 28), get32(h + 32), get32(h + 36), get32(h + 40) };
}

static uint64_t block_len(const struct counts *n, size_t time_size)
{
    return (uint64_t)n->times * (time_size + 1) + (uint64_t)n->kinds * 6 + n->chars + (uint64_t)n->leaps * (time_size + 4) +
           n->standard + n->utc;
}

static int read_block(const unsigned char *p, const struct counts *n, size_t time_size, struct tz_file *file)
{
    file->count = n->times;
    file->kinds_count = n->kinds;
    file->times = calloc(n->times + 1, sizeof *file->times);
    file->which = malloc(n->times + 1);
    file->kinds = calloc(n->kinds + 1, sizeof *file->kinds);
    if (!n->kinds || !file->times || !file->which || !file->kinds)
        return 0;
    for (size_t i = 0; i < n->times; i++, p += time_size)
        file->times[i] = time_size == 8 ? get64(p) : (int32_t)get32(p);
    memcpy(file->which, p, n->times);
    p += n->times;
    for (size_t i = 0; i < n->times; i++)
        if (file->which[i] >= n->kinds)
            return 0;
    const char *names = (const char *)p + n->kinds * 6;
    for (size_t i = 0; i < n->kinds; i++, p += 6) {
        struct tz_kind *kind = &file->kinds[i];
        if (p[5] >= n->chars)
            return 0;
        kind->offset = (int32_t)get32(p);
        kind->dst = p[4];
        size_t room = n->chars - p[5], len = strnlen(names + p[5], room < TZ_NAME ? room : TZ_NAME - 1);
        memcpy(kind->name, names + p[5], len);
    }
    return 1;
}

static int parse(unsigned char *data, size_t len, struct tz_file *file)
{
    const unsigned char *p = data, *end = data + len;
    struct counts n = counts_of(p);
    size_t time_size = 4;
    if (p[4] >= '2') { /* the same again with 64-bit times */
        uint64_t skip = HEADER + block_len(&n, 4);
        if (skip + HEADER > len || memcmp(p + skip, "TZif", 4))
            return 0;
        p += skip;
        n = counts_of(p);
        time_size = 8;
    }
    uint64_t block = block_len(&n, time_size);
    if (block > (uint64_t)(end - p - HEADER) || !read_block(p + HEADER, &n, time_size, file))
        return 0;
    p += HEADER + block;
    const unsigned char *footer_end = time_size == 8 && p < end && *p == '\n' ? memchr(p + 1, '\n', end - p - 1) : NULL;
    char rule[128];
    if (footer_end && footer_end - p - 1 < (ptrdiff_t)sizeof rule) {
        memcpy(rule, p + 1, footer_end - p - 1);
        rule[footer_end - p - 1] = 0;
        file->has_rule = __coquina_tz_rule(rule, &file->rule);
    }
    return 1;
}

int __coquina_tz_file(const char *name, struct tz_file *file)
{
    size_t len;
    unsigned char *data = slurp(name, &len);
    *file = (struct tz_file){ 0 };
    if (!data)
        return 0;
    int good = parse(data, len, file);
    free(data);
    if (!good)
        __coquina_tz_file_free(file);
    return good;
}

void __coquina_tz_file_free(struct tz_file *file)
{
    free(file->times);
    free(file->which);
    free(file->kinds);
    *file = (struct tz_file){ 0 };
}

const struct tz_kind *__coquina_tz_file_at(const struct tz_file *file, int64_t t, const struct tz_kind **other)
{
    size_t low = 0, high = file->count;
    while (low < high) { /* the changes up to t: [0, low) */
        size_t middle = low + (high - low) / 2;
        if (file->times[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == file->count && file->has_rule)
        return __coquina_tz_rule_at(&file->rule, t, other);
    const struct tz_kind *kind = low ? &file->kinds[file->which[low - 1]] : &file->kinds[0];
    *other = NULL;
    for (size_t distance = 1; distance <= file->count && !*other; distance++) { /* the nearest of the other sort */
        if (low > distance && file->kinds[file->which[low - 1 - distance]].dst != kind->dst)
            *other = &file->kinds[file->which[low - 1 - distance]];
        else if (low - 1 + distance < file->count && file->kinds[file->which[low - 1 + distance]].dst != kind->dst)
            *other = &file->kinds[file->which[low - 1 + distance]];
    }
    return kind;
}
