#include_next <sys/ioctl.h>
#ifndef __coquina_sys_ioctl_h
#define __coquina_sys_ioctl_h
struct winsize {
    unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define FIONCLEX 0x5450
#define FIOCLEX 0x5451
#endif
