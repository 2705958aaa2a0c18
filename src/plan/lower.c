#include "plan/lower.h"

#include "plan/record.h"

uint64_t lower_place(const graph *g, uint64_t gap_bytes, uint64_t *offsets)
{
    uint64_t at = gpu_align(gap_bytes);
    for (tensor_id id = 0; id < g->tensor_count; ++id) {
        if (graph_tensor(g, id)->parent != NO_TENSOR)
            continue;
        offsets[id] = at;
        at = gpu_align(at + graph_tensor(g, id)->bytes + gap_bytes);
    }
    return at;
}

static qs_status record_node(qs_device *device, const graph *g, const node *node,
                             const gpu_buffer *buffer, const uint64_t *offsets,
                             uint64_t extra_bytes, gpu_commands *commands)
{
    const op_dispatch d = op_lower(g, node);
    gpu_slice slices[OP_BINDINGS_MAX];
    for (uint32_t i = 0; i < d.binding_count; ++i) {
        const tensor_id root = graph_root(g, d.bindings[i].tensor);
        const tensor_range range = graph_range(g, d.bindings[i].tensor);
        slices[i] = (gpu_slice){ buffer, offsets[root] + range.begin, range.bytes + extra_bytes };
    }
    const qs_status status = record_dispatch(device, node, &d, slices, commands);
    if (status == QS_OK)
        gpu_record_barrier(commands);
    return status;
}

qs_status lower_record(qs_device *device, const graph *g, const gpu_buffer *buffer,
                       const uint64_t *offsets, uint64_t extra_bytes, uint32_t times,
                       gpu_commands *commands)
{
    for (uint32_t time = 0; time < times; ++time)
        for (uint32_t i = 0; i < g->node_count; ++i) {
            const qs_status status =
                record_node(device, g, &g->nodes[i], buffer, offsets, extra_bytes, commands);
            if (status != QS_OK)
                return status;
        }
    return QS_OK;
}
