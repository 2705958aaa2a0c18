#include "preview.h"

#include "common/log.h"
#include "common/signals.h"
#include "sixel.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MS = 1000, ANSWER_SIZE = 256, KITTY_CHUNK = 4096 };

typedef enum graphics { NONE, KITTY, SIXEL } graphics;

static bool send_bytes(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        const ssize_t sent = write(fd, bytes, size);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_text(int fd, const char *text)
{
    return send_bytes(fd, text, strlen(text));
}

/* ---- what it can -------------------------------------------------------------------------------
 */

static int left_ms(const struct timespec *since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const long passed =
        (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
    return passed < ANSWER_MS ? (int)(ANSWER_MS - passed) : 0;
}

/* Asks for the device's attributes, before them for something that not all know, NULL: nothing, and
 * reads until they have come: "ESC [ ? 62 ; 4 c". Returns where they are in `answer`; NULL: it said
 * none in time. */
static const char *ask(int fd, const char *first, char answer[ANSWER_SIZE])
{
    struct timespec start;
    size_t length = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    if ((first && !send_text(fd, first)) || !send_text(fd, "\033[c"))
        return NULL;
    while (length + 1 < ANSWER_SIZE) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        const int ms = left_ms(&start);
        if (ms == 0 || poll(&wait, 1, ms) <= 0)
            return NULL;
        const ssize_t got = read(fd, answer + length, ANSWER_SIZE - 1 - length);
        if (got <= 0)
            return NULL;
        length += (size_t)got;
        answer[length] = 0;
        const char *attributes = strstr(answer, "\033[?");
        if (attributes && strchr(attributes, 'c'))
            return attributes + strlen("\033[?");
    }
    return NULL;
}

static bool has_attribute(const char *attributes, long wanted)
{
    char *end = (char *)attributes;
    do {
        if (strtol(*end == ';' ? end + 1 : end, &end, 10) == wanted)
            return true;
    } while (*end == ';');
    return false;
}

/* Only a terminal that says it is a VT220 or above is asked for kitty's protocol: these skip
 * strings that they do not know, older ones may show them. */
static graphics find_graphics(int fd)
{
    static const char kitty[] = "\033_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\033\\";
    char answer[ANSWER_SIZE];
    const char *attributes = ask(fd, NULL, answer);
    if (!attributes)
        return NONE;
    const bool sixel = has_attribute(attributes, 4);
    if (strtol(attributes, NULL, 10) >= 62 && ask(fd, kitty, answer) &&
        strstr(answer, "\033_Gi=31;OK"))
        return KITTY;
    return sixel ? SIXEL : NONE;
}

/* ---- showing -----------------------------------------------------------------------------------
 */

static char *base64(const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc((size + 2) / 3 * 4 + 1), *to = text;
    for (size_t i = 0; text && i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t word = (uint32_t)bytes[i] << 16 |
                              (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                              (left > 2 ? bytes[i + 2] : 0);
        *to++ = digits[word >> 18];
        *to++ = digits[word >> 12 & 63];
        *to++ = left > 1 ? digits[word >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[word & 63] : '=';
    }
    if (text)
        *to = 0;
    return text;
}

/* q=2: nothing is answered, which the shell would take for keys */
static bool show_kitty(int fd, const app_image *image)
{
    uint8_t *png = NULL;
    size_t size = 0;
    const bool encoded = app_png_encode(image, NULL, &png, &size) == QS_OK;
    char *text = encoded ? base64(png, size) : NULL;
    bool sent = text != NULL;
    const char *left = text;
    while (sent && *left) {
        const size_t chunk = strnlen(left, KITTY_CHUNK);
        char head[48];
        snprintf(head, sizeof head, "\033_G%sm=%d;", left == text ? "a=T,f=100,q=2," : "q=2,",
                 left[chunk] != 0);
        sent = send_text(fd, head) && send_bytes(fd, left, chunk) && send_text(fd, "\033\\");
        left += chunk;
    }
    free(text);
    free(png);
    return sent && send_text(fd, "\r\n");
}

static bool show_sixel(int fd, const app_image *image)
{
    size_t size = 0;
    char *text = cli_sixel_encode(image, &size);
    const bool sent = text && send_bytes(fd, text, size) && send_text(fd, "\r\n");
    free(text);
    return sent;
}

/* Keys are not shown, and an answer comes at once. */
static void make_raw(struct termios *settings)
{
    settings->c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    settings->c_cc[VMIN] = 1;
    settings->c_cc[VTIME] = 0;
}

static const char *show(int fd, const app_image *image)
{
    struct termios before, raw;
    const char *term = getenv("TERM");
    if (!term || strcmp(term, "dumb") == 0)
        return "TERM says that there is no terminal to show anything";
    if (tcgetpgrp(fd) != getpgrp() || tcgetattr(fd, &before) != 0)
        return "the terminal is another program's now";
    raw = before;
    make_raw(&raw);
    tcsetattr(fd, TCSAFLUSH, &raw);
    const graphics can = find_graphics(fd);
    tcsetattr(fd, TCSAFLUSH, &before);
    if (can == NONE)
        return "this terminal does not say that it shows pictures (kitty's protocol or sixels)";
    const bool sent = can == KITTY ? show_kitty(fd, image) : show_sixel(fd, image);
    return sent ? NULL : "the terminal did not take all of it";
}

void cli_preview_show(const app_image *image)
{
    const int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    app_signals_block(); /* or one would leave the terminal as it is meanwhile */
    const char *trouble = fd < 0 ? "there is no terminal" : show(fd, image);
    app_signals_unblock();
    if (fd >= 0)
        close(fd);
    if (trouble)
        app_warning("no preview: %s", trouble);
}
