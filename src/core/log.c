#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>

static qs_log_fn log_callback;
static void *log_user;

void qs_set_log(qs_log_fn log, void *user)
{
    log_callback = log;
    log_user = user;
}

void log_line(qs_log_level level, const char *format, ...)
{
    if (!log_callback)
        return;
    char line[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log_callback(log_user, level, line);
}
