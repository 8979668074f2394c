/* Between _start and main: stdio's buffers, the arguments, and the program's name for error messages. */
#define _GNU_SOURCE
#include "coquina.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
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

/* Set by the streams that the program uses, if any. */
extern FILE *volatile __stdin_used __attribute__((weak));
extern FILE *volatile __stdout_used __attribute__((weak));
extern FILE *volatile __stderr_used __attribute__((weak));

/* As large as glibc's, so that programs read and write the same pieces; musl's own are 1 KiB. */
enum { BUFFER = 4096, UNGET = 8 };

/* What stdbuf(1) asks for: 0, L or a size. */
static int set_by_stdbuf(FILE *stream, const char *name)
{
    const char *how = getenv(name);
    if (!how)
        return 0;
    if (*how == 'L')
        setvbuf(stream, NULL, _IOLBF, 0);
    else if (*how == '0')
        setvbuf(stream, NULL, _IONBF, 0);
    else {
        size_t size = strtoul(how, NULL, 10);
        char *buffer = size ? malloc(size + UNGET) : NULL;
        if (buffer)
            setvbuf(stream, buffer, _IOFBF, size + UNGET);
    }
    return 1;
}

static void set_buffers(void)
{
    int error = errno; /* isatty sets it */
    static char in[BUFFER + UNGET], out[BUFFER + UNGET];
    if (&__stdin_used && __stdin_used && !set_by_stdbuf(__stdin_used, "_STDBUF_I"))
        setvbuf(__stdin_used, in, _IOFBF, sizeof in);
    if (&__stdout_used && __stdout_used && !set_by_stdbuf(__stdout_used, "_STDBUF_O"))
        setvbuf(__stdout_used, out, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, sizeof out);
    if (&__stderr_used && __stderr_used)
        set_by_stdbuf(__stderr_used, "_STDBUF_E");
    errno = error;
}

static int argc;
static char **argv;

static void read_arguments(void)
{
    size_t count, len;
    if (__wasi_args_sizes_get(&count, &len))
        _Exit(70);
    argv = malloc((count + 1) * sizeof *argv + len);
    if (!argv || __wasi_args_get((uint8_t **)argv, (uint8_t *)(argv + count + 1)))
        _Exit(70);
    argc = count;
    argv[argc] = NULL;
    if (argc)
        set_name(argv[0]);
}

void __coquina_start(void)
{
    set_buffers();
    if (&__progname) /* somebody may want to know it, even where main takes no arguments */
        read_arguments();
}

/* What the compiler calls a main without arguments; this is for the others. */
__attribute__((weak)) int __main_void(void)
{
    if (!argv)
        read_arguments();
    return __main_argc_argv(argc, argv);
}

const char *getprogname(void)
{
    return &__progname && __progname ? __progname : "";
}
