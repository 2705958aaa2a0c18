#include "http.h"

#include "address.h"
#include "page.h" /* PAGE_HTML, made of page.html */

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 64,
    SILENCE_MAX = 30,       /* seconds of a client that neither sends nor takes */
    HEAD_BYTES_MAX = 32768, /* of a request's line and headers */
    BODY_BYTES_MAX = 8192,
    RESENT_AFTER = 5, /* seconds: so that a stream whose client has gone is noticed */
};
#define BOUNDARY "quickstep-frame"

struct serve_http {
    struct MHD_Daemon *daemon;
    const cli_engine *engine;
    desk *desk;
    serve_address address;
};

typedef struct exchange {
    size_t size;
    char body[BODY_BYTES_MAX];
} exchange;

typedef enum MHD_Result (*answer_fn)(serve_http *, struct MHD_Connection *, const exchange *);

/* ---- answers -----------------------------------------------------------------------------------
 */

static enum MHD_Result send_and_drop(struct MHD_Connection *c, unsigned code, const char *type,
                                     struct MHD_Response *response)
{
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Content-Security-Policy",
                            "default-src 'self'; style-src 'unsafe-inline'; "
                            "script-src 'unsafe-inline'; frame-ancestors 'none'");
    const enum MHD_Result sent = MHD_queue_response(c, code, response);
    MHD_destroy_response(response);
    return sent;
}

static enum MHD_Result send_json(struct MHD_Connection *c, unsigned code, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text)
        return MHD_NO;
    return send_and_drop(
        c, code, "application/json",
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}

static enum MHD_Result send_error(struct MHD_Connection *c, unsigned code, const char *message)
{
    return send_json(c, code, json_pack("{s:s%}", "error", message, (size_t)strlen(message)));
}

/* ---- requests ----------------------------------------------------------------------------------
 */

typedef struct query {
    json_t *object;
    bool good; /* all of it is UTF-8 */
} query;

static enum MHD_Result add_argument(void *cls, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    query *q = cls;
    (void)kind;
    q->good &= json_object_set_new(q->object, key, value ? json_string(value) : json_null()) == 0;
    return MHD_YES;
}

/* NULL: it is not UTF-8, or there is no memory. */
static json_t *query_object(struct MHD_Connection *c)
{
    query q = { .object = json_object(), .good = true };
    if (q.object)
        MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_argument, &q);
    if (q.good)
        return q.object;
    json_decref(q.object);
    return NULL;
}

/* Into `request`, which has the values of what is not named; 0, or the answer's code with its
 * reason in app_error_message. */
static unsigned read_request(serve_http *http, json_t *object, serve_request *request)
{
    const bool good = json_is_object(object);
    const qs_status status = good ? serve_request_read(http->engine, object, request)
                                  : app_error(QS_ERROR_USAGE, "neither JSON's object nor UTF-8");
    json_decref(object);
    return status == QS_OK ? 0 : MHD_HTTP_BAD_REQUEST;
}

/* ---- what there is -----------------------------------------------------------------------------
 */

static enum MHD_Result answer_page(serve_http *http, struct MHD_Connection *c, const exchange *e)
{
    (void)http, (void)e;
    return send_and_drop(c, MHD_HTTP_OK, "text/html; charset=utf-8",
                         MHD_create_response_from_buffer(sizeof PAGE_HTML, (void *)PAGE_HTML,
                                                         MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result answer_picture(serve_http *http, struct MHD_Connection *c, const exchange *e)
{
    static const unsigned codes[] = { [DESK_REFUSED] = MHD_HTTP_BAD_REQUEST,
                                      [DESK_FAILED] = MHD_HTTP_INTERNAL_SERVER_ERROR,
                                      [DESK_CANCELLED] = MHD_HTTP_CONFLICT,
                                      [DESK_BUSY] = MHD_HTTP_SERVICE_UNAVAILABLE,
                                      [DESK_CLOSED] = MHD_HTTP_SERVICE_UNAVAILABLE };
    static const char *const reasons[] = { [DESK_CANCELLED] = "cancelled",
                                           [DESK_BUSY] = "too many pictures are waiting already",
                                           [DESK_CLOSED] = "the program ends" };
    (void)e;
    serve_request request = serve_request_default(http->engine);
    desk_answer answer;
    const unsigned refused = read_request(http, query_object(c), &request);
    if (refused)
        return send_error(c, refused, app_error_message());
    desk_draw(http->desk, &request, &answer);
    if (answer.outcome != DESK_DRAWN)
        return send_error(c, codes[answer.outcome],
                          answer.message[0] ? answer.message : reasons[answer.outcome]);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer.file->size, answer.file->bytes, MHD_RESPMEM_MUST_COPY);
    desk_file_drop(http->desk, answer.file);
    return send_and_drop(c, MHD_HTTP_OK, "image/png", response);
}

static enum MHD_Result answer_live(serve_http *http, struct MHD_Connection *c, const exchange *e)
{
    (void)e;
    const serve_request live = desk_live(http->desk);
    return send_json(c, MHD_HTTP_OK, serve_request_json(http->engine, &live));
}

static enum MHD_Result change_live(serve_http *http, struct MHD_Connection *c, const exchange *e)
{
    serve_request live = desk_live(http->desk);
    json_error_t error;
    json_t *object = json_loadb(e->body, e->size, JSON_REJECT_DUPLICATES, &error);
    const unsigned refused = read_request(http, object, &live);
    if (refused)
        return send_error(c, refused, app_error_message());
    desk_set_live(http->desk, &live);
    return send_json(c, MHD_HTTP_OK, serve_request_json(http->engine, &live));
}

static enum MHD_Result answer_cancel(serve_http *http, struct MHD_Connection *c, const exchange *e)
{
    (void)e;
    desk_cancel(http->desk);
    return send_json(c, MHD_HTTP_OK, json_object());
}

static enum MHD_Result answer_health(serve_http *http, struct MHD_Connection *c, const exchange *e)
{
    (void)e;
    const desk_state s = desk_look(http->desk);
    const union MHD_DaemonInfo *clients =
        MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return send_json(c, MHD_HTTP_OK,
                     json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:b, s:I, s:f}", "version",
                               qs_version(), "model", http->engine->info.name, "device",
                               http->engine->device_info.name, "clients",
                               (json_int_t)(clients ? clients->num_connections : 0), "queue",
                               (json_int_t)s.queued, "queue_max", (json_int_t)DESK_QUEUE_MAX,
                               "drawing", s.drawing, "drawn", (json_int_t)s.drawn, "ms", s.ms));
}

static enum MHD_Result answer_model(serve_http *http, struct MHD_Connection *c, const exchange *e)
{
    (void)e;
    const qs_model_info *info = &http->engine->info;
    json_t *labels = json_array(), *examples = json_array();
    for (uint32_t i = 0; i < info->label_count; i++)
        json_array_append_new(labels, json_string(qs_model_label_name(http->engine->model, i)));
    for (uint32_t i = 0; qs_model_example(http->engine->model, i); i++)
        json_array_append_new(examples, json_string(qs_model_example(http->engine->model, i)));
    return send_json(c, MHD_HTTP_OK,
                     json_pack("{s:s, s:I, s:I, s:I, s:b, s:b, s:o, s:o}", "name", info->name,
                               "width", (json_int_t)info->width, "height", (json_int_t)info->height,
                               "steps_max", (json_int_t)info->steps_max, "reads_prompts",
                               info->prompt_tokens > 0, "takes_negative",
                               http->engine->options.guided, "labels", labels, "examples",
                               examples));
}

/* ---- the live picture as a stream --------------------------------------------------------------
 */

typedef struct stream {
    serve_http *http;
    desk_file *file; /* that is being sent */
    char head[96];
    size_t head_size, sent; /* of head, bytes and the line after them */
    uint64_t seen;
    unsigned waits;
} stream;

/* False: the desk is closed. */
static bool next_frame(stream *s)
{
    bool closed = false;
    desk_file *file = NULL;
    while (!file && !closed) {
        file = desk_frame(s->http->desk, &s->seen, &closed);
        if (!file && ++s->waits == RESENT_AFTER)
            s->seen = s->waits = 0;
    }
    s->file = file;
    s->sent = s->waits = 0;
    s->head_size = file ? (size_t)snprintf(s->head, sizeof s->head,
                                           "--" BOUNDARY "\r\nContent-Type: image/jpeg\r\n"
                                           "Content-Length: %zu\r\n\r\n",
                                           file->size)
                        : 0;
    return file != NULL;
}

static size_t copy_part(const void *part, size_t size, size_t begin, size_t at, char *to,
                        size_t room)
{
    if (at < begin || at >= begin + size)
        return 0;
    const size_t left = begin + size - at, count = left < room ? left : room;
    memcpy(to, (const char *)part + (at - begin), count);
    return count;
}

static ssize_t read_stream(void *cls, uint64_t position, char *to, size_t room)
{
    stream *s = cls;
    size_t count = 0;
    (void)position;
    if (!s->file && !next_frame(s))
        return MHD_CONTENT_READER_END_OF_STREAM;
    const size_t body = s->head_size, tail = body + s->file->size;
    count += copy_part(s->head, s->head_size, 0, s->sent + count, to + count, room - count);
    count +=
        copy_part(s->file->bytes, s->file->size, body, s->sent + count, to + count, room - count);
    count += copy_part("\r\n", 2, tail, s->sent + count, to + count, room - count);
    s->sent += count;
    if (s->sent == tail + 2) {
        desk_file_drop(s->http->desk, s->file);
        s->file = NULL;
    }
    return (ssize_t)count;
}

static void end_stream(void *cls)
{
    stream *s = cls;
    if (s->file)
        desk_file_drop(s->http->desk, s->file);
    free(s);
}

static enum MHD_Result answer_stream(serve_http *http, struct MHD_Connection *c, const exchange *e)
{
    (void)e;
    stream *s = calloc(1, sizeof *s);
    if (!s)
        return MHD_NO;
    s->http = http;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 65536, read_stream, s, end_stream);
    if (!response)
        free(s);
    return send_and_drop(c, MHD_HTTP_OK, "multipart/x-mixed-replace; boundary=" BOUNDARY, response);
}

/* ---- the way to them ---------------------------------------------------------------------------
 */

static const struct route {
    const char *path, *method;
    answer_fn answer;
} routes[] = {
    { "/", "GET", answer_page },
    { "/picture.png", "GET", answer_picture },
    { "/live", "GET", answer_live },
    { "/live", "POST", change_live },
    { "/live.mjpeg", "GET", answer_stream },
    { "/cancel", "POST", answer_cancel },
    { "/health", "GET", answer_health },
    { "/model", "GET", answer_model },
};

/* Of a POST: what no form of another page can send. */
static bool is_json(struct MHD_Connection *c)
{
    const char *type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type");
    return type && strncasecmp(type, "application/json", 16) == 0;
}

static enum MHD_Result answer(serve_http *http, struct MHD_Connection *c, const char *path,
                              const char *method, const exchange *e)
{
    bool known = false;
    if (!serve_address_is_ours(&http->address,
                               MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host")))
        return send_error(c, MHD_HTTP_FORBIDDEN, "asked for under another host's name");
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (strcmp(path, routes[i].path) != 0)
            continue;
        known = true;
        if (strcmp(method, routes[i].method) != 0)
            continue;
        if (strcmp(method, "POST") == 0 && !is_json(c))
            return send_error(c, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "send application/json");
        return routes[i].answer(http, c, e);
    }
    return known ? send_error(c, MHD_HTTP_METHOD_NOT_ALLOWED, "not by this method")
                 : send_error(c, MHD_HTTP_NOT_FOUND, "there is no such page");
}

/* libmicrohttpd's: once for the headers, then for every part of the body, then at its end. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *part,
                                  size_t *part_size, void **context)
{
    exchange *e = *context;
    (void)version;
    if (!e) {
        const char *size = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
        if (size && strtoull(size, NULL, 10) > BODY_BYTES_MAX)
            return send_error(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
        *context = calloc(1, sizeof *e);
        return *context ? MHD_YES : MHD_NO;
    }
    if (*part_size == 0)
        return answer(cls, c, path, method, e);
    if (*part_size > BODY_BYTES_MAX - e->size)
        return MHD_NO; /* it did not say how large: the connection is closed */
    memcpy(e->body + e->size, part, *part_size);
    e->size += *part_size;
    *part_size = 0;
    return MHD_YES;
}

static void on_end(void *cls, struct MHD_Connection *c, void **context,
                   enum MHD_RequestTerminationCode code)
{
    (void)cls, (void)c, (void)code;
    free(*context);
    *context = NULL;
}

static void be_quiet(void *cls, const char *format, va_list arguments)
{
    (void)cls, (void)format, (void)arguments; /* a client's mistakes are its own */
}

/* One's own, as libmicrohttpd does not keep the reason when it cannot listen (1.0.1). Or -1 and
 * errno. */
static int listening_socket(const struct sockaddr *address, socklen_t size)
{
    const int yes = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        (address->sa_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) == 0) &&
        bind(fd, address, size) == 0 && listen(fd, CLIENTS_MAX) == 0)
        return fd;
    const int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

qs_status serve_http_start(const char *listen, const cli_engine *engine, desk *d, serve_http **out)
{
    serve_http *http = calloc(1, sizeof *http);
    if (!http)
        return app_error(QS_ERROR_MEMORY, "no memory");
    *http = (serve_http){ .engine = engine, .desk = d };
    const qs_status status = serve_address_read(listen, &http->address);
    if (status != QS_OK) {
        free(http);
        return status;
    }
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_POLL | MHD_USE_ERROR_LOG;
    const bool six = http->address.any.ss_family == AF_INET6;
    if (six)
        flags |= MHD_USE_IPv6;
    const int fd = listening_socket((const struct sockaddr *)&http->address.any,
                                    six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    if (fd < 0) {
        free(http);
        return app_error(QS_ERROR_OTHER, "--listen %s: cannot be listened at: %s", listen,
                         strerror(errno));
    }
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, be_quiet, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEAD_BYTES_MAX, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
    if (!http->daemon) {
        close(fd);
        free(http);
        return app_error(QS_ERROR_OTHER, "--listen %s: libmicrohttpd does not start", listen);
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);
    serve_address_has_port(&http->address, info ? info->port : 0);
    *out = http;
    return QS_OK;
}

const char *serve_http_url(const serve_http *http)
{
    return http->address.url;
}

void serve_http_stop(serve_http *http)
{
    if (!http)
        return;
    MHD_stop_daemon(http->daemon);
    free(http);
}
