/* What a file is: stat and its kin, modes, owners, times, file systems. */
#define _GNU_SOURCE
#include "coquina.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>
#include <wasi/api.h>

static struct timespec from_ns(int64_t ns)
{
    int64_t seconds = ns / 1000000000, rest = ns % 1000000000;
    if (rest < 0) {
        rest += 1000000000;
        seconds--;
    }
    return (struct timespec){ .tv_sec = seconds, .tv_nsec = rest };
}

static int stat_at(int dirfd, const char *path, size_t len, int flags, struct stat *st)
{
    struct cq_stat raw;
    if (cq_result(cq_stat(dirfd, path, len, flags, &raw)) < 0)
        return -1;
    *st = (struct stat){
        .st_dev = raw.dev, .st_ino = raw.ino, .st_nlink = raw.nlink, .st_mode = raw.mode, .st_uid = raw.uid,
        .st_gid = raw.gid, .st_rdev = raw.rdev, .st_size = raw.size, .st_blksize = 4096, .st_blocks = raw.blocks,
        .st_atim = from_ns(raw.atime), .st_mtim = from_ns(raw.mtime), .st_ctim = from_ns(raw.ctime),
        .st_birthtim = from_ns(raw.birthtime),
    };
    return 0;
}

/* A path may only be empty, and mean the descriptor itself, if the caller says so. */
#define CHECK_EMPTY(path, flags)                      \
    if (!*(path) && !((flags) & AT_EMPTY_PATH))       \
        return cq_result(-ENOENT);
#define NOFOLLOW(flags) ((flags) & AT_SYMLINK_NOFOLLOW ? CQ_NOFOLLOW : 0)

int fstatat(int dirfd, const char *restrict path, struct stat *restrict st, int flags)
{
    CHECK_EMPTY(path, flags)
    return stat_at(dirfd, path, strlen(path), NOFOLLOW(flags), st);
}

int stat(const char *restrict path, struct stat *restrict st)
{
    return fstatat(AT_FDCWD, path, st, 0);
}

int lstat(const char *restrict path, struct stat *restrict st)
{
    return fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *st)
{
    return stat_at(fd, "", 0, 0, st);
}

int fchmodat(int dirfd, const char *path, mode_t mode, int flags)
{
    CHECK_EMPTY(path, flags)
    return cq_result(cq_chmod(dirfd, path, strlen(path), mode, NOFOLLOW(flags)));
}

int chmod(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, 0);
}

int fchmod(int fd, mode_t mode)
{
    return cq_result(cq_chmod(fd, "", 0, mode, 0));
}

int lchmod(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW);
}

mode_t umask(mode_t mask)
{
    return cq_umask(mask & 0777);
}

int fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags)
{
    CHECK_EMPTY(path, flags)
    return cq_result(cq_chown(dirfd, path, strlen(path), uid, gid, NOFOLLOW(flags)));
}

int chown(const char *path, uid_t uid, gid_t gid)
{
    return fchownat(AT_FDCWD, path, uid, gid, 0);
}

int lchown(const char *path, uid_t uid, gid_t gid)
{
    return fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

int fchown(int fd, uid_t uid, gid_t gid)
{
    return cq_result(cq_chown(fd, "", 0, uid, gid, 0));
}

/* Times. Preview 1's own calls do: they take nanoseconds, and flags for "now" and "leave it". */
static int times_flags(const struct timespec times[2], __wasi_timestamp_t ns[2])
{
    static const int set[2] = { __WASI_FSTFLAGS_ATIM, __WASI_FSTFLAGS_MTIM };
    static const int now[2] = { __WASI_FSTFLAGS_ATIM_NOW, __WASI_FSTFLAGS_MTIM_NOW };
    int flags = 0;
    for (int i = 0; i < 2; i++) {
        ns[i] = 0;
        if (!times || times[i].tv_nsec == UTIME_NOW) {
            flags |= now[i];
        } else if (times[i].tv_nsec != UTIME_OMIT) {
            if (times[i].tv_nsec < 0 || times[i].tv_nsec >= 1000000000)
                return -1;
            flags |= set[i];
            ns[i] = times[i].tv_sec * 1000000000ll + times[i].tv_nsec;
        }
    }
    return flags;
}

int futimens(int fd, const struct timespec times[2])
{
    __wasi_timestamp_t ns[2];
    int flags = times_flags(times, ns);
    return cq_result(flags < 0 ? -EINVAL : -(int)__wasi_fd_filestat_set_times(fd, ns[0], ns[1], flags));
}

int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)
{
    __wasi_timestamp_t ns[2];
    int which = times_flags(times, ns);
    if (which < 0)
        return cq_result(-EINVAL);
    if (!path || (!*path && (flags & AT_EMPTY_PATH)))
        return futimens(dirfd, times);
    int follow = flags & AT_SYMLINK_NOFOLLOW ? 0 : __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW;
    return cq_result(-(int)__wasi_path_filestat_set_times(dirfd, follow, path, ns[0], ns[1], which));
}

static int set_times(int dirfd, const char *path, const struct timeval tv[2], int flags)
{
    if (!tv)
        return utimensat(dirfd, path, NULL, flags);
    struct timespec times[2] = {
        { .tv_sec = tv[0].tv_sec, .tv_nsec = tv[0].tv_usec * 1000 },
        { .tv_sec = tv[1].tv_sec, .tv_nsec = tv[1].tv_usec * 1000 },
    };
    return utimensat(dirfd, path, times, flags);
}

int utimes(const char *path, const struct timeval tv[2])
{
    return set_times(AT_FDCWD, path, tv, 0);
}

int lutimes(const char *path, const struct timeval tv[2])
{
    return set_times(AT_FDCWD, path, tv, AT_SYMLINK_NOFOLLOW);
}

int futimes(int fd, const struct timeval tv[2])
{
    return set_times(fd, NULL, tv, 0);
}

int futimesat(int dirfd, const char *path, const struct timeval tv[2])
{
    return set_times(dirfd, path, tv, 0);
}

int utime(const char *path, const struct utimbuf *times)
{
    struct timeval tv[2];
    if (times)
        tv[0] = (struct timeval){ .tv_sec = times->actime }, tv[1] = (struct timeval){ .tv_sec = times->modtime };
    return utimes(path, times ? tv : NULL);
}

/* File systems. */
static int statfs_at(int fd, const char *path, struct statfs *st)
{
    struct cq_statfs raw;
    if (cq_result(cq_statfs(fd, path, strlen(path), &raw)) < 0)
        return -1;
    *st = (struct statfs){
        .f_type = raw.type, .f_bsize = raw.block_size, .f_frsize = raw.block_size, .f_blocks = raw.blocks,
        .f_bfree = raw.free, .f_bavail = raw.available, .f_files = raw.files, .f_ffree = raw.files_free,
        .f_namelen = raw.name_max,
    };
    return 0;
}

int statfs(const char *path, struct statfs *st)
{
    return *path ? statfs_at(AT_FDCWD, path, st) : cq_result(-ENOENT);
}

int fstatfs(int fd, struct statfs *st)
{
    return statfs_at(fd, "", st);
}

static void to_statvfs(const struct statfs *in, struct statvfs *out)
{
    *out = (struct statvfs){
        .f_bsize = in->f_bsize, .f_frsize = in->f_frsize, .f_blocks = in->f_blocks, .f_bfree = in->f_bfree,
        .f_bavail = in->f_bavail, .f_files = in->f_files, .f_ffree = in->f_ffree, .f_favail = in->f_ffree,
        .f_namemax = in->f_namelen,
    };
}

int statvfs(const char *restrict path, struct statvfs *restrict out)
{
    struct statfs st;
    if (statfs(path, &st) < 0)
        return -1;
    to_statvfs(&st, out);
    return 0;
}

int fstatvfs(int fd, struct statvfs *out)
{
    struct statfs st;
    if (fstatfs(fd, &st) < 0)
        return -1;
    to_statvfs(&st, out);
    return 0;
}
