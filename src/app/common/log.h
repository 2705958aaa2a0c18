/* The library's log lines on standard error, each with the program's name in front. */
#ifndef APP_LOG_H
#define APP_LOG_H

#include <quickstep/quickstep.h>

/* Call before any other library call. Lines above `level` are dropped; QS_LOG_DEBUG is shown
 * whenever QUICKSTEP_DEBUG is set. `program` is kept. */
void app_log_to_stderr(const char *program, qs_log_level level);

/* Called before a log line is printed, to clear a progress line; NULL for none. */
void app_log_set_clear(void (*clear)(void));

/* A warning of the program's own, in the same shape. */
void app_warning(const char *format, ...) __attribute__((format(QS_PRINTF_FORMAT, 1, 2)));

#endif
