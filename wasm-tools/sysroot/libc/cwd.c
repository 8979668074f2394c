/* The working directory, which the kernel keeps, and realpath. */
#define _GNU_SOURCE
#include "coquina.h"
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int chdir(const char *path)
{
    return cq_result(cq_chdir(path, strlen(path)));
}

int fchdir(int fd)
{
    return cq_result(cq_fchdir(fd));
}

char *getcwd(char *buf, size_t len)
{
    char local[PATH_MAX];
    if (buf && !len) {
        errno = EINVAL;
        return NULL;
    }
    char *to = buf ? buf : local;
    size_t room = buf ? len : sizeof local;
    int used = cq_result(cq_getcwd(to, room));
    if (used < 0)
        return NULL;
    if ((size_t)used >= room) {
        errno = ERANGE;
        return NULL;
    }
    to[used] = 0;
    return buf ? buf : strdup(local);
}

char *get_current_dir_name(void)
{
    struct stat named, here;
    const char *pwd = getenv("PWD");
    if (pwd && *pwd == '/' && !stat(pwd, &named) && !stat(".", &here) && named.st_dev == here.st_dev &&
        named.st_ino == here.st_ino)
        return strdup(pwd);
    return getcwd(NULL, 0);
}

/* Takes one component after the other off `todo`; what a symbolic link says goes in front of what is left. */
char *realpath(const char *restrict path, char *restrict out)
{
    enum { LINKS_MAX = 40 };
    char done[PATH_MAX], todo[PATH_MAX], link[PATH_MAX];
    int links = 0;
    if (!path || !*path) {
        errno = path ? ENOENT : EINVAL;
        return NULL;
    }
    if (strlen(path) >= sizeof todo)
        goto too_long;
    strcpy(todo, path);
    if (*path == '/')
        *done = 0;
    else if (!getcwd(done, sizeof done))
        return NULL;
    if (!strcmp(done, "/"))
        *done = 0;
    for (char *next = todo; *(next += strspn(next, "/"));) {
        size_t len = strcspn(next, "/"), used = strlen(done);
        char *rest = next + len;
        if (len == 1 && *next == '.') {
            next = rest;
            continue;
        }
        if (len == 2 && next[0] == '.' && next[1] == '.') {
            char *slash = strrchr(done, '/');
            if (slash)
                *slash = 0;
            next = rest;
            continue;
        }
        if (used + 1 + len >= sizeof done)
            goto too_long;
        done[used] = '/';
        memcpy(done + used + 1, next, len);
        done[used + 1 + len] = 0;
        ssize_t said = readlink(done, link, sizeof link - 1);
        if (said < 0) {
            struct stat st;
            if (errno != EINVAL)
                return NULL;
            if (*rest && (stat(done, &st) < 0 || (!S_ISDIR(st.st_mode) && (errno = ENOTDIR))))
                return NULL;
            next = rest;
            continue;
        }
        if (++links > LINKS_MAX) {
            errno = ELOOP;
            return NULL;
        }
        size_t left = strlen(rest);
        if (said + left >= sizeof todo)
            goto too_long;
        memmove(todo + said, rest, left + 1);
        memcpy(todo, link, said);
        next = todo;
        done[*todo == '/' ? 0 : used] = 0;
    }
    if (!*done)
        strcpy(done, "/");
    return out ? strcpy(out, done) : strdup(done);
too_long:
    errno = ENAMETOOLONG;
    return NULL;
}

char *canonicalize_file_name(const char *path)
{
    return realpath(path, NULL);
}
