#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static qs_status refuse(const char *text)
{
    return app_error(QS_ERROR_USAGE,
                     "--listen wants PORT, ADDRESS:PORT or [ADDRESS]:PORT, in numbers, not '%s'",
                     text);
}

static bool fill(const char *host, uint16_t port, serve_address *a)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->any;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->any;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        a->loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
        snprintf(a->host, sizeof a->host, "%s", host);
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
        return false;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    a->loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    snprintf(a->host, sizeof a->host, "[%s]", host);
    return true;
}

qs_status serve_address_read(const char *text, serve_address *address)
{
    char host[64] = "127.0.0.1";
    const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
    const bool bracketed = text[0] == '[';
    char *end;
    if (colon) {
        const size_t skip = bracketed, length = (size_t)(colon - text) - 2 * skip;
        if ((size_t)(colon - text) < 2 * skip || length >= sizeof host ||
            (bracketed && colon[-1] != ']'))
            return refuse(text);
        snprintf(host, sizeof host, "%.*s", (int)length, text + skip);
    }
    const unsigned long number = strtoul(port, &end, 10);
    *address = (serve_address){ 0 };
    if (*port < '0' || *port > '9' || *end || number > 65535 ||
        !fill(host, (uint16_t)number, address) || (address->any.ss_family == AF_INET6) != bracketed)
        return refuse(text);
    return QS_OK;
}

void serve_address_has_port(serve_address *address, uint16_t port)
{
    snprintf(address->url, sizeof address->url, "http://%s:%u/", address->host, port);
}

bool serve_address_is_ours(const serve_address *address, const char *host)
{
    if (!address->loopback)
        return true;
    const char *names[] = { "localhost", "127.0.0.1", "[::1]", address->host };
    for (size_t i = 0; host && i < sizeof names / sizeof names[0]; i++) {
        const size_t length = strlen(names[i]);
        if (strncasecmp(host, names[i], length) == 0 &&
            (host[length] == '\0' || host[length] == ':'))
            return true;
    }
    return false;
}
