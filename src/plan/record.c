#include "plan/record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)OP_CONSTANTS_MAX == (int)GPU_CONSTANTS_MAX,
               "a dispatch's constants are its pipeline's");

void record_place_arena(const plan *p, const gpu_buffer *arena, gpu_slice *slices)
{
    const graph *g = p->graph;
    for (tensor_id id = 0; id < g->tensor_count; ++id)
        if (g->tensors[id].kind == TENSOR_ACTIVATION && g->tensors[id].parent == NO_TENSOR)
            slices[id] = (gpu_slice){ arena, p->offsets[id], g->tensors[id].bytes };
}

qs_status record_begin_pipelines(qs_device *device, const graph *const *graphs, uint32_t count,
                                 gpu_pipeline_batch **batch)
{
    uint32_t node_count = 0, used = 0;
    for (uint32_t i = 0; i < count; ++i)
        node_count += graphs[i]->node_count;
    gpu_pipeline_key *keys = calloc(node_count + 1, sizeof *keys);
    if (!keys)
        return qs_error(QS_ERROR_MEMORY, "no host memory for %u pipelines", node_count);
    for (uint32_t i = 0; i < count; ++i)
        for (uint32_t n = 0; n < graphs[i]->node_count; ++n) {
            const op_dispatch d = op_lower(graphs[i], &graphs[i]->nodes[n]);
            gpu_pipeline_key *key = &keys[used++];
            *key = (gpu_pipeline_key){ (enum shader_id)d.shader, d.constant_count, { 0 } };
            memcpy(key->constants, d.constants, sizeof key->constants);
        }
    const qs_status status = gpu_pipelines_begin(device, keys, used, batch);
    free(keys);
    return status;
}

qs_status record_dispatch(qs_device *device, const node *node, const op_dispatch *d,
                          const gpu_slice *bindings, gpu_commands *commands)
{
    const gpu_pipeline *pipeline = NULL;
    const qs_status status = gpu_pipeline_get(device, (enum shader_id)d->shader, d->constants,
                                              d->constant_count, &pipeline);
    if (status != QS_OK)
        return qs_error_prefix(status, "%s", node->name);
    gpu_record_dispatch(commands,
                        &(gpu_dispatch){ .pipeline = pipeline,
                                         .label = node->name,
                                         .push = d->push,
                                         .push_bytes = d->push_bytes,
                                         .bindings = bindings,
                                         .binding_count = d->binding_count,
                                         .groups = { d->groups[0], d->groups[1], d->groups[2] } });
    return QS_OK;
}

static qs_status record_node(qs_device *device, const plan *p, uint32_t n, const gpu_slice *slices,
                             gpu_commands *commands)
{
    const op_dispatch *d = &p->dispatches[n];
    gpu_slice bindings[OP_BINDINGS_MAX];
    for (uint32_t b = 0; b < d->binding_count; ++b) {
        const tensor_range range = graph_range(p->graph, d->bindings[b].tensor);
        bindings[b] = slices[graph_root(p->graph, d->bindings[b].tensor)];
        assert(bindings[b].buffer && "a root without memory");
        bindings[b].offset += range.begin;
        bindings[b].size = range.bytes;
    }
    return record_dispatch(device, &p->graph->nodes[n], d, bindings, commands);
}

/* Work of 10 to 20 ms on a software device, and of less than the cut's own cost on no GPU. */
static const double PART_FLOPS = 5e8;

qs_status record_plan(qs_device *device, const plan *p, const gpu_slice *slices,
                      gpu_commands *commands, bool timestamps)
{
    double flops = 0; /* since the last cut */
    for (uint32_t n = 0; n < p->graph->node_count; ++n) {
        if (!timestamps && flops >= PART_FLOPS) {
            gpu_record_cut(commands);
            flops = 0;
        } else if (p->barriers[n])
            gpu_record_barrier(commands);
        flops += p->graph->nodes[n].flops;
        if (timestamps)
            gpu_record_timestamp(commands, n);
        const qs_status status = record_node(device, p, n, slices, commands);
        if (status != QS_OK)
            return status;
    }
    if (timestamps)
        gpu_record_timestamp(commands, p->graph->node_count);
    return QS_OK;
}
