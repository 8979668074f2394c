/* error and error_at_line as glibc has them: see ../lib/error.c. */
#ifndef COQUINA_ERROR_H
#define COQUINA_ERROR_H
#ifdef __cplusplus
extern "C" {
#endif
extern void (*error_print_progname) (void);
extern unsigned int error_message_count;
extern int error_one_per_line;

void error (int status, int errnum, const char *format, ...) __attribute__ ((__format__ (__printf__, 3, 4)));
void error_at_line (int status, int errnum, const char *file, unsigned int line, const char *format, ...)
  __attribute__ ((__format__ (__printf__, 5, 6)));
#ifdef __cplusplus
}
#endif
#endif
