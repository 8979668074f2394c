/* The exec family, over one import. */
#define _GNU_SOURCE
#include "coquina.h"
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;
static const char default_path[] = "/usr/local/bin:/usr/bin:/bin";

/* Strings in one block, a NUL after each. */
struct list {
    char *bytes;
    size_t len;
};

static int join(struct list *list, char *const strings[])
{
    size_t len = 0;
    for (size_t i = 0; strings && strings[i]; i++)
        len += strlen(strings[i]) + 1;
    *list = (struct list){ .bytes = malloc(len + 1), .len = len };
    if (!list->bytes)
        return -ENOMEM;
    char *to = list->bytes;
    for (size_t i = 0; strings && strings[i]; i++)
        to = stpcpy(to, strings[i]) + 1;
    return 0;
}

int __coquina_exec(const char *file, char *const argv[], char *const envp[], int search)
{
    struct list args, env;
    int result = join(&args, argv);
    if (result < 0)
        return result;
    result = join(&env, envp);
    if (!result) {
        int flags = search && !strchr(file, '/') ? CQ_SEARCH : 0;
        result = cq_exec(file, strlen(file), args.bytes, args.len, env.bytes, env.len, flags);
        free(env.bytes);
    }
    free(args.bytes);
    return result;
}

/* Only a fork's child comes back from a good exec: as its parent. */
static int finish(int result)
{
    if (result >= 0 && __coquina_fork_execed)
        __coquina_fork_execed(result);
    return cq_result(result < 0 ? result : -ENOSYS);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    return finish(__coquina_exec(path, argv, envp, 0));
}

int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

/* Looks for an executable along PATH; a path with a slash is itself. */
static int find(const char *file, char found[PATH_MAX])
{
    const char *path = getenv("PATH");
    int error = -ENOENT;
    if (strlen(file) >= PATH_MAX)
        return -ENAMETOOLONG;
    if (strchr(file, '/'))
        return strcpy(found, file), 0;
    for (const char *dir = path ? path : default_path, *end;; dir = end + 1) {
        end = strchrnul(dir, ':');
        size_t len = end - dir;
        if (len + 1 + strlen(file) < PATH_MAX) {
            struct stat st;
            memcpy(found, dir, len);
            if (len)
                found[len++] = '/';
            strcpy(found + len, file);
            if (!access(found, X_OK) && !stat(found, &st) && S_ISREG(st.st_mode))
                return 0;
            if (errno == EACCES)
                error = -EACCES;
        }
        if (!*end)
            return error;
    }
}

/* A file that is neither a program nor says #! is a script of the shell: execvp's old rule. */
static int exec_script(const char *file, char *const argv[], char *const envp[])
{
    char script[PATH_MAX];
    size_t count = 0;
    if (find(file, script) < 0)
        return -ENOEXEC;
    while (argv[count])
        count++;
    char **args = malloc((count + 3) * sizeof *args);
    if (!args)
        return -ENOMEM;
    args[0] = "sh";
    args[1] = script;
    for (size_t i = 1; i <= count; i++)
        args[i + 1] = argv[i];
    if (!count)
        args[2] = NULL;
    int result = __coquina_exec("/bin/sh", args, envp, 0);
    free(args);
    return result;
}

int __coquina_execvpe(const char *file, char *const argv[], char *const envp[])
{
    char found[PATH_MAX];
    const char *name = file;
    int search = 1;
    if (!*file)
        return -ENOENT;
    if (envp != environ && !strchr(file, '/')) { /* the kernel would look in the new environment's PATH */
        int error = find(file, found);
        if (error < 0)
            return error;
        name = found;
        search = 0;
    }
    int result = __coquina_exec(name, argv, envp, search);
    return result == -ENOEXEC ? exec_script(file, argv, envp) : result;
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
    return finish(__coquina_execvpe(file, argv, envp));
}

int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
    (void)fd, (void)argv, (void)envp;
    return cq_result(-ENOSYS);
}

/* The variadic forms: their arguments, counted and laid out as an array. */
#define ARGV(first)                                                        \
    size_t count = 1;                                                      \
    va_list ap;                                                            \
    va_start(ap, first);                                                   \
    while (va_arg(ap, char *))                                             \
        count++;                                                           \
    va_end(ap);                                                            \
    char *argv[count + 1];                                                 \
    argv[0] = (char *)first;                                               \
    va_start(ap, first);                                                   \
    for (size_t i = 1; i <= count; i++)                                    \
        argv[i] = va_arg(ap, char *);

int execl(const char *path, const char *arg, ...)
{
    ARGV(arg)
    va_end(ap);
    return execv(path, argv);
}

int execlp(const char *file, const char *arg, ...)
{
    ARGV(arg)
    va_end(ap);
    return execvp(file, argv);
}

int execle(const char *path, const char *arg, ...)
{
    ARGV(arg)
    char **envp = va_arg(ap, char **);
    va_end(ap);
    return execve(path, argv, envp);
}
