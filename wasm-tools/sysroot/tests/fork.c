/* fork, then exec or exit. */
#include "helper.h"

static pid_t run(const char *role, const char *arg)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(self, self, role, arg, (char *)NULL);
        _exit(126);
    }
    return pid;
}

static void wait_for(const char *what, pid_t pid)
{
    int status = -1;
    pid_t got = waitpid(pid, &status, 0);
    printf("%s: %s %s\n", what, got == pid ? "same" : "other", got < 0 ? why() : ended(status));
}

/* The child's output comes back by a pipe. */
static void through_pipe(void)
{
    int ends[2];
    char buf[100];
    if (pipe(ends) < 0)
        printf("pipe: %s\n", why());
    pid_t pid = fork();
    if (!pid) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execl(self, self, "echo", "through", "a", "pipe", (char *)NULL);
        _exit(126);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], buf, sizeof buf);
    close(ends[0]);
    wait_for("pipe", pid);
    printf("read %zd: %.*s", n, (int)n, buf);
}

static void failing_exec(void)
{
    pid_t pid = fork();
    if (!pid) {
        execl("/does/not/exist", "x", (char *)NULL);
        int status = errno == ENOENT ? 127 : 126;
        _exit(status);
    }
    wait_for("failing exec", pid);
}

/* exit in the child writes what the child printed and runs no exit function. */
static void left(void)
{
    printf("exit function\n");
    fflush(stdout);
}

static void exiting(void)
{
    printf("before, ");
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        printf("child, ");
        fflush(stdout);
        _exit(7);
    }
    wait_for("parent", pid);
}

static void own_state(void)
{
    char here[4096], after[4096];
    signal(SIGUSR1, SIG_IGN);
    mode_t mask = umask(022);
    umask(mask);
    getcwd(here, sizeof here);
    pid_t pid = fork();
    if (!pid) {
        if (chdir("/") < 0)
            _exit(1);
        umask(077);
        signal(SIGUSR1, SIG_DFL);
        close(0);
        execl(self, self, "pwd", (char *)NULL);
        _exit(126);
    }
    wait_for("own state", pid);
    getcwd(after, sizeof after);
    mode_t mask_after = umask(022);
    umask(mask_after);
    printf("cwd %s, umask %s, stdin %s, SIGUSR1 %s\n", strcmp(here, after) ? "changed" : "kept",
           mask == mask_after ? "kept" : "changed", fcntl(0, F_GETFD) < 0 ? "closed" : "open",
           signal(SIGUSR1, SIG_DFL) == SIG_IGN ? "ignored" : "changed");
}

/* A child that forks: the grandchild's status becomes the child's. */
static void nested(void)
{
    pid_t pid = fork();
    if (!pid) {
        pid_t grandchild = fork();
        if (!grandchild) {
            execl(self, self, "exit", "42", (char *)NULL);
            _exit(126);
        }
        int status;
        waitpid(grandchild, &status, 0);
        _exit(WEXITSTATUS(status) + 1);
    }
    wait_for("nested", pid);
}

static void many(void)
{
    int good = 0;
    for (int i = 0; i < 300; i++) {
        int status;
        pid_t pid = fork();
        if (!pid)
            _exit(i % 200);
        if (waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == i % 200)
            good++;
    }
    printf("many: %d\n", good);
}

static void kills(void)
{
    pid_t pid = run("wait", "x");
    kill(pid, SIGTERM);
    wait_for("SIGTERM", pid);
    pid = run("kill", "9");
    wait_for("SIGKILL", pid);
    pid = run("wait", "x");
    printf("no hang: %d\n", waitpid(pid, NULL, WNOHANG));
    kill(pid, SIGKILL);
    wait_for("killed", pid);
    wait_for("again", pid);
}

static void environment(void)
{
    char *const env[] = { "COLOUR=blue", NULL };
    pid_t pid = fork();
    if (!pid) {
        execle(self, self, "env", "COLOUR", (char *)NULL, env);
        _exit(126);
    }
    wait_for("execle", pid);
    setenv("COLOUR", "green", 1);
    pid = vfork();
    if (!pid) {
        execl(self, self, "env", "COLOUR", (char *)NULL);
        _exit(126);
    }
    wait_for("execl", pid);
    char dir[4096];
    strcpy(dir, self);
    *strrchr(dir, '/') = 0;
    setenv("PATH", dir, 1);
    pid = fork();
    if (!pid) {
        execlp(strrchr(self, '/') + 1, self, "env", "COLOUR", (char *)NULL);
        _exit(126);
    }
    wait_for("execlp", pid);
    pid = fork();
    if (!pid) {
        execlp("no-such-program", "x", (char *)NULL);
        _exit(errno == ENOENT ? 127 : 126);
    }
    wait_for("execlp of nothing", pid);
}

int main(int argc, char **argv)
{
    PLAY_CHILD
    atexit(left);
    wait_for("exit 5", run("exit", "5"));
    through_pipe();
    failing_exec();
    exiting();
    own_state();
    nested();
    many();
    kills();
    environment();
    printf("wait with no child: %d %s\n", wait(NULL), why());
    return 0;
}
