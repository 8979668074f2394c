/* mntent.h: a table of mounts, such as /proc/mounts. */
#define _GNU_SOURCE
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FILE *setmntent(const char *path, const char *mode)
{
    return fopen(path, mode);
}

int endmntent(FILE *file)
{
    if (file)
        fclose(file);
    return 1;
}

/* A field, with its octal escapes (\040 is a space) undone in place. */
static char *field(char **rest)
{
    char *text, *to;
    do
        text = strsep(rest, " \t\n");
    while (text && !*text);
    if (!text)
        return "";
    to = text;
    for (const char *from = text; *from; to++) {
        unsigned code;
        if (*from == '\\' && sscanf(from, "\\%3o", &code) == 1 && strspn(from + 1, "01234567") >= 3) {
            *to = code;
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = 0;
    return text;
}

struct mntent *getmntent(FILE *file)
{
    static struct mntent entry;
    static char *line;
    static size_t room;
    do
        if (getline(&line, &room, file) < 0)
            return NULL;
    while (*line == '#' || *line == '\n');
    char *rest = line;
    entry.mnt_fsname = field(&rest);
    entry.mnt_dir = field(&rest);
    entry.mnt_type = field(&rest);
    entry.mnt_opts = field(&rest);
    entry.mnt_freq = atoi(field(&rest));
    entry.mnt_passno = atoi(field(&rest));
    return &entry;
}

char *hasmntopt(const struct mntent *entry, const char *option)
{
    return strstr(entry->mnt_opts, option);
}
