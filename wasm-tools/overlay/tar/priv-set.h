/* Found in the place of gnulib's priv-set.h when tar's system.c is compiled, which runs gzip and its like.
 *
 * Its children come from xfork, a function that returns twice; ours must be made where they are used, and share their
 * parent's memory, so the parent puts back the name and the archive that the child sets. And when it decompresses standard
 * input it puts a further tar between, which would be a child that neither runs a program nor ends: standard input, a
 * pipe or a file, is given to the decompressor itself instead. */
#include_next <priv-set.h>
#include <stdbool.h>
#include <string.h>

static inline bool
tar_is_stdio (const char *name)
{
  return name[0] == '-' && !name[1];
}

static inline pid_t
tar_forked (pid_t pid, const char *name)
{
  if (pid < 0)
    call_arg_fatal ("fork", "child process");
  if (pid > 0)
    set_program_name (name);
  return pid;
}

#define xfork()                                                                                                                    \
  __extension__ ({                                                                                                                 \
    const char *volatile name = program_name;                                                                                      \
    pid_t forked = fork ();                                                                                                        \
    tar_forked (forked, name);                                                                                                     \
  })

/* Names are never taken for "-"; opening "-" gives the standard stream. */
#undef strcmp
#define strcmp(a, b) (tar_is_stdio (b) ? 1 : (strcmp) (a, b))
#undef open
#define open(name, ...) (tar_is_stdio (name) ? STDIN_FILENO : (open) (name, __VA_ARGS__))
#undef creat
#define creat(name, mode) (tar_is_stdio (name) ? STDOUT_FILENO : (creat) (name, mode))
