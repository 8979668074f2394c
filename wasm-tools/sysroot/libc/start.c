/* Between _start and main: the arguments, and the program's name for error messages. */
#define _GNU_SOURCE
#include "coquina.h"
#include <stdlib.h>
#include <wasi/api.h>

int __main_argc_argv(int argc, char *argv[]);
extern char *__progname __attribute__((weak));
extern char *__progname_full __attribute__((weak));

static void set_name(char *path)
{
    char *slash = strrchr(path, '/');
    if (&__progname)
        __progname = slash ? slash + 1 : path;
    if (&__progname_full)
        __progname_full = path;
}

__attribute__((weak)) int __main_void(void)
{
    size_t argc, len;
    if (__wasi_args_sizes_get(&argc, &len))
        _Exit(70);
    char **argv = malloc((argc + 1) * sizeof *argv + len);
    if (!argv || __wasi_args_get((uint8_t **)argv, (uint8_t *)(argv + argc + 1)))
        _Exit(70);
    argv[argc] = NULL;
    if (argc)
        set_name(argv[0]);
    return __main_argc_argv(argc, argv);
}

const char *getprogname(void)
{
    return &__progname && __progname ? __progname : "";
}
