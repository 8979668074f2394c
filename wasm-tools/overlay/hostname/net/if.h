/* Network interfaces: there are none. */
#ifndef COQUINA_NET_IF_H
#define COQUINA_NET_IF_H
#define IFF_UP 1
#define IFF_LOOPBACK 8
#define IF_NAMESIZE 16
#endif
