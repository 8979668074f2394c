/* Users and groups of the process. The kernel gives it one user and one group, for good. */
#define _GNU_SOURCE
#include "coquina.h"
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { UID, EUID, GID, EGID };

static unsigned id(int which)
{
    unsigned ids[4] = { 0 };
    cq_getids(ids);
    return ids[which];
}

uid_t getuid(void)
{
    return id(UID);
}

uid_t geteuid(void)
{
    return id(EUID);
}

gid_t getgid(void)
{
    return id(GID);
}

gid_t getegid(void)
{
    return id(EGID);
}

/* The only change allowed is none. */
static int set(int real, int effective, unsigned a, unsigned b)
{
    const unsigned same = -1;
    if ((a != same && a != id(real)) || (b != same && b != id(effective)))
        return cq_result(-EPERM);
    return 0;
}

int setuid(uid_t uid)
{
    return set(UID, EUID, uid, uid);
}

int seteuid(uid_t uid)
{
    return set(UID, EUID, -1, uid);
}

int setreuid(uid_t uid, uid_t euid)
{
    return set(UID, EUID, uid, euid);
}

int setresuid(uid_t uid, uid_t euid, uid_t saved)
{
    return set(UID, EUID, uid, euid) < 0 ? -1 : set(EUID, EUID, saved, -1);
}

int setgid(gid_t gid)
{
    return set(GID, EGID, gid, gid);
}

int setegid(gid_t gid)
{
    return set(GID, EGID, -1, gid);
}

int setregid(gid_t gid, gid_t egid)
{
    return set(GID, EGID, gid, egid);
}

int setresgid(gid_t gid, gid_t egid, gid_t saved)
{
    return set(GID, EGID, gid, egid) < 0 ? -1 : set(EGID, EGID, saved, -1);
}

int getresuid(uid_t *uid, uid_t *euid, uid_t *saved)
{
    *uid = id(UID);
    *euid = *saved = id(EUID);
    return 0;
}

int getresgid(gid_t *gid, gid_t *egid, gid_t *saved)
{
    *gid = id(GID);
    *egid = *saved = id(EGID);
    return 0;
}

/* No supplementary groups. */
int getgroups(int count, gid_t list[])
{
    (void)list;
    return count < 0 ? cq_result(-EINVAL) : 0;
}

int setgroups(size_t count, const gid_t *list)
{
    (void)list;
    return count ? cq_result(-EPERM) : 0;
}

int initgroups(const char *user, gid_t group)
{
    (void)user, (void)group;
    return cq_result(-EPERM);
}

int issetugid(void)
{
    return 0;
}

char *getlogin(void)
{
    struct passwd *user = getpwuid(getuid());
    if (!user) {
        errno = ENXIO;
        return NULL;
    }
    return user->pw_name;
}

int getlogin_r(char *buf, size_t len)
{
    char *name = getlogin();
    if (!name)
        return errno;
    if (strlen(name) >= len)
        return ERANGE;
    strcpy(buf, name);
    return 0;
}

char *cuserid(char *buf)
{
    static char own[64];
    struct passwd *user = getpwuid(geteuid());
    char *to = buf ? buf : own;
    snprintf(to, buf ? L_cuserid : sizeof own, "%s", user ? user->pw_name : "");
    return to;
}
