/* posix_spawn: a vfork child carries out the actions as ordinary calls and becomes the program. No jump is needed, since
 * it all happens in one function: after exec the same code goes on as the parent. */
#define _GNU_SOURCE
#include "coquina.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

int __coquina_execvpe(const char *file, char *const argv[], char *const envp[]);

enum action_kind { DUP2, CLOSE, OPEN, CHDIR, FCHDIR, CLOSE_FROM };

struct __spawn_action {
    struct __spawn_action *next;
    enum action_kind kind;
    int fd, source, flags;
    mode_t mode;
    char path[];
};

static int open_at(int fd, const char *path, int flags, mode_t mode)
{
    int opened = open(path, flags, mode);
    if (opened < 0)
        return -errno;
    if (opened == fd)
        return fd;
    int result = cq_dup2(opened, fd, 0);
    close(opened);
    return result;
}

static int act(const struct __spawn_action *action)
{
    switch (action->kind) {
    case DUP2:
        return cq_dup2(action->source, action->fd, 0);
    case CLOSE:
        close(action->fd);
        return 0;
    case OPEN:
        return open_at(action->fd, action->path, action->flags, action->mode);
    case CHDIR:
        return cq_chdir(action->path, strlen(action->path));
    case FCHDIR:
        return cq_fchdir(action->fd);
    case CLOSE_FROM:
        closefrom(action->fd);
        return 0;
    }
    return -EINVAL;
}

/* In the child: everything between fork and exec. */
static int prepare(const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr)
{
    int flags = attr ? attr->__flags : 0, result = 0;
    for (int sig = 1; flags & POSIX_SPAWN_SETSIGDEF && sig < NSIG; sig++)
        if (attr->__def >> (sig - 1) & 1)
            cq_sigaction(sig, CQ_SIG_DEFAULT);
    if (flags & POSIX_SPAWN_SETSIGMASK)
        result = cq_sigmask(CQ_MASK_SET, attr->__mask, NULL);
    if (result >= 0 && flags & POSIX_SPAWN_SETSID)
        result = cq_setsid();
    if (result >= 0 && flags & POSIX_SPAWN_SETPGROUP)
        result = cq_setpgid(0, attr->__pgrp);
    const struct __spawn_action *action = actions ? actions->__first : NULL;
    for (; result >= 0 && action; action = action->next)
        result = act(action);
    return result;
}

static int spawn(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
                 char *const argv[], char *const envp[], int search)
{
    char *const none[] = { NULL };
    if (!envp)
        envp = none;
    int child = cq_vfork();
    if (child < 0)
        return -child;
    int result = prepare(actions, attr);
    if (result >= 0)
        result = search ? __coquina_execvpe(file, argv, envp) : __coquina_exec(file, argv, envp, 0);
    if (result < 0) {
        cq_vfork_exit(127);
        cq_wait(child, 0, &(int){ 0 });
        return -result;
    }
    if (pid)
        *pid = result;
    return 0;
}

int posix_spawn(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *restrict attr, char *const argv[restrict], char *const envp[restrict])
{
    return spawn(pid, path, actions, attr, argv, envp, 0);
}

int posix_spawnp(pid_t *restrict pid, const char *restrict file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *restrict attr, char *const argv[restrict], char *const envp[restrict])
{
    return spawn(pid, file, actions, attr, argv, envp, 1);
}

/* File actions: a list in the order of the calls. */
int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
    *actions = (posix_spawn_file_actions_t){ 0 };
    return 0;
}

int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions)
{
    for (struct __spawn_action *action = actions->__first, *next; action; action = next) {
        next = action->next;
        free(action);
    }
    return posix_spawn_file_actions_init(actions);
}

static int add(posix_spawn_file_actions_t *actions, struct __spawn_action what, const char *path)
{
    if (what.fd < 0 || what.source < 0)
        return EBADF;
    struct __spawn_action *action = malloc(sizeof *action + strlen(path) + 1);
    if (!action)
        return ENOMEM;
    *action = what;
    strcpy(action->path, path);
    if (actions->__last)
        actions->__last->next = action;
    else
        actions->__first = action;
    actions->__last = action;
    return 0;
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int source, int fd)
{
    return add(actions, (struct __spawn_action){ .kind = DUP2, .fd = fd, .source = source }, "");
}

int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd)
{
    return add(actions, (struct __spawn_action){ .kind = CLOSE, .fd = fd }, "");
}

int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int fd)
{
    return add(actions, (struct __spawn_action){ .kind = CLOSE_FROM, .fd = fd }, "");
}

int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions, int fd, const char *restrict path,
                                     int flags, mode_t mode)
{
    return add(actions, (struct __spawn_action){ .kind = OPEN, .fd = fd, .flags = flags, .mode = mode }, path);
}

int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *restrict actions, const char *restrict path)
{
    return add(actions, (struct __spawn_action){ .kind = CHDIR }, path);
}

int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *actions, int fd)
{
    return add(actions, (struct __spawn_action){ .kind = FCHDIR, .fd = fd }, "");
}

/* Attributes. */
int posix_spawnattr_init(posix_spawnattr_t *attr)
{
    *attr = (posix_spawnattr_t){ 0 };
    return 0;
}

int posix_spawnattr_destroy(posix_spawnattr_t *attr)
{
    (void)attr;
    return 0;
}

int posix_spawnattr_setflags(posix_spawnattr_t *attr, short flags)
{
    enum { KNOWN = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID |
                   POSIX_SPAWN_RESETIDS | POSIX_SPAWN_USEVFORK };
    if (flags & ~KNOWN)
        return EINVAL;
    attr->__flags = flags;
    return 0;
}

int posix_spawnattr_getflags(const posix_spawnattr_t *restrict attr, short *restrict flags)
{
    *flags = attr->__flags;
    return 0;
}

int posix_spawnattr_setpgroup(posix_spawnattr_t *attr, pid_t pgrp)
{
    attr->__pgrp = pgrp;
    return 0;
}

int posix_spawnattr_getpgroup(const posix_spawnattr_t *restrict attr, pid_t *restrict pgrp)
{
    *pgrp = attr->__pgrp;
    return 0;
}

int posix_spawnattr_setsigdefault(posix_spawnattr_t *restrict attr, const sigset_t *restrict set)
{
    attr->__def = *set;
    return 0;
}

int posix_spawnattr_getsigdefault(const posix_spawnattr_t *restrict attr, sigset_t *restrict set)
{
    *set = attr->__def;
    return 0;
}

int posix_spawnattr_setsigmask(posix_spawnattr_t *restrict attr, const sigset_t *restrict set)
{
    attr->__mask = *set;
    return 0;
}

int posix_spawnattr_getsigmask(const posix_spawnattr_t *restrict attr, sigset_t *restrict set)
{
    *set = attr->__mask;
    return 0;
}
