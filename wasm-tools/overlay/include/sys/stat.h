/* statx, for coreutils: its stat prints the birth time from it and names it in messages, as on Debian. */
#include_next <sys/stat.h>
#ifndef COQUINA_STATX_H
#define COQUINA_STATX_H
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

struct statx_timestamp {
    long long tv_sec;
    unsigned tv_nsec;
};
struct statx {
    unsigned stx_mask, stx_blksize, stx_nlink, stx_uid, stx_gid;
    unsigned short stx_mode;
    unsigned long long stx_attributes, stx_ino, stx_size, stx_blocks;
    struct statx_timestamp stx_atime, stx_btime, stx_ctime, stx_mtime;
    unsigned stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor;
};

#define STATX_TYPE 1
#define STATX_MODE 2
#define STATX_NLINK 4
#define STATX_UID 8
#define STATX_GID 0x10
#define STATX_ATIME 0x20
#define STATX_MTIME 0x40
#define STATX_CTIME 0x80
#define STATX_INO 0x100
#define STATX_SIZE 0x200
#define STATX_BLOCKS 0x400
#define STATX_BASIC_STATS 0x7ff
#define STATX_BTIME 0x800
#define AT_NO_AUTOMOUNT 0x800
#define AT_STATX_SYNC_AS_STAT 0
#define AT_STATX_FORCE_SYNC 0x2000
#define AT_STATX_DONT_SYNC 0x4000

static inline int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *out)
{
    struct stat st;
    (void)mask;
    if (fstatat(dirfd, path, &st, flags & (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
        return -1;
#define COQUINA_STATX_TIME(of) ((struct statx_timestamp){(of).tv_sec, (unsigned)(of).tv_nsec})
    *out = (struct statx){
        .stx_mask = STATX_BASIC_STATS | STATX_BTIME, .stx_blksize = st.st_blksize, .stx_nlink = st.st_nlink, .stx_uid = st.st_uid,
        .stx_gid = st.st_gid, .stx_mode = st.st_mode, .stx_ino = st.st_ino, .stx_size = st.st_size, .stx_blocks = st.st_blocks,
        .stx_atime = COQUINA_STATX_TIME(st.st_atim), .stx_btime = COQUINA_STATX_TIME(st.st_birthtim),
        .stx_ctime = COQUINA_STATX_TIME(st.st_ctim), .stx_mtime = COQUINA_STATX_TIME(st.st_mtim),
        .stx_rdev_major = major(st.st_rdev), .stx_rdev_minor = minor(st.st_rdev), .stx_dev_major = major(st.st_dev),
        .stx_dev_minor = minor(st.st_dev),
    };
    return 0;
}
#endif
