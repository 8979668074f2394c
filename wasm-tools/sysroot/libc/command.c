/* system and popen: a command line for /bin/sh. */
#define _GNU_SOURCE
#include "coquina.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char shell[] = "/bin/sh";
#define SHELL_ARGV(line) ((char *const[]){ "sh", "-c", (char *)(line), NULL })

static pid_t wait_through_signals(pid_t pid, int *status)
{
    pid_t result;
    do
        result = waitpid(pid, status, 0);
    while (result < 0 && errno == EINTR);
    return result;
}

/* While the command runs, an interrupt is for it alone. */
int system(const char *line)
{
    if (!line)
        return 1;
    int old_int = cq_sigaction(SIGINT, CQ_SIG_IGNORE), old_quit = cq_sigaction(SIGQUIT, CQ_SIG_IGNORE), status;
    uint64_t old_mask;
    cq_sigmask(CQ_MASK_BLOCK, 1ull << (SIGCHLD - 1), &old_mask);

    posix_spawnattr_t attr;
    posix_spawnattr_init(&attr);
    attr.__flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    attr.__mask = old_mask;
    attr.__def = (old_int != CQ_SIG_IGNORE ? 1ull << (SIGINT - 1) : 0) | (old_quit != CQ_SIG_IGNORE ? 1ull << (SIGQUIT - 1) : 0);
    pid_t pid;
    int error = posix_spawn(&pid, shell, NULL, &attr, SHELL_ARGV(line), environ);
    if (error)
        status = error == EAGAIN || error == ENOMEM ? cq_result(-error) : 127 << 8;
    else if (wait_through_signals(pid, &status) < 0)
        status = -1;

    cq_sigaction(SIGINT, old_int);
    cq_sigaction(SIGQUIT, old_quit);
    cq_sigmask(CQ_MASK_SET, old_mask, NULL);
    return status;
}

/* The streams that popen opened, each with its process. */
struct piped {
    struct piped *next;
    FILE *stream;
    pid_t pid;
};
static struct piped *open_pipes;

static int start(struct piped *piped, const char *line, int ends[2], int child_end, int child_fd)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    int error = 0;
    for (struct piped *other = open_pipes; other && !error; other = other->next) /* POSIX: not for this child */
        error = posix_spawn_file_actions_addclose(&actions, fileno(other->stream));
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, ends[child_end], child_fd);
    if (!error)
        error = posix_spawn(&piped->pid, shell, &actions, NULL, SHELL_ARGV(line), environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

FILE *popen(const char *line, const char *mode)
{
    int reads = *mode == 'r', ends[2];
    if (!reads && *mode != 'w') {
        errno = EINVAL;
        return NULL;
    }
    struct piped *piped = malloc(sizeof *piped);
    if (!piped || pipe2(ends, O_CLOEXEC) < 0) {
        free(piped);
        return NULL;
    }
    int ours = reads ? 0 : 1, theirs = !ours;
    piped->stream = fdopen(ends[ours], mode);
    int error = piped->stream ? start(piped, line, ends, theirs, theirs) : errno;
    close(ends[theirs]);
    if (error) {
        if (piped->stream)
            fclose(piped->stream);
        else
            close(ends[ours]);
        free(piped);
        errno = error;
        return NULL;
    }
    if (!strchr(mode, 'e'))
        fcntl(ends[ours], F_SETFD, 0);
    piped->next = open_pipes;
    open_pipes = piped;
    return piped->stream;
}

int pclose(FILE *stream)
{
    for (struct piped **at = &open_pipes; *at; at = &(*at)->next) {
        struct piped *piped = *at;
        if (piped->stream != stream)
            continue;
        pid_t pid = piped->pid;
        int status;
        *at = piped->next;
        free(piped);
        fclose(stream);
        return wait_through_signals(pid, &status) < 0 ? -1 : status;
    }
    return cq_result(-EINVAL);
}
