/* Included first when hostname.c is compiled: the NIS domain cannot be set. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <unistd.h>

static inline int
setdomainname (const char *name, size_t length)
{
  (void) name, (void) length;
  errno = EPERM;
  return -1;
}
