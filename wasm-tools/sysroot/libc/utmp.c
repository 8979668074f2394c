/* Who is logged in: nobody. */
#include "coquina.h"
#include <utmpx.h>

void setutxent(void)
{
}

void endutxent(void)
{
}

struct utmpx *getutxent(void)
{
    return NULL;
}

struct utmpx *getutxid(const struct utmpx *entry)
{
    return NULL;
}

struct utmpx *getutxline(const struct utmpx *entry)
{
    return NULL;
}

struct utmpx *pututxline(const struct utmpx *entry)
{
    errno = EPERM;
    return NULL;
}

int utmpxname(const char *path)
{
    return cq_result(-ENOTSUP);
}
