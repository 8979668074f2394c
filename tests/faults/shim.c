/* A file system that fails on purpose: preloaded into a child process, it sees every call that changes files below one directory.
 *
 * FAULTS_DIR    the directory that is watched (canonical, absolute). Names that end in "-shm" are not: they never need to survive.
 * FAULTS_TRACE  every change is appended to this file with its data, in the order in which it took effect (format: `struct record`).
 * FAULTS_ACKS   the file into which the program writes what it acknowledges; its lines enter the trace between the changes, and three
 *               of them speak to this shim: "arm" (counting starts), "disarm" (faults stop), "clock SECONDS" (the wall clock is set).
 * FAULTS_ARM    if set, changes are counted from the line "arm" on; otherwise from the start.
 * FAULTS_CRASH  "N before|half|after": at the Nth change the process is gone, as by SIGKILL. "half": half of a write is done.
 * FAULTS_FAIL   "N ERRNO once|on": the Nth change fails so, and, if "on", those after it; ENOSPC only hits those that need space.
 *               The line "fault" is added to the acks when it is reached.
 *
 * One lock is held across each change, so that the trace's order is the order on the disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FDS = 65536, NONE = 0, WATCHED = 1, ACKS = 2 };

/* Followed by path, path2 and data. Little endian, as the host is. */
struct record {
    uint8_t op; /* one of CREATE … NOTE below */
    uint8_t pad[3];
    uint32_t path_len, path2_len, pad2;
    uint64_t inode, offset, data_len;
};

enum {
    CREATE = 'C', /* path, inode: a new empty file */
    OPEN = 'O',   /* path, inode: an existing file; changes nothing */
    TRUNCATE = 'T', /* inode, offset: the new length */
    WRITE = 'W',  /* inode, offset, data */
    SYNC = 'S',   /* inode: a file is made durable */
    DIRSYNC = 'D', /* path: a directory's entries are made durable */
    RENAME = 'R', /* path, path2 */
    LINK = 'L',   /* path, path2 */
    UNLINK = 'U', /* path */
    MKDIR = 'M',  /* path */
    RMDIR = 'X',  /* path */
    ACK = 'A',    /* data: what the program said */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t kind[FDS];
static char dir[PATH_MAX], acks[PATH_MAX];
static size_t dir_len;
static int trace = -1, acks_fd = -1, armed = 1;
static long changes, crash_at, fail_at;
static int crash_how, fail_errno, fail_on;
static long clock_offset;

#define REAL(ret, name, ...) static ret (*real_##name)(__VA_ARGS__)
REAL(int, open64, const char *, int, ...);
REAL(int, openat64, int, const char *, int, ...);
REAL(int, close, int);
REAL(int, dup, int);
REAL(int, dup2, int, int);
REAL(int, dup3, int, int, int);
REAL(int, fcntl64, int, int, ...);
REAL(ssize_t, write, int, const void *, size_t);
REAL(ssize_t, pwrite64, int, const void *, size_t, off_t);
REAL(ssize_t, writev, int, const struct iovec *, int);
REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t);
REAL(ssize_t, copy_file_range, int, off_t *, int, off_t *, size_t, unsigned);
REAL(ssize_t, sendfile64, int, int, off_t *, size_t);
REAL(int, ftruncate64, int, off_t);
REAL(int, truncate64, const char *, off_t);
REAL(int, fallocate64, int, int, off_t, off_t);
REAL(int, posix_fallocate64, int, off_t, off_t);
REAL(int, fsync, int);
REAL(int, fdatasync, int);
REAL(int, renameat2, int, const char *, int, const char *, unsigned);
REAL(int, linkat, int, const char *, int, const char *, int);
REAL(int, symlinkat, const char *, int, const char *);
REAL(int, unlinkat, int, const char *, int);
REAL(int, mkdirat, int, const char *, mode_t);
REAL(void *, mmap64, void *, size_t, int, int, int, off_t);
REAL(int, clock_gettime, clockid_t, struct timespec *);

static void refuse(const char *what) {
    dprintf(2, "faults/shim.c: %s is not watched for: teach the shim\n", what);
    syscall(SYS_exit_group, 98);
}

static void resolve_symbols(void) {
#define FIND(name)                                         \
    if (!real_##name) {                                    \
        *(void **)&real_##name = dlsym(RTLD_NEXT, #name);  \
        if (!real_##name) refuse(#name);                   \
    }
    FIND(open64) FIND(openat64) FIND(close) FIND(dup) FIND(dup2) FIND(dup3) FIND(fcntl64) FIND(write) FIND(pwrite64)
    FIND(writev) FIND(pwritev) FIND(copy_file_range) FIND(sendfile64) FIND(ftruncate64) FIND(truncate64)
    FIND(fallocate64) FIND(posix_fallocate64) FIND(fsync) FIND(fdatasync) FIND(renameat2) FIND(linkat)
    FIND(symlinkat) FIND(unlinkat) FIND(mkdirat) FIND(mmap64) FIND(clock_gettime)
}

static int number_of(const char *name) {
    static const struct { const char *name; int number; } all[] = {
        {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EIO", EIO}, {"EMFILE", EMFILE}, {"EROFS", EROFS},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i].name, name)) return all[i].number;
    refuse(name);
    return 0;
}

__attribute__((constructor)) static void start(void) {
    resolve_symbols();
    const char *text = getenv("FAULTS_DIR");
    if (!text) return;
    snprintf(dir, sizeof dir, "%s", text);
    dir_len = strlen(dir);
    if ((text = getenv("FAULTS_ACKS"))) snprintf(acks, sizeof acks, "%s", text);
    if (getenv("FAULTS_ARM")) armed = 0;
    char word[16] = "", more[16] = "";
    if ((text = getenv("FAULTS_CRASH")) && sscanf(text, "%ld %15s", &crash_at, word) == 2) crash_how = word[0];
    if ((text = getenv("FAULTS_FAIL")) && sscanf(text, "%ld %15s %15s", &fail_at, word, more) == 3) {
        fail_errno = number_of(word);
        fail_on = !strcmp(more, "on");
    }
    if ((text = getenv("FAULTS_TRACE"))) {
        int fd = real_open64(text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        trace = real_fcntl64(fd, F_DUPFD_CLOEXEC, 900); /* out of the way of the program's own */
        real_close(fd);
    }
}

/* ---- which files are watched ---- */

static int is_shm(const char *path) {
    size_t len = strlen(path);
    return len > 4 && !strcmp(path + len - 4, "-shm");
}

static int is_watched(const char *path) {
    return dir_len && !strncmp(path, dir, dir_len) && (path[dir_len] == '/' || !path[dir_len]) && !is_shm(path);
}

/* The absolute path of `path` at `at`, by text: nothing below the watched directory is a symbolic link. */
static void absolute(int at, const char *path, char out[PATH_MAX]) {
    char base[PATH_MAX] = "";
    if (path[0] != '/') {
        char link[64];
        if (at == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t len = readlink(link, base, sizeof base - 1);
        base[len > 0 ? len : 0] = 0;
    }
    if (snprintf(out, PATH_MAX, "%s%s%s", base, base[0] ? "/" : "", path) >= PATH_MAX) out[0] = 0;
    size_t len = strlen(out);
    while (len > 1 && out[len - 1] == '/') out[--len] = 0;
}

static int fd_kind(int fd) { return fd >= 0 && fd < FDS ? kind[fd] : NONE; }

static void set_kind(int fd, int to) {
    if (fd >= 0 && fd < FDS) kind[fd] = to;
}

static uint64_t inode_of(int fd) {
    struct stat st;
    return fstat(fd, &st) ? 0 : st.st_ino;
}

/* ---- the trace ---- */

static void put(const void *data, size_t len) {
    const char *at = data;
    while (len) {
        ssize_t n = real_write(trace, at, len);
        if (n <= 0) refuse("a trace that cannot be written");
        at += n, len -= n;
    }
}

static const char *below(const char *path) { return !path ? "" : path[dir_len] ? path + dir_len + 1 : ""; }

static void note(int op, const char *path, const char *path2, uint64_t inode, uint64_t offset, const void *data, size_t len) {
    if (trace < 0) return;
    int saved = errno;
    path = below(path), path2 = below(path2);
    struct record record = {
        .op = op, .path_len = strlen(path), .path2_len = strlen(path2),
        .inode = inode, .offset = offset, .data_len = data ? len : 0,
    };
    put(&record, sizeof record);
    put(path, record.path_len);
    put(path2, record.path2_len);
    if (data) put(data, len);
    errno = saved;
}

/* ---- faults ---- */

static void crash(void) {
    for (;;) syscall(SYS_exit_group, 99);
}

/* Says what happens to the change that is about to be made: 0 it happens, otherwise the error it fails with. Locked. */
static int fault(int needs_space) {
    if (!armed) return 0;
    changes++;
    if (crash_at == changes && crash_how == 'b') crash();
    int hit = fail_at && (fail_on ? changes >= fail_at : changes == fail_at);
    if (!hit) return 0;
    if (changes == fail_at && acks_fd >= 0 && real_write(acks_fd, "fault\n", 6) != 6) refuse("a fault that cannot be told");
    int space = fail_errno == ENOSPC || fail_errno == EDQUOT;
    return space && !needs_space ? 0 : fail_errno;
}

/* After the change that was the one to crash at. Locked. */
static void crash_after(void) {
    if (armed && crash_at == changes && crash_at) crash();
}

static void hear(const char *data, size_t len) {
    if (len >= 4 && !memcmp(data, "arm\n", 4)) armed = 1;
    if (len >= 7 && !memcmp(data, "disarm\n", 7)) fail_at = crash_at = 0;
    if (len >= 6 && !memcmp(data, "clock ", 6)) clock_offset = atol(data + 6);
}

#define LOCK pthread_mutex_lock(&lock)
#define UNLOCK                        \
    do {                              \
        int saved_ = errno;           \
        pthread_mutex_unlock(&lock);  \
        errno = saved_;               \
    } while (0)

/* ---- opening and closing ---- */

static int open_it(int at, const char *path, int flags, mode_t mode) {
    resolve_symbols();
    char full[PATH_MAX];
    absolute(at, path, full);
    if (acks[0] && !strcmp(full, acks)) {
        int fd = real_openat64(at, path, flags, mode);
        set_kind(fd, ACKS);
        acks_fd = fd;
        return fd;
    }
    if (!is_watched(full)) {
        int fd = real_openat64(at, path, flags, mode);
        set_kind(fd, NONE);
        return fd;
    }
    if ((flags & O_TMPFILE) == O_TMPFILE) refuse("O_TMPFILE");
    LOCK;
    struct stat st;
    int exists = !stat(full, &st), writes = (flags & O_ACCMODE) != O_RDONLY;
    int creates = (flags & O_CREAT) && !exists, cuts = (flags & O_TRUNC) && exists && writes && st.st_size > 0;
    int error = creates || cuts ? fault(creates) : 0, fd = -1;
    if (error) errno = error;
    else fd = real_openat64(at, path, flags, mode);
    if (fd >= 0) {
        set_kind(fd, WATCHED);
        if (creates) note(CREATE, full, NULL, inode_of(fd), 0, NULL, 0);
        else if (exists && S_ISREG(st.st_mode)) note(OPEN, full, NULL, st.st_ino, st.st_size, NULL, 0);
        if (cuts) note(TRUNCATE, full, NULL, st.st_ino, 0, NULL, 0);
        if (creates || cuts) crash_after();
    }
    UNLOCK;
    return fd;
}

#define MODE                                      \
    mode_t mode = 0;                              \
    if (flags & (O_CREAT | __O_TMPFILE)) {        \
        va_list list;                             \
        va_start(list, flags);                    \
        mode = va_arg(list, mode_t);              \
        va_end(list);                             \
    }
int open(const char *path, int flags, ...) { MODE return open_it(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return open_it(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return open_it(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return open_it(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_it(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
    resolve_symbols();
    set_kind(fd, NONE);
    return real_close(fd);
}

static int same_kind(int from, int to) {
    if (to >= 0) set_kind(to, fd_kind(from));
    return to;
}
int dup(int fd) { return resolve_symbols(), same_kind(fd, real_dup(fd)); }
int dup2(int fd, int to) { return resolve_symbols(), same_kind(fd, real_dup2(fd, to)); }
int dup3(int fd, int to, int flags) { return resolve_symbols(), same_kind(fd, real_dup3(fd, to, flags)); }

static int fcntl_it(int fd, int command, void *argument) {
    resolve_symbols();
    int result = real_fcntl64(fd, command, argument);
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? same_kind(fd, result) : result;
}
#define ARGUMENT                              \
    va_list list;                             \
    va_start(list, command);                  \
    void *argument = va_arg(list, void *);    \
    va_end(list);
int fcntl(int fd, int command, ...) { ARGUMENT return fcntl_it(fd, command, argument); }
int fcntl64(int fd, int command, ...) { ARGUMENT return fcntl_it(fd, command, argument); }

/* ---- contents ---- */

/* `offset` < 0: at the descriptor's own position. */
static ssize_t write_it(int fd, const void *data, size_t len, off_t offset) {
    resolve_symbols();
    int what = fd_kind(fd);
    if (what == NONE || (what == WATCHED && !len)) return offset < 0 ? real_write(fd, data, len) : real_pwrite64(fd, data, len, offset);
    LOCK;
    ssize_t n = -1;
    if (what == ACKS) {
        n = real_write(fd, data, len);
        if (n > 0) note(ACK, NULL, NULL, 0, 0, data, n), hear(data, n);
    } else {
        int error = fault(1), flags = real_fcntl64(fd, F_GETFL);
        off_t at = offset;
        if (offset < 0) at = flags & O_APPEND ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
        size_t amount = armed && crash_at && crash_at == changes && crash_how == 'h' ? len / 2 : len;
        if (error) {
            /* A full disk takes what fits, and says so at the next write. */
            if ((error == ENOSPC) && len > 1 && (changes & 1)) {
                n = offset < 0 ? real_write(fd, data, len / 2) : real_pwrite64(fd, data, len / 2, offset);
            } else errno = error;
        } else n = offset < 0 ? real_write(fd, data, amount) : real_pwrite64(fd, data, amount, offset);
        if (n > 0) note(WRITE, NULL, NULL, inode_of(fd), at, data, n);
        crash_after();
    }
    UNLOCK;
    return n;
}

ssize_t write(int fd, const void *data, size_t len) { return write_it(fd, data, len, -1); }
ssize_t pwrite(int fd, const void *data, size_t len, off_t offset) { return write_it(fd, data, len, offset); }
ssize_t pwrite64(int fd, const void *data, size_t len, off_t offset) { return write_it(fd, data, len, offset); }

/* As one write each: a short count is an honest answer. */
static ssize_t writev_it(int fd, const struct iovec *list, int count, off_t offset) {
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        if (!list[i].iov_len) continue;
        ssize_t n = write_it(fd, list[i].iov_base, list[i].iov_len, offset < 0 ? -1 : offset + total);
        if (n < 0) return total ? total : n;
        total += n;
        if ((size_t)n < list[i].iov_len) break;
    }
    return total;
}
ssize_t writev(int fd, const struct iovec *list, int count) {
    resolve_symbols();
    return fd_kind(fd) ? writev_it(fd, list, count, -1) : real_writev(fd, list, count);
}
ssize_t pwritev(int fd, const struct iovec *list, int count, off_t offset) {
    resolve_symbols();
    return fd_kind(fd) ? writev_it(fd, list, count, offset) : real_pwritev(fd, list, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *list, int count, off_t offset) { return pwritev(fd, list, count, offset); }

/* Copies in the kernel are refused, so that programs copy by read and write, which are seen. */
ssize_t copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags) {
    resolve_symbols();
    if (fd_kind(out)) return errno = EXDEV, -1;
    return real_copy_file_range(in, in_at, out, out_at, len, flags);
}
ssize_t sendfile64(int out, int in, off_t *at, size_t len) {
    resolve_symbols();
    if (fd_kind(out)) return errno = EINVAL, -1;
    return real_sendfile64(out, in, at, len);
}
ssize_t sendfile(int out, int in, off_t *at, size_t len) { return sendfile64(out, in, at, len); }

int ftruncate64(int fd, off_t len) {
    resolve_symbols();
    if (fd_kind(fd) != WATCHED) return real_ftruncate64(fd, len);
    LOCK;
    struct stat st;
    int error = fault(!fstat(fd, &st) && st.st_size < len), result = -1;
    if (error) errno = error;
    else if (!(result = real_ftruncate64(fd, len))) note(TRUNCATE, NULL, NULL, inode_of(fd), len, NULL, 0);
    crash_after();
    UNLOCK;
    return result;
}
int ftruncate(int fd, off_t len) { return ftruncate64(fd, len); }
int truncate64(const char *path, off_t len) {
    int fd = open64(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int result = ftruncate64(fd, len), saved = errno;
    close(fd);
    return errno = saved, result;
}
int truncate(const char *path, off_t len) { return truncate64(path, len); }
int fallocate64(int fd, int mode, off_t at, off_t len) {
    resolve_symbols();
    if (fd_kind(fd) == WATCHED) return errno = EOPNOTSUPP, -1;
    return real_fallocate64(fd, mode, at, len);
}
int fallocate(int fd, int mode, off_t at, off_t len) { return fallocate64(fd, mode, at, len); }
int posix_fallocate64(int fd, off_t at, off_t len) {
    resolve_symbols();
    if (fd_kind(fd) == WATCHED) return EOPNOTSUPP;
    return real_posix_fallocate64(fd, at, len);
}
int posix_fallocate(int fd, off_t at, off_t len) { return posix_fallocate64(fd, at, len); }

void *mmap64(void *address, size_t len, int protection, int flags, int fd, off_t at) {
    resolve_symbols();
    if (fd_kind(fd) == WATCHED && (protection & PROT_WRITE) && (flags & MAP_TYPE) != MAP_PRIVATE) refuse("a shared writable mapping");
    return real_mmap64(address, len, protection, flags, fd, at);
}
void *mmap(void *address, size_t len, int protection, int flags, int fd, off_t at) {
    return mmap64(address, len, protection, flags, fd, at);
}

static int sync_it(int fd, int (*real)(int)) {
    if (fd_kind(fd) != WATCHED) return real(fd);
    LOCK;
    int error = fault(0), result = -1;
    struct stat st;
    if (error) errno = error;
    else if (!(result = real(fd)) && !fstat(fd, &st)) {
        char link[64], path[PATH_MAX];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link, path, sizeof path - 1);
        path[len > 0 ? len : 0] = 0;
        if (S_ISDIR(st.st_mode)) note(DIRSYNC, path, NULL, st.st_ino, 0, NULL, 0);
        else note(SYNC, NULL, NULL, st.st_ino, 0, NULL, 0);
    }
    crash_after();
    UNLOCK;
    return result;
}
int fsync(int fd) { return resolve_symbols(), sync_it(fd, real_fsync); }
int fdatasync(int fd) { return resolve_symbols(), sync_it(fd, real_fdatasync); }

/* ---- names ---- */

static int rename_it(int at, const char *from, int at2, const char *to, unsigned flags) {
    resolve_symbols();
    char full[PATH_MAX], full2[PATH_MAX];
    absolute(at, from, full), absolute(at2, to, full2);
    if (!is_watched(full) && !is_watched(full2)) return real_renameat2(at, from, at2, to, flags);
    if (!is_watched(full) || !is_watched(full2)) refuse("a rename into or out of the watched directory");
    if (flags & RENAME_EXCHANGE) refuse("an exchange of names");
    LOCK;
    int error = fault(1), result = -1;
    if (error) errno = error;
    else if (!(result = real_renameat2(at, from, at2, to, flags))) note(RENAME, full, full2, 0, 0, NULL, 0);
    crash_after();
    UNLOCK;
    return result;
}
int rename(const char *from, const char *to) { return rename_it(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int at, const char *from, int at2, const char *to) { return rename_it(at, from, at2, to, 0); }
int renameat2(int at, const char *from, int at2, const char *to, unsigned flags) { return rename_it(at, from, at2, to, flags); }

int linkat(int at, const char *from, int at2, const char *to, int flags) {
    resolve_symbols();
    char full[PATH_MAX], full2[PATH_MAX];
    absolute(at, from, full), absolute(at2, to, full2);
    if (!is_watched(full2)) return real_linkat(at, from, at2, to, flags);
    if (!is_watched(full)) refuse("a link from outside");
    LOCK;
    int error = fault(1), result = -1;
    if (error) errno = error;
    else if (!(result = real_linkat(at, from, at2, to, flags))) note(LINK, full, full2, 0, 0, NULL, 0);
    crash_after();
    UNLOCK;
    return result;
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int symlinkat(const char *text, int at, const char *path) {
    resolve_symbols();
    char full[PATH_MAX];
    absolute(at, path, full);
    if (is_watched(full)) refuse("a symbolic link");
    return real_symlinkat(text, at, path);
}
int symlink(const char *text, const char *path) { return symlinkat(text, AT_FDCWD, path); }

int unlinkat(int at, const char *path, int flags) {
    resolve_symbols();
    char full[PATH_MAX];
    absolute(at, path, full);
    if (!is_watched(full)) return real_unlinkat(at, path, flags);
    LOCK;
    struct stat st;
    int exists = !lstat(full, &st), error = exists ? fault(0) : 0, result = -1;
    if (error) errno = error;
    else if (!(result = real_unlinkat(at, path, flags))) note(flags & AT_REMOVEDIR ? RMDIR : UNLINK, full, NULL, 0, 0, NULL, 0);
    if (exists) crash_after();
    UNLOCK;
    return result;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    struct stat st;
    return unlinkat(AT_FDCWD, path, !lstat(path, &st) && S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

int mkdirat(int at, const char *path, mode_t mode) {
    resolve_symbols();
    char full[PATH_MAX];
    absolute(at, path, full);
    struct stat st;
    if (!is_watched(full) || !stat(full, &st)) return real_mkdirat(at, path, mode);
    LOCK;
    int error = fault(1), result = -1;
    if (error) errno = error;
    else if (!(result = real_mkdirat(at, path, mode))) note(MKDIR, full, NULL, 0, 0, NULL, 0);
    crash_after();
    UNLOCK;
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* ---- the wall clock ---- */

int clock_gettime(clockid_t which, struct timespec *now) {
    resolve_symbols();
    int result = real_clock_gettime(which, now);
    if (!result && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) now->tv_sec += clock_offset;
    return result;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec time;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &time)) return -1;
    return now->tv_sec = time.tv_sec, now->tv_usec = time.tv_nsec / 1000, 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
