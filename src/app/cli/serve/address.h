/* Where `quickstep serve` listens, and under which names it may be asked. */
#ifndef SERVE_ADDRESS_H
#define SERVE_ADDRESS_H

#include "common/error.h"

#include <sys/socket.h>

typedef struct serve_address {
    struct sockaddr_storage any;
    bool loopback;
    char host[64]; /* "127.0.0.1", "[::1]" */
    char url[96];  /* once the port is known */
} serve_address;

/* "PORT", "ADDRESS:PORT" or "[ADDRESS]:PORT", numbers only. QS_ERROR_USAGE. */
qs_status serve_address_read(const char *text, serve_address *address);
void serve_address_has_port(serve_address *address, uint16_t port);

/* May a request's Host be that? At loopback only its own names are: otherwise any web page could
 * have a name of its own made to point here (DNS rebinding) and then read what it likes. */
bool serve_address_is_ours(const serve_address *address, const char *host);

#endif
