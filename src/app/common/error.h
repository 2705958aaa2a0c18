/*
 * Errors of the programs: a status and one message, as in the library. The message of the last
 * failed call of a thread is kept here, whether the library or the program refused.
 */
#ifndef APP_ERROR_H
#define APP_ERROR_H

#include <quickstep/quickstep.h>

/* Stores the message and returns `status`. */
qs_status app_error(qs_status status, const char *format, ...)
    __attribute__((format(QS_PRINTF_FORMAT, 2, 3)));

/* Stores qs_last_error() as the message if `status` is an error, and returns `status`. */
qs_status app_library(qs_status status);

/* The message of the last failed call, "" if there was none. */
const char *app_error_message(void);

/* In a function with `qs_status status = QS_OK;` and a label `fail:` (or `done:` before it):
 * TRY for the program's own calls, QS for the library's. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != QS_OK)                                                                       \
            goto fail;                                                                             \
    } while (0)
#define QS(call) TRY(app_library(call))

#endif
