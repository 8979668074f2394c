/* Terminals. The kernel knows whether a descriptor is one and how large; it has no modes, so what needs those fails. */
#define _GNU_SOURCE
#include "coquina.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static int no_modes(int fd)
{
    return isatty(fd) ? cq_result(-ENOSYS) : -1;
}

int tcgetattr(int fd, struct termios *modes)
{
    (void)modes;
    return no_modes(fd);
}

int tcsetattr(int fd, int when, const struct termios *modes)
{
    (void)when, (void)modes;
    return no_modes(fd);
}

int tcflush(int fd, int queue)
{
    (void)queue;
    return no_modes(fd);
}

int tcflow(int fd, int action)
{
    (void)action;
    return no_modes(fd);
}

int tcdrain(int fd)
{
    return isatty(fd) ? 0 : -1;
}

int tcsendbreak(int fd, int time)
{
    (void)time;
    return no_modes(fd);
}

pid_t tcgetpgrp(int fd)
{
    return no_modes(fd);
}

int tcsetpgrp(int fd, pid_t pgrp)
{
    (void)pgrp;
    return no_modes(fd);
}

pid_t tcgetsid(int fd)
{
    return no_modes(fd);
}

int tcgetwinsize(int fd, struct winsize *size)
{
    unsigned raw[2];
    if (cq_result(cq_ttysize(fd, raw)) < 0)
        return -1;
    *size = (struct winsize){ .ws_col = raw[0], .ws_row = raw[1] };
    return 0;
}

/* Speeds are numbers in the structure, nothing more. */
speed_t cfgetospeed(const struct termios *modes)
{
    return modes->__c_ospeed;
}

speed_t cfgetispeed(const struct termios *modes)
{
    return modes->__c_ispeed;
}

int cfsetospeed(struct termios *modes, speed_t speed)
{
    modes->__c_ospeed = speed;
    return 0;
}

int cfsetispeed(struct termios *modes, speed_t speed)
{
    modes->__c_ispeed = speed;
    return 0;
}

int cfsetspeed(struct termios *modes, speed_t speed)
{
    modes->__c_ispeed = modes->__c_ospeed = speed;
    return 0;
}

void cfmakeraw(struct termios *modes)
{
    modes->c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    modes->c_oflag &= ~OPOST;
    modes->c_lflag &= ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    modes->c_cflag = (modes->c_cflag & ~(CSIZE | PARENB)) | CS8;
    modes->c_cc[VMIN] = 1;
    modes->c_cc[VTIME] = 0;
}

/* A terminal's name is what /proc says that the descriptor is. */
int ttyname_r(int fd, char *buf, size_t len)
{
    char link[32];
    if (!isatty(fd))
        return errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t used = readlink(link, buf, len);
    if (used < 0)
        return errno;
    if ((size_t)used == len)
        return ERANGE;
    buf[used] = 0;
    return *buf == '/' ? 0 : ENODEV;
}

char *ttyname(int fd)
{
    static char name[PATH_MAX];
    int error = ttyname_r(fd, name, sizeof name);
    if (!error)
        return name;
    errno = error;
    return NULL;
}

char *ctermid(char *buf)
{
    static char own[L_ctermid];
    return strcpy(buf ? buf : own, "/dev/tty");
}

int posix_openpt(int flags)
{
    (void)flags;
    return cq_result(-ENOSYS);
}

int grantpt(int fd)
{
    (void)fd;
    return cq_result(-ENOTTY);
}

int unlockpt(int fd)
{
    (void)fd;
    return cq_result(-ENOTTY);
}

char *ptsname(int fd)
{
    (void)fd;
    errno = ENOTTY;
    return NULL;
}
