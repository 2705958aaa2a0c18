#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *program_name = "quickstep";
static qs_log_level shown_level = QS_LOG_WARNING;
static void (*clear_line)(void);

static void print_line(void *user, qs_log_level level, const char *message)
{
    (void)user;
    if (level > shown_level)
        return;
    if (clear_line)
        clear_line();
    const char *kind = level == QS_LOG_ERROR     ? "error: "
                       : level == QS_LOG_WARNING ? "warning: "
                                                 : "";
    fprintf(stderr, "%s: %s%s\n", program_name, kind, message);
}

void app_log_to_stderr(const char *program, qs_log_level level)
{
    const char *debug = getenv("QUICKSTEP_DEBUG");
    program_name = program;
    shown_level = debug && debug[0] ? QS_LOG_DEBUG : level;
    qs_set_log(print_line, NULL);
}

void app_warning(const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    print_line(NULL, QS_LOG_WARNING, message);
}

void app_log_set_clear(void (*clear)(void))
{
    clear_line = clear;
}
