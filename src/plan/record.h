/* Turns a plan into vkCmd* calls: the one place where dispatches meet memory. */
#ifndef QS_PLAN_RECORD_H
#define QS_PLAN_RECORD_H

#include "gpu/gpu.h"
#include "plan/plan.h"

/* slices: [tensor_count], filled in for every root: activations (record_place_arena), weights and
 * states (by their owners). */
void record_place_arena(const plan *plan, const gpu_buffer *arena, gpu_slice *slices);

/* gpu_pipelines_begin with what the graphs need. */
qs_status record_begin_pipelines(qs_device *device, const graph *const *graphs, uint32_t count,
                                 gpu_pipeline_batch **batch);

/* Appends one node's dispatch; bindings: [d->binding_count]. */
qs_status record_dispatch(qs_device *device, const node *node, const op_dispatch *d,
                          const gpu_slice *bindings, gpu_commands *commands);

/* Appends the plan's dispatches to commands that are being recorded. With timestamps, slot i
 * is written before node i and slot node_count after the last. Without, much work is cut into parts. */
qs_status record_plan(qs_device *device, const plan *plan, const gpu_slice *slices,
                      gpu_commands *commands, bool timestamps);

#endif
