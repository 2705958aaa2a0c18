/* Errors: said once, where they happen, with names and numbers. */
#ifndef QS_CORE_STATUS_H
#define QS_CORE_STATUS_H

#include <quickstep/quickstep.h>

#define QS_PRINTF(fmt, args) __attribute__((format(QS_PRINTF_FORMAT, fmt, args)))

/* Stores the message for qs_last_error() and returns `status`. */
qs_status qs_error(qs_status status, const char *format, ...) QS_PRINTF(2, 3);

/* Puts "prefix: " in front of the stored message, for a caller that knows the file. */
qs_status qs_error_prefix(qs_status status, const char *format, ...) QS_PRINTF(2, 3);

/* In a function with `qs_status status = QS_OK;` and a label `fail:` (or `done:` for cleanup). */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != QS_OK)                                                                       \
            goto fail;                                                                             \
    } while (0)

#endif
