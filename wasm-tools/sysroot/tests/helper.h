/* What the test programs share. Each prints what it saw; the same program run natively must print the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self; /* absolute path of this program, which plays its children too */

/* An errno by its text, since numbers differ. */
static inline const char *why(void)
{
    return strerror(errno);
}

static inline const char *ended(int status)
{
    static char text[64];
    if (WIFEXITED(status))
        snprintf(text, sizeof text, "exit %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "signal %d", WTERMSIG(status));
    else
        snprintf(text, sizeof text, "status %x", status);
    return text;
}

/* The children: argv[1] says which. */
static inline int child(int argc, char **argv)
{
    if (!strcmp(argv[1], "echo")) {
        for (int i = 2; i < argc; i++)
            printf("%s%s", i > 2 ? " " : "", argv[i]);
        putchar('\n');
    } else if (!strcmp(argv[1], "exit")) {
        return atoi(argv[2]);
    } else if (!strcmp(argv[1], "cat")) {
        char buf[4096];
        for (ssize_t n; (n = read(0, buf, sizeof buf)) > 0;)
            if (write(1, buf, n) != n)
                return 1;
    } else if (!strcmp(argv[1], "env")) {
        const char *value = getenv(argv[2]);
        printf("%s=%s\n", argv[2], value ? value : "(none)");
    } else if (!strcmp(argv[1], "pwd")) {
        char buf[4096];
        puts(getcwd(buf, sizeof buf) ? buf : why());
    } else if (!strcmp(argv[1], "open")) { /* which of the descriptors named are open */
        for (int i = 2; i < argc; i++)
            printf("%s%s %s", i > 2 ? ", " : "", argv[i], fcntl(atoi(argv[i]), F_GETFD) < 0 ? "closed" : "open");
        putchar('\n');
    } else if (!strcmp(argv[1], "yes")) {
        while (puts("y") >= 0)
            ;
        return 3;
    } else if (!strcmp(argv[1], "wait")) {
        pause();
        return 4;
    } else if (!strcmp(argv[1], "kill")) {
        raise(atoi(argv[2]));
        return 5;
    } else {
        return 99;
    }
    return 0;
}

#define PLAY_CHILD                       \
    setvbuf(stdout, NULL, _IOLBF, 0);    \
    self = argv[0];                      \
    if (argc > 1)                        \
        return child(argc, argv);
