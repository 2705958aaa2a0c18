/* The doors of `quickstep serve`: HTTP by libmicrohttpd, a thread per client. */
#ifndef SERVE_HTTP_H
#define SERVE_HTTP_H

#include "desk.h"

typedef struct serve_http serve_http;

/* listen: "PORT", "ADDRESS:PORT" or "[ADDRESS]:PORT", numbers only; without an address loopback's.
 * Port 0: any that is free. Engine and desk stay the caller's, and must outlive it. QS_ERROR_USAGE:
 * not such an address; QS_ERROR_OTHER: it cannot be listened at. */
qs_status serve_http_start(const char *listen, const cli_engine *engine, desk *d,
                           serve_http **http);

/* "http://127.0.0.1:8188/" */
const char *serve_http_url(const serve_http *http);

/* After desk_close: returns when every client is gone. */
void serve_http_stop(serve_http *http);

#endif
