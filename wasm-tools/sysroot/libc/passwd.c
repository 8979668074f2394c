/* /etc/passwd and /etc/group. */
#define _GNU_SOURCE
#include "coquina.h"
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

/* Splits a line of `count` fields at its colons, in place; false if it has fewer. */
static int split(char *line, char *fields[], size_t count)
{
    line[strcspn(line, "\n")] = 0;
    for (size_t i = 0; i < count; i++) {
        if (!line)
            return 0;
        fields[i] = strsep(&line, ":");
    }
    return 1;
}

static int number(const char *text, unsigned *value)
{
    char *end;
    *value = strtoul(text, &end, 10);
    return *text && !*end;
}

static int parse_user(char *line, struct passwd *user)
{
    char *f[7];
    if (!split(line, f, 7) || !number(f[2], &user->pw_uid) || !number(f[3], &user->pw_gid))
        return 0;
    user->pw_name = f[0], user->pw_passwd = f[1], user->pw_gecos = f[4], user->pw_dir = f[5], user->pw_shell = f[6];
    return 1;
}

/* The members' array goes behind the text, in `room` bytes at `spare`; false too if it does not fit. */
static int parse_group(char *line, struct group *group, char *spare, size_t room)
{
    char *f[4];
    if (!split(line, f, 4) || !number(f[2], &group->gr_gid))
        return 0;
    size_t skew = -(uintptr_t)spare % sizeof(char *), count = 0;
    char **members = (char **)(spare + skew);
    size_t most = room > skew ? (room - skew) / sizeof *members : 0;
    for (char *name; (name = strsep(&f[3], ","));) {
        if (!*name)
            continue;
        if (count + 1 >= most)
            return 0;
        members[count++] = name;
    }
    if (!most)
        return 0;
    members[count] = NULL;
    group->gr_name = f[0], group->gr_passwd = f[1], group->gr_mem = members;
    return 1;
}

/* One walk through either file, as the *ent functions make it and the lookups repeat it. */
struct walk {
    const char *path;
    FILE *file;
    char *line;
    size_t room;
};

static struct walk users = { .path = "/etc/passwd" }, groups = { .path = "/etc/group" };

static void rewind_walk(struct walk *walk)
{
    if (walk->file)
        fclose(walk->file);
    walk->file = NULL;
}

static char *next_line(struct walk *walk)
{
    if (!walk->file && !(walk->file = fopen(walk->path, "re")))
        return NULL;
    return getline(&walk->line, &walk->room, walk->file) < 0 ? NULL : walk->line;
}

static struct passwd *next_user(struct walk *walk)
{
    static struct passwd user;
    for (char *line; (line = next_line(walk));)
        if (parse_user(line, &user))
            return &user;
    return NULL;
}

static struct group *next_group(struct walk *walk)
{
    static struct group group;
    static char *spare;
    for (char *line; (line = next_line(walk));) {
        size_t room = (strlen(line) + 2) * sizeof(char *);
        char *larger = realloc(spare, room);
        if (!larger)
            return NULL;
        spare = larger;
        if (parse_group(line, &group, spare, room))
            return &group;
    }
    return NULL;
}

#define FIND(type, walk, next, condition)      \
    struct type *found;                        \
    int error = errno;                         \
    rewind_walk(&(walk));                      \
    while ((found = next(&(walk))) && !(condition)) \
        ;                                      \
    rewind_walk(&(walk));                      \
    errno = error;                             \
    return found;

struct passwd *getpwnam(const char *name)
{
    FIND(passwd, users, next_user, !strcmp(found->pw_name, name))
}

struct passwd *getpwuid(uid_t uid)
{
    FIND(passwd, users, next_user, found->pw_uid == uid)
}

struct group *getgrnam(const char *name)
{
    FIND(group, groups, next_group, !strcmp(found->gr_name, name))
}

struct group *getgrgid(gid_t gid)
{
    FIND(group, groups, next_group, found->gr_gid == gid)
}

struct passwd *getpwent(void)
{
    return next_user(&users);
}

void setpwent(void)
{
    rewind_walk(&users);
}

void endpwent(void)
{
    rewind_walk(&users);
}

struct group *getgrent(void)
{
    return next_group(&groups);
}

void setgrent(void)
{
    rewind_walk(&groups);
}

void endgrent(void)
{
    rewind_walk(&groups);
}

/* The reentrant forms: the same, copied into the caller's buffer by writing it out and parsing it there. */
static int copy_user(const struct passwd *from, struct passwd *to, char *buf, size_t len, struct passwd **result)
{
    *result = NULL;
    if (!from)
        return 0;
    int used = snprintf(buf, len, "%s:%s:%u:%u:%s:%s:%s", from->pw_name, from->pw_passwd, from->pw_uid, from->pw_gid,
                        from->pw_gecos, from->pw_dir, from->pw_shell);
    if (used < 0 || (size_t)used >= len)
        return ERANGE;
    parse_user(buf, to);
    *result = to;
    return 0;
}

int getpwnam_r(const char *name, struct passwd *user, char *buf, size_t len, struct passwd **result)
{
    return copy_user(getpwnam(name), user, buf, len, result);
}

int getpwuid_r(uid_t uid, struct passwd *user, char *buf, size_t len, struct passwd **result)
{
    return copy_user(getpwuid(uid), user, buf, len, result);
}

static int copy_group(const struct group *from, struct group *to, char *buf, size_t len, struct group **result)
{
    *result = NULL;
    if (!from)
        return 0;
    int used = snprintf(buf, len, "%s:%s:%u:", from->gr_name, from->gr_passwd, from->gr_gid);
    for (char **member = from->gr_mem; *member && used >= 0 && (size_t)used < len; member++)
        used += snprintf(buf + used, len - used, "%s%s", member == from->gr_mem ? "" : ",", *member);
    if (used < 0 || (size_t)used >= len || !parse_group(buf, to, buf + used + 1, len - used - 1))
        return ERANGE;
    *result = to;
    return 0;
}

int getgrnam_r(const char *name, struct group *group, char *buf, size_t len, struct group **result)
{
    return copy_group(getgrnam(name), group, buf, len, result);
}

int getgrgid_r(gid_t gid, struct group *group, char *buf, size_t len, struct group **result)
{
    return copy_group(getgrgid(gid), group, buf, len, result);
}

int getgrouplist(const char *user, gid_t own, gid_t *list, int *count)
{
    int room = *count, used = 0;
    struct walk walk = groups;
    walk.file = NULL, walk.line = NULL, walk.room = 0;
    if (used++ < room)
        list[0] = own;
    for (struct group *group; (group = next_group(&walk));)
        for (char **member = group->gr_mem; *member; member++)
            if (!strcmp(*member, user) && group->gr_gid != own && used++ < room)
                list[used - 1] = group->gr_gid;
    rewind_walk(&walk);
    free(walk.line);
    *count = used;
    return used > room ? -1 : used;
}
