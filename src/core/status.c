#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_error[2048];

const char *qs_last_error(void)
{
    return last_error;
}

qs_status qs_error(qs_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(last_error, sizeof last_error, format, args);
    va_end(args);
    return status;
}

qs_status qs_error_prefix(qs_status status, const char *format, ...)
{
    char message[sizeof last_error], prefix[1024];
    memcpy(message, last_error, sizeof message);
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    const int used = snprintf(last_error, sizeof last_error, "%s: ", prefix);
    if (used > 0 && (size_t)used < sizeof last_error)
        snprintf(last_error + used, sizeof last_error - (size_t)used, "%s", message);
    return status;
}

const char *qs_version(void)
{
    return QS_VERSION;
}

const char *qs_status_name(qs_status status)
{
    switch (status) {
    case QS_OK: return "ok";
    case QS_ERROR_OTHER: return "error";
    case QS_ERROR_USAGE: return "wrong usage";
    case QS_ERROR_MODEL: return "bad model file";
    case QS_ERROR_DEVICE: return "no suitable device";
    case QS_ERROR_MEMORY: return "out of memory";
    case QS_ERROR_DEVICE_LOST: return "device lost";
    case QS_ERROR_PICTURE: return "bad picture";
    case QS_ERROR_WRITE: return "cannot write";
    case QS_CANCELLED: return "cancelled";
    }
    return "unknown status";
}
