#ifndef QS_CORE_LOG_H
#define QS_CORE_LOG_H

#include "core/status.h"

/* One line, without a newline, to the callback of qs_set_log(). */
void log_line(qs_log_level level, const char *format, ...) QS_PRINTF(2, 3);

#endif
