/* The network, of which there is none: names do not resolve and there are no sockets. */
#define _GNU_SOURCE
#include "coquina.h"
#include <netdb.h>
#include <sys/socket.h>

int h_errno;

#define NO_SOCKETS(name, ...)          \
    int name(__VA_ARGS__)              \
    {                                  \
        return cq_result(-EAFNOSUPPORT); \
    }

NO_SOCKETS(socket, int, int, int)
NO_SOCKETS(socketpair, int, int, int, int *)
NO_SOCKETS(bind, int, const struct sockaddr *, socklen_t)
NO_SOCKETS(connect, int, const struct sockaddr *, socklen_t)
NO_SOCKETS(listen, int, int)
NO_SOCKETS(getsockname, int, struct sockaddr *restrict, socklen_t *restrict)
NO_SOCKETS(getpeername, int, struct sockaddr *restrict, socklen_t *restrict)
NO_SOCKETS(setsockopt, int, int, int, const void *, socklen_t)

ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
    return cq_result(-ENOTSOCK);
}

ssize_t recvfrom(int fd, void *restrict buf, size_t len, int flags, struct sockaddr *restrict from, socklen_t *restrict from_len)
{
    return cq_result(-ENOTSOCK);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return cq_result(-ENOTSOCK);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    return cq_result(-ENOTSOCK);
}

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict result)
{
    *result = NULL;
    return EAI_FAIL;
}

void freeaddrinfo(struct addrinfo *info)
{
}

int getnameinfo(const struct sockaddr *restrict address, socklen_t len, char *restrict node, socklen_t node_len,
                char *restrict service, socklen_t service_len, int flags)
{
    return EAI_FAIL;
}

const char *gai_strerror(int error)
{
    static const char *const messages[] = {
        [-EAI_BADFLAGS] = "Bad value for ai_flags",
        [-EAI_NONAME] = "Name or service not known",
        [-EAI_AGAIN] = "Temporary failure in name resolution",
        [-EAI_FAIL] = "Non-recoverable failure in name resolution",
        [-EAI_FAMILY] = "ai_family not supported",
        [-EAI_SOCKTYPE] = "ai_socktype not supported",
        [-EAI_SERVICE] = "Servname not supported for ai_socktype",
        [-EAI_MEMORY] = "Memory allocation failure",
        [-EAI_SYSTEM] = "System error",
        [-EAI_OVERFLOW] = "Argument buffer overflow",
    };
    const char *message = error <= 0 && (size_t)-error < sizeof messages / sizeof *messages ? messages[-error] : NULL;
    return message ? message : "Unknown error";
}

struct hostent *gethostbyname(const char *name)
{
    h_errno = NO_RECOVERY;
    return NULL;
}

struct hostent *gethostbyaddr(const void *address, socklen_t len, int family)
{
    h_errno = NO_RECOVERY;
    return NULL;
}

struct servent *getservbyname(const char *name, const char *protocol)
{
    return NULL;
}

struct servent *getservbyport(int port, const char *protocol)
{
    return NULL;
}

struct protoent *getprotobyname(const char *name)
{
    return NULL;
}

const char *hstrerror(int error)
{
    return error == NO_RECOVERY ? "Unknown server error" : "Resolver internal error";
}
