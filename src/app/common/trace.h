/* Times of ops as a timeline that ui.perfetto.dev and chrome://tracing open. */
#ifndef APP_TRACE_H
#define APP_TRACE_H

#include "common/error.h"

/* What ran as one: "step", "decode". */
typedef struct app_trace_span {
    const char *name;
    const qs_op_time *ops; /* in the order in which they ran */
    size_t op_count;
} app_trace_span;

/* In Chrome's trace event format: the spans one after another, in each the modules ("up_blocks.0",
 * "up_blocks.0.resnets.1"), in these their ops, which have GFLOP/s and GB/s. title: of the track.
 * QS_ERROR_WRITE. */
qs_status app_trace_write(const char *path, const char *device, const char *title,
                          const app_trace_span *spans, size_t span_count);

#endif
