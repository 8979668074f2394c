/* error and error_at_line with glibc's behaviour: they name the program as it was called, path and all, which gnulib's own
   replacement does not. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void (*error_print_progname) (void);
unsigned int error_message_count;
int error_one_per_line;

static void
name_program (const char *after)
{
  fflush (stdout);
  if (error_print_progname)
    error_print_progname ();
  else
    fprintf (stderr, "%s:%s", program_invocation_name, after);
}

static void
finish (int status, int errnum, const char *format, va_list args)
{
  vfprintf (stderr, format, args);
  ++error_message_count;
  if (errnum)
    fprintf (stderr, ": %s", strerror (errnum));
  putc ('\n', stderr);
  fflush (stderr);
  if (status)
    exit (status);
}

void
error (int status, int errnum, const char *format, ...)
{
  va_list args;
  name_program (" ");
  va_start (args, format);
  finish (status, errnum, format, args);
  va_end (args);
}

void
error_at_line (int status, int errnum, const char *file, unsigned int line, const char *format, ...)
{
  static const char *last_file;
  static unsigned int last_line;
  va_list args;
  if (error_one_per_line && last_file && file && last_line == line && !strcmp (last_file, file))
    return;
  last_file = file;
  last_line = line;
  name_program (file ? "" : " ");
  if (file)
    fprintf (stderr, "%s:%u: ", file, line);
  va_start (args, format);
  finish (status, errnum, format, args);
  va_end (args);
}
