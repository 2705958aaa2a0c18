#include "progress.h"

#include "common/log.h"
#include "common/signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool enabled, silent;
static int shown_length;
static char current_title[80];

void cli_progress_init(void)
{
    const char *terminal = getenv("TERM");
    enabled = isatty(STDERR_FILENO) && !(terminal && strcmp(terminal, "dumb") == 0);
    app_log_set_clear(cli_progress_clear);
}

void cli_progress_off(void)
{
    enabled = false;
    silent = true;
}

void cli_progress_title(const char *title)
{
    snprintf(current_title, sizeof current_title, "%s", title);
}

void cli_progress_show(const char *text)
{
    if (!enabled)
        return;
    const int length = fprintf(stderr, "\r%.79s", text); /* a longer line would not be wiped */
    if (length < shown_length)
        fprintf(stderr, "%*s", shown_length - length, "");
    shown_length = length > shown_length ? length : shown_length;
    fflush(stderr);
}

void cli_progress_slow(const char *text, unsigned done)
{
    static const time_t SECONDS = 10;
    static time_t last;
    const time_t now = time(NULL);
    cli_progress_show(text);
    if (enabled || silent)
        return;
    if (last != 0 && now - last >= SECONDS)
        fprintf(stderr, "%u done, now %s\n", done, text);
    if (last == 0 || now - last >= SECONDS)
        last = now;
}

bool cli_progress_step(void *user, uint32_t steps_done, uint32_t steps)
{
    (void)user;
    char text[128];
    snprintf(text, sizeof text, "step %u of %u%s%s", steps_done, steps,
             current_title[0] ? ", " : "", current_title);
    cli_progress_show(text);
    return !app_signals_pending();
}

void cli_progress_prepare(void *user, uint32_t done, uint32_t total)
{
    static const double PATIENCE_MS = 500, PAUSE_MS = 1000; /* a longer pause is another wait */
    static double begun_ms, last_ms;
    (void)user;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    const double now_ms = (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
    if (now_ms - last_ms > PAUSE_MS)
        begun_ms = now_ms;
    last_ms = now_ms;
    if (now_ms - begun_ms < PATIENCE_MS)
        return;
    char text[80];
    snprintf(text, sizeof text, total ? "preparing: %u of %u shaders" : "preparing: weights", done,
             total);
    cli_progress_show(text);
}

void cli_progress_clear(void)
{
    if (shown_length > 0)
        fprintf(stderr, "\r%*s\r", shown_length, "");
    shown_length = 0;
}
