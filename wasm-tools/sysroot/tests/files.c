/* Files, names, modes, descriptors, the working directory. */
#include "helper.h"
#include <dirent.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/time.h>

#define SAY(call) printf("%-40s %s\n", #call, (call) < 0 ? why() : "ok")

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file))
        printf("%s: %s\n", path, why());
}

static void get(const char *path)
{
    char line[200];
    FILE *file = fopen(path, "r");
    if (!file) {
        printf("%s: %s\n", path, why());
        return;
    }
    while (fgets(line, sizeof line, file))
        printf("%s: %s", path, line);
    fclose(file);
}

static void mode(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        printf("%s: %s\n", path, why());
    else
        printf("%s: mode %o, links %d, size %lld\n", path, (unsigned)st.st_mode, S_ISDIR(st.st_mode) ? 0 : (int)st.st_nlink,
               S_ISREG(st.st_mode) || S_ISLNK(st.st_mode) ? (long long)st.st_size : 0ll);
}

static void modes(void)
{
    umask(027);
    put("file", "hello\n");
    mode("file");
    close(open("strict", O_WRONLY | O_CREAT, 0666));
    mode("strict");
    SAY(mkdir("dir", 0777));
    mode("dir");
    SAY(mkdir("dir", 0777));
    SAY(mkfifo("fifo", 0666));
    mode("fifo");
    SAY(chmod("file", 04755));
    mode("file");
    int fd = open("file", O_RDONLY);
    SAY(fchmod(fd, 0600));
    close(fd);
    mode("file");
    SAY(chmod("nothing", 0600));
    SAY(access("file", R_OK | W_OK));
    SAY(access("file", F_OK));
    SAY(access("nothing", F_OK));
    SAY(chown("file", -1, -1));
    umask(022);
}

static void links(void)
{
    char buf[PATH_MAX];
    struct stat st;
    SAY(symlink("file", "soft"));
    SAY(link("file", "hard"));
    mode("soft");
    mode("hard");
    printf("readlink: %.*s\n", (int)readlink("soft", buf, sizeof buf), buf);
    printf("stat follows: %d, lstat does not: %d\n", !stat("soft", &st) && S_ISREG(st.st_mode), !lstat("soft", &st) && S_ISLNK(st.st_mode));
    SAY(symlink("loop", "loop"));
    printf("%d %s\n", open("loop", O_RDONLY), why());
    printf("%d %s\n", open("soft", O_RDONLY | O_NOFOLLOW), why());
    SAY(rename("hard", "dir/moved"));
    SAY(rename("nothing", "else"));
    SAY(rmdir("dir"));
    SAY(unlink("dir"));
    SAY(unlink("dir/moved"));
    SAY(rmdir("dir"));
    SAY(rmdir("file"));
    SAY(remove("soft"));
    SAY(unlink("loop"));
    SAY(unlink("fifo"));
}

static void descriptors(void)
{
    char buf[20] = "";
    int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600), other;
    printf("write %zd, seek %lld, read %zd", write(fd, "0123456789", 10), (long long)lseek(fd, 3, SEEK_SET), read(fd, buf, 4));
    printf(" %s\n", buf);
    other = dup(fd);
    printf("shared offset: %lld\n", (long long)lseek(other, 0, SEEK_CUR));
    printf("pread %zd at 8: %.2s, still %lld\n", pread(fd, buf, 5, 8), buf, (long long)lseek(fd, 0, SEEK_CUR));
    printf("flags: %s%s\n", (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR ? "rdwr" : "?", fcntl(fd, F_GETFL) & O_APPEND ? " append" : "");
    SAY(fcntl(fd, F_SETFL, O_APPEND));
    lseek(fd, 0, SEEK_SET);
    printf("appended %zd", write(fd, "AB", 2));
    printf(", end %lld\n", (long long)lseek(fd, 0, SEEK_END));
    SAY(ftruncate(fd, 5));
    SAY(truncate("data", 6));
    printf("size %lld\n", (long long)lseek(fd, 0, SEEK_END));
    SAY(dup2(fd, 30));
    printf("dup2 to itself: %d; of nothing: %d %s\n", dup2(30, 30), dup2(29, 29), why());
    SAY(close(30));
    SAY(close(30));
    SAY(flock(fd, LOCK_EX | LOCK_NB));
    int third = open("data", O_RDONLY);
    SAY(flock(third, LOCK_SH | LOCK_NB));
    SAY(flock(fd, LOCK_UN));
    SAY(flock(third, LOCK_SH | LOCK_NB));
    close(fd), close(other), close(third);
    printf("closed: %zd %s\n", read(fd, buf, 1), why());
    printf("is a terminal: %d %s\n", isatty(open("/dev/null", O_RDONLY)), why());
    int dir = open("/tmp", O_RDONLY | O_DIRECTORY);
    printf("read a directory: %zd %s\n", read(dir, buf, 1), why());
    printf("%d %s\n", open("data", O_RDONLY | O_DIRECTORY), why());
    printf("%d %s\n", open("data", O_WRONLY | O_CREAT | O_EXCL, 0600), why());
    close(dir);
    unlink("data");
}

static void pipes(void)
{
    int ends[2];
    char buf[10];
    struct stat st;
    SAY(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
    printf("empty: %zd %s\n", read(ends[0], buf, 1), why());
    fstat(ends[0], &st);
    printf("is a pipe: %d\n", S_ISFIFO(st.st_mode));
    printf("seek: %lld %s\n", (long long)lseek(ends[0], 0, SEEK_CUR), why());
    printf("write %zd", write(ends[1], "abc", 3));
    printf(", read %zd\n", read(ends[0], buf, 10));
    int full = 0;
    while (write(ends[1], buf, 1) == 1 && full < 1000000)
        full++;
    printf("full: %s, %s\n", full == 65536 ? "64 KiB" : "other", why());
    close(ends[1]);
    while (read(ends[0], buf, sizeof buf) > 0)
        ;
    printf("end: %zd\n", read(ends[0], buf, 1));
    close(ends[0]);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void directories(const char *top)
{
    char buf[PATH_MAX];
    struct dirent **list;
    SAY(mkdir("a", 0700));
    SAY(chdir("a"));
    SAY(mkdir("b", 0700));
    SAY(chdir("b"));
    printf("in b: %s\n", strcmp(getcwd(buf, sizeof buf) + strlen(buf) - 4, "/a/b") ? buf : "yes");
    put("../up", "up\n");
    get("../up");
    SAY(symlink("../../a", "back"));
    printf("realpath: %s\n", realpath("back/b/../up", buf) && !strcmp(buf + strlen(top), "/a/up") ? "right" : buf);
    printf("realpath of nothing: %s\n", realpath("nothing", buf) ? buf : why());
    printf("getcwd in 3 bytes: %s\n", getcwd(buf, 3) ? buf : why());
    int dir = open("..", O_RDONLY | O_DIRECTORY), fd;
    printf("openat: %s\n", (fd = openat(dir, "up", O_RDONLY)) >= 0 ? "ok" : why());
    close(fd);
    SAY(mkdirat(dir, "c", 0750));
    SAY(fchdir(dir));
    int count = scandir(".", &list, NULL, by_name);
    for (int i = 0; i < count; i++)
        printf("%s%s", i ? " " : "entries: ", list[i]->d_name);
    puts("");
    SAY(unlinkat(dir, "c", AT_REMOVEDIR));
    SAY(unlinkat(dir, "b/back", 0));
    close(dir);
    SAY(chdir(top));
    SAY(chdir("nothing"));
    SAY(chdir("a/up"));
    SAY(unlink("a/up"));
    SAY(rmdir("a/b"));
    SAY(rmdir("a"));
}

static void times(void)
{
    struct stat st;
    struct timespec when[2] = { { 1000000000, 5 }, { 1234567890, 987654321 } };
    put("clock", "x");
    SAY(utimensat(AT_FDCWD, "clock", when, 0));
    stat("clock", &st);
    printf("atime %lld.%09ld mtime %lld.%09ld\n", (long long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec,
           st.st_mtim.tv_nsec);
    when[0].tv_nsec = UTIME_OMIT;
    when[1].tv_nsec = UTIME_NOW;
    SAY(utimensat(AT_FDCWD, "clock", when, 0));
    stat("clock", &st);
    printf("atime %lld, mtime %s\n", (long long)st.st_atim.tv_sec, st.st_mtim.tv_sec > 1500000000 ? "now" : "old");
    unlink("clock");
}

static void temporary(void)
{
    char name[] = "tempXXXXXX", with[] = "tXXXXXX.txt", wrong[] = "temp";
    struct stat st;
    int fd = mkstemp(name);
    fstat(fd, &st);
    printf("mkstemp: mode %o, %s\n", (unsigned)st.st_mode & 0777, strcmp(name, "tempXXXXXX") ? "named" : "not named");
    unlink(name);
    fd = mkstemps(with, 4);
    printf("mkstemps: %s\n", strcmp(with + 7, ".txt") ? with : ".txt");
    unlink(with);
    printf("wrong: %d %s\n", mkstemp(wrong), why());
    FILE *file = tmpfile();
    printf("tmpfile: %d %d", fputs("x", file) >= 0, fseek(file, 0, SEEK_SET));
    printf(" %c\n", fgetc(file));
    fclose(file);
    struct statvfs fs;
    printf("statvfs: %d, names %lu\n", statvfs("/tmp", &fs), fs.f_namemax);
}

int main(int argc, char **argv)
{
    char top[] = "/tmp/filesXXXXXX";
    if (!mkdtemp(top) || chdir(top) < 0)
        printf("%s: %s\n", top, why());
    modes();
    links();
    descriptors();
    pipes();
    directories(top);
    times();
    temporary();
    unlink("file"), unlink("strict");
    SAY(chdir("/"));
    SAY(rmdir(top));
    return argc > 5 ? argv[0][0] : 0;
}
