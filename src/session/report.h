/* The report that op_frame makes on every picture. */
#ifndef QS_SESSION_REPORT_H
#define QS_SESSION_REPORT_H

#include "sampler/state.h"

/* QS_ERROR_PICTURE, "WHAT has 3 NaN or Inf values" or "is one flat colour". */
qs_status report_check(const uint32_t *report, const char *what);

#endif
