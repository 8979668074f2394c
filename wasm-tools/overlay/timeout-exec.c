/* timeout's child *returns from main* when its command cannot be run. Our fork's child borrows its parent's stack frame, so it
   must end while main is still there: with the message and the status timeout.c gives. */
#include <errno.h>
#include <unistd.h>

void error (int status, int errnum, const char *format, ...);
const char *quote (const char *arg);
int timeout_execvp (const char *file, char *const argv[]);

int
timeout_execvp (const char *file, char *const argv[])
{
  execvp (file, argv);
  int status = errno == ENOENT ? 127 : 126;
  error (0, errno, "failed to run command %s", quote (file));
  _exit (status);
}
