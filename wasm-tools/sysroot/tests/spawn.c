/* posix_spawn, popen, system: no fork in sight. */
#include "helper.h"
#include <spawn.h>

extern char **environ;

static pid_t spawn(const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr, char *const argv[])
{
    pid_t pid;
    fflush(stdout);
    int error = posix_spawn(&pid, self, actions, attr, argv, environ);
    if (error)
        printf("posix_spawn: %s\n", strerror(error));
    return error ? -1 : pid;
}

static void wait_for(const char *what, pid_t pid)
{
    int status;
    if (pid > 0 && waitpid(pid, &status, 0) == pid)
        printf("%s: %s\n", what, ended(status));
}

static void actions(const char *dir)
{
    char path[4096], buf[200];
    snprintf(path, sizeof path, "%s/out", dir);
    posix_spawn_file_actions_t a;
    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_addchdir_np(&a, dir);
    posix_spawn_file_actions_addopen(&a, 1, "out", O_WRONLY | O_CREAT | O_TRUNC, 0640);
    posix_spawn_file_actions_adddup2(&a, 1, 9);
    posix_spawn_file_actions_addclose(&a, 0);
    wait_for("actions", spawn(&a, NULL, (char *[]){ (char *)self, "open", "0", "1", "2", "9", NULL }));
    posix_spawn_file_actions_destroy(&a);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, buf, sizeof buf);
    struct stat st;
    fstat(fd, &st);
    printf("out, mode %o: %.*s", st.st_mode & 0777, (int)(n < 0 ? 0 : n), buf);
    close(fd);

    posix_spawn_file_actions_init(&a);
    posix_spawn_file_actions_addopen(&a, 0, "/does/not/exist", O_RDONLY, 0);
    pid_t pid;
    printf("failing action: %s\n", strerror(posix_spawn(&pid, self, &a, NULL, (char *[]){ (char *)self, NULL }, environ)));
    posix_spawn_file_actions_destroy(&a);
    printf("failing spawn: %s\n", strerror(posix_spawn(&pid, "/nothing", NULL, NULL, (char *[]){ "x", NULL }, environ)));
    printf("no child left: %d %s\n", wait(NULL), why());
}

static void inheritance(void)
{
    int a = open("/dev/null", O_RDONLY), b = open("/dev/null", O_RDONLY | O_CLOEXEC), c = dup(b), d = fcntl(a, F_DUPFD_CLOEXEC, 20);
    char text[4][12];
    snprintf(text[0], 12, "%d", a), snprintf(text[1], 12, "%d", b), snprintf(text[2], 12, "%d", c), snprintf(text[3], 12, "%d", d);
    printf("descriptors %d %d %d %d, flags %d %d %d %d\n", b - a, c - a, d, fcntl(d, F_GETFD), fcntl(a, F_GETFD), fcntl(b, F_GETFD),
           fcntl(c, F_GETFD), fcntl(d, F_GETFD));
    wait_for("inherited", spawn(NULL, NULL, (char *[]){ (char *)self, "open", text[0], text[1], text[2], text[3], NULL }));
    fcntl(a, F_SETFD, FD_CLOEXEC);
    fcntl(b, F_SETFD, 0);
    wait_for("swapped", spawn(NULL, NULL, (char *[]){ (char *)self, "open", text[0], text[1], text[2], text[3], NULL }));
    close(a), close(b), close(c), close(d);
}

static void attributes(void)
{
    posix_spawnattr_t attr;
    sigset_t set;
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attr, 0);
    pid_t pid = spawn(NULL, &attr, (char *[]){ (char *)self, "wait", NULL });
    printf("group of its own: %s\n", getpgid(pid) == pid && getpgid(0) != pid ? "yes" : "no");
    printf("kill the group: %d\n", killpg(pid, SIGINT));
    wait_for("killed", pid);

    signal(SIGTERM, SIG_IGN);
    pid = spawn(NULL, NULL, (char *[]){ (char *)self, "kill", "15", NULL });
    wait_for("ignored in the child", pid);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigdefault(&attr, &set);
    pid = spawn(NULL, &attr, (char *[]){ (char *)self, "kill", "15", NULL });
    wait_for("default in the child", pid);
    signal(SIGTERM, SIG_DFL);
}

/* Only where run.sh says that there is a shell. */
static void shell(void)
{
    if (!getenv("WITH_SHELL")) {
        puts("shell: skipped");
        return;
    }
    char line[100];
    fflush(stdout);
    printf("system: %s\n", ended(system("exit 3")));
    FILE *from = popen("echo one; echo two", "r");
    while (fgets(line, sizeof line, from))
        printf("popen: %s", line);
    printf("pclose: %s\n", ended(pclose(from)));
    fflush(stdout);
    FILE *to = popen("while read x; do echo \"got $x\"; done; exit 4", "w");
    fputs("a\nb\n", to);
    printf("pclose: %s\n", ended(pclose(to)));
}

int main(int argc, char **argv)
{
    PLAY_CHILD
    char dir[] = "/tmp/spawnXXXXXX";
    if (!mkdtemp(dir))
        printf("mkdtemp: %s\n", why());
    wait_for("exit 6", spawn(NULL, NULL, (char *[]){ (char *)self, "exit", "6", NULL }));
    actions(dir);
    inheritance();
    attributes();
    shell();
    char path[4096];
    snprintf(path, sizeof path, "%s/out", dir);
    printf("cleaned: %d %d\n", unlink(path), rmdir(dir));
    return 0;
}
