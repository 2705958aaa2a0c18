#include "session/report.h"

#include "core/status.h"

/* Two of 255 levels, in the picture's units: a picture that differs less from its first pixel
 * everywhere is one flat colour. */
static const float FLAT_DISTANCE = 2.0f * 2.0f / 255.0f;

qs_status report_check(const uint32_t *report, const char *what)
{
    if (report[REPORT_BAD] > 0)
        return qs_error(QS_ERROR_PICTURE, "%s has %u NaN or Inf values", what, report[REPORT_BAD]);
    if (float_from_bits(report[REPORT_DEVIATION]) < FLAT_DISTANCE)
        return qs_error(QS_ERROR_PICTURE, "%s is one flat colour", what);
    return QS_OK;
}
