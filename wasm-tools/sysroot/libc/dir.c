/* Directory streams: opening (the reading is wasi-libc's) and types of entries. */
#define _GNU_SOURCE
#include "coquina.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

DIR *__coquina_opendirat(int dirfd, const char *path)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    DIR *dir = fdopendir(fd);
    if (!dir)
        close(fd);
    return dir;
}

DIR *opendir(const char *path)
{
    return __coquina_opendirat(AT_FDCWD, path);
}

/* wasi-libc's extension. Its header's name for it clashes with gnulib's opendirat, so only the symbol is kept. */
DIR *opendirat(int, const char *) __attribute__((alias("__coquina_opendirat")));

int scandirat(int dirfd, const char *path, struct dirent ***out, int (*select)(const struct dirent *),
              int (*compare)(const struct dirent **, const struct dirent **))
{
    DIR *dir = __coquina_opendirat(dirfd, path);
    struct dirent **list = NULL, *entry;
    size_t count = 0, room = 0;
    if (!dir)
        return -1;
    while (errno = 0, entry = readdir(dir)) {
        if (select && !select(entry))
            continue;
        if (count == room) {
            struct dirent **larger = reallocarray(list, room = room ? room * 2 : 32, sizeof *list);
            if (!larger)
                break;
            list = larger;
        }
        size_t size = offsetof(struct dirent, d_name) + strlen(entry->d_name) + 1;
        if (!(list[count] = malloc(size)))
            break;
        memcpy(list[count++], entry, size);
    }
    int error = errno;
    closedir(dir);
    if (error) {
        while (count)
            free(list[--count]);
        free(list);
        return cq_result(-error);
    }
    if (compare)
        qsort(list, count, sizeof *list, (int (*)(const void *, const void *))compare);
    *out = list;
    return count;
}

int scandir(const char *path, struct dirent ***out, int (*select)(const struct dirent *),
            int (*compare)(const struct dirent **, const struct dirent **))
{
    return scandirat(AT_FDCWD, path, out, select, compare);
}

static const struct { int dt, mode; } types[] = {
    { DT_BLK, S_IFBLK }, { DT_CHR, S_IFCHR }, { DT_DIR, S_IFDIR }, { DT_FIFO, S_IFIFO },
    { DT_LNK, S_IFLNK }, { DT_REG, S_IFREG }, { DT_SOCK, S_IFSOCK },
};

int __wasilibc_iftodt(int mode)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].mode == (mode & S_IFMT))
            return types[i].dt;
    return DT_UNKNOWN;
}

int __wasilibc_dttoif(int dt)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dt == dt)
            return types[i].mode;
    return 0;
}
