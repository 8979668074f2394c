/* mmap, without an MMU: a mapping is memory with the file's bytes read into it; a shared writable one is written back by
 * msync and munmap. What would need more (fixed addresses, protection, sharing between processes) is refused. */
#define _GNU_SOURCE
#include "coquina.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

struct mapping {
    struct mapping *next;
    char *start;
    size_t len;
    off_t offset;
    int fd; /* a duplicate of the file's, if it is to be written back, else -1 */
};
static struct mapping *mappings;

static int fill(char *to, size_t len, int fd, off_t offset)
{
    for (size_t done = 0; done < len;) {
        ssize_t got = pread(fd, to + done, len - done, offset + done);
        if (got < 0)
            return -errno;
        if (!got)
            break;
        done += got;
    }
    return 0;
}

void *mmap(void *hint, size_t len, int protection, int flags, int fd, off_t offset)
{
    (void)hint;
    int writes_back = (flags & MAP_SHARED) && (protection & PROT_WRITE) && !(flags & MAP_ANONYMOUS), error = 0;
    struct mapping *mapping = malloc(sizeof *mapping);
    char *start = NULL;
    if (!len || offset < 0)
        error = EINVAL;
    else if (flags & MAP_FIXED || protection & PROT_EXEC)
        error = ENOTSUP;
    else if (!mapping || !(start = aligned_alloc(PAGE, (len + PAGE - 1) & -PAGE)))
        error = ENOMEM;
    if (error)
        goto fail;
    memset(start, 0, (len + PAGE - 1) & -PAGE);
    *mapping = (struct mapping){ .next = mappings, .start = start, .len = len, .offset = offset, .fd = -1 };
    if (!(flags & MAP_ANONYMOUS)) {
        error = -fill(start, len, fd, offset);
        if (!error && writes_back && (mapping->fd = cq_dup(fd, 0, 1)) < 0)
            error = -mapping->fd;
    }
    if (error)
        goto fail;
    mappings = mapping;
    return start;
fail:
    free(start);
    free(mapping);
    errno = error;
    return MAP_FAILED;
}

static struct mapping **find(const char *at)
{
    struct mapping **link = &mappings;
    while (*link && (at < (*link)->start || at >= (*link)->start + (*link)->len))
        link = &(*link)->next;
    return link;
}

static int write_back(const struct mapping *mapping)
{
    off_t size = mapping->fd < 0 ? 0 : lseek(mapping->fd, 0, SEEK_END);
    size_t len = mapping->len;
    if (size < (off_t)len + mapping->offset) /* never past the file's end */
        len = size > mapping->offset ? size - mapping->offset : 0;
    for (size_t done = 0; done < len;) {
        ssize_t put = pwrite(mapping->fd, mapping->start + done, len - done, mapping->offset + done);
        if (put < 0)
            return -1;
        done += put;
    }
    return 0;
}

int msync(void *start, size_t len, int flags)
{
    (void)len, (void)flags;
    struct mapping *mapping = *find(start);
    return mapping ? write_back(mapping) : cq_result(-ENOMEM);
}

int munmap(void *start, size_t len)
{
    (void)len;
    struct mapping **link = find(start), *mapping = *link;
    if (!mapping || mapping->start != start)
        return cq_result(-EINVAL);
    int result = write_back(mapping);
    if (mapping->fd >= 0)
        close(mapping->fd);
    *link = mapping->next;
    free(mapping->start);
    free(mapping);
    return result;
}

int mprotect(void *start, size_t len, int protection)
{
    (void)start, (void)len;
    return protection == (PROT_READ | PROT_WRITE) ? 0 : cq_result(-ENOSYS);
}

/* Advice may be ignored. */
int madvise(void *start, size_t len, int advice)
{
    (void)start, (void)len, (void)advice;
    return 0;
}

int posix_madvise(void *start, size_t len, int advice)
{
    return madvise(start, len, advice);
}

void *mremap(void *old, size_t old_len, size_t len, int flags, ...)
{
    (void)old, (void)old_len, (void)len, (void)flags;
    errno = ENOSYS;
    return MAP_FAILED;
}
