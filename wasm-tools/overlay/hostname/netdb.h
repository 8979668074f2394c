/* Name services: there is no network, so no name is known but the machine's own, as Debian's /etc/hosts has it. */
#ifndef COQUINA_NETDB_H
#define COQUINA_NETDB_H
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct addrinfo {
    int ai_flags, ai_family, ai_socktype, ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname;
    struct addrinfo *ai_next;
};
struct hostent {
    char *h_name, **h_aliases;
    int h_addrtype, h_length;
    char **h_addr_list;
};
#define h_addr h_addr_list[0]
struct servent {
    char *s_name, **s_aliases;
    int s_port;
    char *s_proto;
};

#define AI_PASSIVE 1
#define AI_CANONNAME 2
#define AI_NUMERICHOST 4
#define AI_NUMERICSERV 0x400
#define AI_ADDRCONFIG 0x20
#define NI_NUMERICHOST 1
#define NI_NUMERICSERV 2
#define NI_NAMEREQD 8
#define NI_MAXHOST 1025
#define NI_MAXSERV 32
#define EAI_BADFLAGS -1
#define EAI_NONAME -2
#define EAI_AGAIN -3
#define EAI_FAIL -4
#define EAI_NODATA -5
#define EAI_FAMILY -6
#define EAI_SOCKTYPE -7
#define EAI_SERVICE -8
#define EAI_MEMORY -10
#define EAI_SYSTEM -11
#define EAI_OVERFLOW -12
#define HOST_NOT_FOUND 1
#define TRY_AGAIN 2
#define NO_RECOVERY 3
#define NO_DATA 4
#ifndef PF_INET6
#define PF_UNSPEC 0
#define PF_INET AF_INET
#define PF_INET6 AF_INET6
#endif

#define h_errno HOST_NOT_FOUND

static inline void freeaddrinfo(struct addrinfo *info)
{
    if (info)
        free(info->ai_canonname), free(info->ai_addr), free(info);
}
static inline int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    char own[256] = "";
    gethostname(own, sizeof own - 1);
    (void)service;
    *result = NULL;
    if (!node || strcmp(node, own))
        return EAI_NONAME;
    struct addrinfo *info = calloc(1, sizeof *info);
    struct sockaddr_in *address = calloc(1, sizeof *address);
    char *name = strdup(node);
    if (!info || !address || !name)
        return EAI_MEMORY;
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = 0x0101007f; /* 127.0.1.1 in network order */
    *info = (struct addrinfo){.ai_flags = hints ? hints->ai_flags : 0, .ai_family = AF_INET, .ai_addrlen = sizeof *address,
                              .ai_addr = (struct sockaddr *)address, .ai_canonname = name};
    *result = info;
    return 0;
}
static inline const char *gai_strerror(int code)
{
    return code == EAI_NONAME ? "Name or service not known" : "Unknown error";
}
static inline int getnameinfo(const struct sockaddr *address, socklen_t length, char *host, socklen_t host_len, char *service,
                              socklen_t service_len, int flags)
{
    const unsigned char *ip = (const unsigned char *)&((const struct sockaddr_in *)address)->sin_addr;
    (void)length, (void)service, (void)service_len;
    if (address->sa_family != AF_INET || !(flags & NI_NUMERICHOST))
        return EAI_NONAME;
    snprintf(host, host_len, "%d.%d.%d.%d", ip[0], ip[1], ip[2], ip[3]);
    return 0;
}
static inline struct hostent *gethostbyname(const char *name) { return (void)name, NULL; }
static inline struct servent *getservbyname(const char *name, const char *protocol) { return (void)name, (void)protocol, NULL; }
static inline const char *hstrerror(int code) { return (void)code, "Unknown host"; }
#endif
