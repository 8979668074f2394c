/* Network interfaces: there are none. */
#ifndef COQUINA_IFADDRS_H
#define COQUINA_IFADDRS_H
#include <stddef.h>
#include <sys/socket.h>

struct ifaddrs {
    struct ifaddrs *ifa_next;
    char *ifa_name;
    unsigned ifa_flags;
    struct sockaddr *ifa_addr, *ifa_netmask;
};

static inline int getifaddrs(struct ifaddrs **result) { return *result = NULL, 0; }
static inline void freeifaddrs(struct ifaddrs *list) { (void)list; }
#endif
