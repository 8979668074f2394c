/* Names: links, renaming, removal, directories, access. */
#define _GNU_SOURCE
#include "coquina.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>

/* The preview 1 calls take any path here, and AT_FDCWD; their result is an errno. */
static int wasi_result(__wasi_errno_t error)
{
    return cq_result(-(int)error);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    if (flags & ~AT_SYMLINK_FOLLOW)
        return cq_result(-EINVAL);
    int follow = flags & AT_SYMLINK_FOLLOW ? __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW : 0;
    return wasi_result(__wasi_path_link(from_dir, follow, from, to_dir, to));
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int symlinkat(const char *target, int dirfd, const char *path)
{
    return wasi_result(__wasi_path_symlink(target, dirfd, path));
}

int symlink(const char *target, const char *path)
{
    return symlinkat(target, AT_FDCWD, path);
}

ssize_t readlinkat(int dirfd, const char *restrict path, char *restrict buf, size_t len)
{
    size_t used = 0;
    if (!len)
        return cq_result(-EINVAL);
    if (wasi_result(__wasi_path_readlink(dirfd, path, (uint8_t *)buf, len, &used)) < 0)
        return -1;
    return used;
}

ssize_t readlink(const char *restrict path, char *restrict buf, size_t len)
{
    return readlinkat(AT_FDCWD, path, buf, len);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return wasi_result(__wasi_path_rename(from_dir, from, to_dir, to));
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int dirfd, const char *path, int flags)
{
    if (flags & ~AT_REMOVEDIR)
        return cq_result(-EINVAL);
    return wasi_result(flags ? __wasi_path_remove_directory(dirfd, path) : __wasi_path_unlink_file(dirfd, path));
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int __wasilibc_unlinkat(int dirfd, const char *path)
{
    return unlinkat(dirfd, path, 0);
}

int __wasilibc_rmdirat(int dirfd, const char *path)
{
    return unlinkat(dirfd, path, AT_REMOVEDIR);
}

int remove(const char *path)
{
    int result = unlink(path);
    return result < 0 && (errno == EISDIR || errno == EPERM) ? rmdir(path) : result;
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
    return cq_result(cq_mkdir(dirfd, path, strlen(path), mode));
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int mkfifoat(int dirfd, const char *path, mode_t mode)
{
    return cq_result(cq_mkfifo(dirfd, path, strlen(path), mode));
}

int mkfifo(const char *path, mode_t mode)
{
    return mkfifoat(AT_FDCWD, path, mode);
}

/* Fifos and empty files; there is no making a device. */
int mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
    (void)dev;
    if (S_ISFIFO(mode))
        return mkfifoat(dirfd, path, mode & 07777);
    if (!S_ISREG(mode) && (mode & S_IFMT))
        return cq_result(-EPERM);
    int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 07777);
    return fd < 0 ? -1 : close(fd);
}

int mknod(const char *path, mode_t mode, dev_t dev)
{
    return mknodat(AT_FDCWD, path, mode, dev);
}

int faccessat(int dirfd, const char *path, int mode, int flags)
{
    if (mode & ~(R_OK | W_OK | X_OK))
        return cq_result(-EINVAL);
    if (!*path)
        return cq_result(-ENOENT);
    return cq_result(cq_access(dirfd, path, strlen(path), mode, flags & AT_SYMLINK_NOFOLLOW ? CQ_NOFOLLOW : 0));
}

int access(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, 0);
}

int eaccess(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

int euidaccess(const char *path, int mode)
{
    return eaccess(path, mode);
}
