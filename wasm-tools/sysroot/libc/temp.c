/* Temporary names. */
#define _GNU_SOURCE
#include "coquina.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 100, RANDOM = 6 };

/* Where a template's XXXXXX is, `suffix` bytes before its end; NULL if it is not there. */
static char *blanks(char *template, int suffix)
{
    size_t len = strlen(template);
    if (suffix < 0 || len < (size_t)suffix + RANDOM || memcmp(template + len - suffix - RANDOM, "XXXXXX", RANDOM)) {
        errno = EINVAL;
        return NULL;
    }
    return template + len - suffix - RANDOM;
}

static void fill(char *at)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    uint64_t bits;
    getentropy(&bits, sizeof bits);
    for (int i = 0; i < RANDOM; i++, bits /= sizeof letters - 1)
        at[i] = letters[bits % (sizeof letters - 1)];
}

/* Tries names until `make` makes one that is not there yet. */
static int try(char *template, int suffix, int (*make)(const char *, int), int flags)
{
    char *at = blanks(template, suffix);
    for (int i = 0; at && i < TRIES; i++) {
        fill(at);
        int result = make(template, flags);
        if (result >= 0 || errno != EEXIST)
            return result;
    }
    if (at)
        memcpy(at, "XXXXXX", RANDOM);
    return -1;
}

static int make_file(const char *path, int flags)
{
    return open(path, (flags & ~O_ACCMODE) | O_RDWR | O_CREAT | O_EXCL, 0600);
}

static int make_dir(const char *path, int flags)
{
    (void)flags;
    return mkdir(path, 0700);
}

static int make_none(const char *path, int flags)
{
    struct stat st;
    (void)flags;
    if (lstat(path, &st) < 0 && errno == ENOENT)
        return 0;
    errno = EEXIST;
    return -1;
}

int mkostemps(char *template, int suffix, int flags)
{
    return try(template, suffix, make_file, flags);
}

int mkostemp(char *template, int flags)
{
    return mkostemps(template, 0, flags);
}

int mkstemps(char *template, int suffix)
{
    return mkostemps(template, suffix, 0);
}

int mkstemp(char *template)
{
    return mkostemps(template, 0, 0);
}

char *mkdtemp(char *template)
{
    return try(template, 0, make_dir, 0) < 0 ? NULL : template;
}

char *mktemp(char *template)
{
    if (try(template, 0, make_none, 0) < 0)
        *template = 0;
    return template;
}

FILE *tmpfile(void)
{
    char template[] = "/tmp/tmpXXXXXX";
    int fd = mkostemp(template, O_CLOEXEC);
    if (fd < 0)
        return NULL;
    unlink(template);
    FILE *file = fdopen(fd, "w+");
    if (!file)
        close(fd);
    return file;
}

char *tmpnam(char *buf)
{
    static char own[L_tmpnam];
    char *to = strcpy(buf ? buf : own, "/tmp/tmpXXXXXX");
    return *mktemp(to) ? to : NULL;
}

char *tempnam(const char *dir, const char *prefix)
{
    const char *env = getenv("TMPDIR");
    char *name;
    if (asprintf(&name, "%s/%.5sXXXXXX", env ? env : dir ? dir : P_tmpdir, prefix ? prefix : "tmp") < 0)
        return NULL;
    if (*mktemp(name))
        return name;
    free(name);
    return NULL;
}
