/* The machine, as far as there is one. */
#define _GNU_SOURCE
#include "coquina.h"
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

int gethostname(char *buf, size_t len)
{
    char name[65];
    int used = cq_result(cq_hostname(name, sizeof name - 1));
    if (used < 0)
        return -1;
    name[used < (int)sizeof name ? used : (int)sizeof name - 1] = 0;
    if (strlen(name) >= len)
        return cq_result(-ENAMETOOLONG);
    strcpy(buf, name);
    return 0;
}

/* Programs ask for the system's name to know its conventions, and those are Linux's. */
int uname(struct utsname *name)
{
    *name = (struct utsname){
        .sysname = "Linux", .release = "6.1.0-coquina", .version = "#1 Coquina", .machine = "wasm32", .domainname = "(none)",
    };
    return gethostname(name->nodename, sizeof name->nodename);
}

int getdomainname(char *buf, size_t len)
{
    static const char none[] = "(none)";
    if (len < sizeof none)
        return cq_result(-EINVAL);
    strcpy(buf, none);
    return 0;
}

int sethostname(const char *name, size_t len)
{
    (void)name, (void)len;
    return cq_result(-EPERM);
}

int getpagesize(void)
{
    return 65536;
}

int getloadavg(double *loads, int count)
{
    FILE *file = fopen("/proc/loadavg", "re");
    int got = 0;
    if (!file)
        return -1;
    while (got < count && got < 3 && fscanf(file, "%lf", &loads[got]) == 1)
        got++;
    fclose(file);
    return got ? got : -1;
}

/* Writing is done when write returns; there is nothing more to wait for. */
void sync(void)
{
}

int syncfs(int fd)
{
    return fsync(fd);
}

int chroot(const char *path)
{
    (void)path;
    return cq_result(-EPERM);
}
