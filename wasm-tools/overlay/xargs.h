/* Included first when xargs.c is compiled. xargs's child counts itself among the running ones and forgets earlier errors, in
   memory that with our fork is its parent's: the parent puts back what it had. */
#include <config.h>
#include <stdbool.h>
#include <unistd.h>

static inline pid_t
xargs_forked (pid_t pid, unsigned long *executing, unsigned long had_executing, bool *executed, bool had_executed, int *error,
              int had_error)
{
  if (pid > 0)
    *executing = had_executing, *executed = had_executed, *error = had_error;
  return pid;
}

#undef fork
#define fork()                                                                                                                     \
  __extension__ ({                                                                                                                 \
    volatile unsigned long had_executing = procs_executing;                                                                        \
    volatile bool had_executed = procs_executed;                                                                                   \
    volatile int had_error = child_error;                                                                                          \
    pid_t forked = __coquina_setjmp (__coquina_fork_frame ()) ? __coquina_fork_parent () : __coquina_fork_child ();                \
    xargs_forked (forked, &procs_executing, had_executing, &procs_executed, had_executed, &child_error, had_error);                \
  })
