/* Runs a graph on a device without the plan: every tensor has memory of its own in one buffer, and
 * a barrier stands between any two dispatches. For the self-test and for measuring single ops. */
#ifndef QS_PLAN_LOWER_H
#define QS_PLAN_LOWER_H

#include "gpu/gpu.h"
#include "ops/ops.h"

/* Offsets of all roots in bytes, gap_bytes at least before, between and after them. Returns the
 * size of the buffer. offsets: [tensor_count]. */
uint64_t lower_place(const graph *g, uint64_t gap_bytes, uint64_t *offsets);

/* Records all nodes, in order, `times` times, each followed by a barrier. Every binding reaches
 * extra_bytes past its tensor: a write there is then seen, and not dropped by a device that checks
 * bounds. */
qs_status lower_record(qs_device *device, const graph *g, const gpu_buffer *buffer,
                       const uint64_t *offsets, uint64_t extra_bytes, uint32_t times,
                       gpu_commands *commands);

#endif
