#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char message[2048];

qs_status app_error(qs_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return status;
}

qs_status app_library(qs_status status)
{
    if (status == QS_OK)
        return QS_OK;
    const char *text = qs_last_error();
    return app_error(status, "%s", text[0] ? text : qs_status_name(status));
}

const char *app_error_message(void)
{
    return message;
}
