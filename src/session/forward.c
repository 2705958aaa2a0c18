#include "session/session.h"

#include <quickstep/vulkan.h>
#include <stdlib.h>
#include <string.h>

/* ---- the network alone ------------------------------------------------------------------ */

static qs_status build_forward(qs_session *s)
{
    verb *v = &s->forward;
    const session_shape size = session_latents(s);
    verb_init(s, v);
    const tensor_id sample =
        graph_state(&v->graph, "sample", v->graph.storage, size.n, size.h, size.w, size.c);
    model_build_network(&v->graph, &s->model->config, s->options.batch, sample);
    return verb_plan(v, s->options.keep_activations);
}

static qs_status record_forward(qs_session *s)
{
    qs_status status = QS_OK;
    verb *v = &s->forward;
    const gpu_slice everything = { &s->forward_arena, 0, v->plan.arena_bytes };
    const gpu_slice on_host = { &s->forward_readback, 0, v->plan.arena_bytes };
    const gpu_slice inputs[] = { s->state.sample, s->state.time, s->state.segment,
                                 s->state.labels };
    const gpu_slice recipe_labels = { &s->state_memory,
                                      s->state.recipe.offset + offsetof(sampler_recipe, labels),
                                      s->state.labels.size };
    TRY(gpu_commands_create(s->device, "forward", 0, &s->forward_commands));
    TRY(gpu_record_begin(s->forward_commands));
    uint64_t offset = 0;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; ++i) {
        const gpu_slice from = { &s->forward_upload, offset, inputs[i].size };
        gpu_record_copy(s->forward_commands, &from, &inputs[i]);
        offset += inputs[i].size;
    }
    gpu_record_barrier(s->forward_commands);
    TRY(record_plan(s->device, &v->plan, v->slices, s->forward_commands, false));
    gpu_record_barrier(s->forward_commands);
    gpu_record_copy(s->forward_commands, &everything, &on_host);
    /* a picture in progress goes on with its own labels; step_input writes the other inputs anew */
    gpu_record_copy(s->forward_commands, &recipe_labels, &s->state.labels);
    TRY(gpu_record_end(s->forward_commands));
fail:
    return status;
}

/* The arena is read back whole: the output lies in it, and so do the activations that were kept. */
static qs_status prepare_forward(qs_session *s)
{
    if (s->forward_commands)
        return QS_OK;
    qs_status status = QS_OK;
    const uint64_t input_bytes =
        s->state.sample.size + s->state.time.size + s->state.segment.size + s->state.labels.size;
    TRY(build_forward(s));
    TRY(session_load_weights(s, &s->forward));
    TRY(gpu_buffer_create(s->device, GPU_DEVICE, s->forward.plan.arena_bytes, "forward activations",
                          &s->forward_arena));
    TRY(gpu_buffer_create(s->device, GPU_UPLOAD, input_bytes, "forward inputs",
                          &s->forward_upload));
    TRY(gpu_buffer_create(s->device, GPU_READBACK, s->forward.plan.arena_bytes, "forward outputs",
                          &s->forward_readback));
    session_bind(s, &s->forward, &s->forward_arena, NULL);
    TRY(record_forward(s));
    return QS_OK;
fail:
    gpu_commands_destroy(s->device, s->forward_commands);
    s->forward_commands = NULL;
    verb_finish(&s->forward);
    gpu_buffer_destroy(s->device, &s->forward_arena);
    gpu_buffer_destroy(s->device, &s->forward_upload);
    gpu_buffer_destroy(s->device, &s->forward_readback);
    return status;
}

static qs_status write_inputs(qs_session *s, const float *sample, const float *timestep,
                              const float *segment, const int32_t *labels)
{
    const session_shape size = session_latents(s);
    const uint32_t n = size.n;
    char *to = s->forward_upload.mapped;
    layout_to_device(sample, n, size.c, size.h, size.w, 1.0f, s->forward.graph.storage, to);
    float *times = (float *)(void *)(to + s->state.sample.size), *segments = times + n;
    uint32_t *ids = (uint32_t *)(void *)(segments + n);
    for (uint32_t i = 0; i < n; ++i) {
        const qs_status status = session_label(s, labels ? labels[i] : -1, &ids[i]);
        if (status != QS_OK)
            return status;
        times[i] = timestep[i];
        segments[i] = segment ? segment[i] : 0.0f;
    }
    return QS_OK;
}

qs_status qs_session_forward(qs_session *s, const float *sample, const float *timestep,
                             const float *segment, const int32_t *labels, float *output)
{
    if (!s || !sample || !timestep || !output)
        return qs_error(
            QS_ERROR_USAGE,
            "qs_session_forward: session, sample, timestep and output must not be NULL");
    qs_status status = QS_OK;
    uint64_t ticket = 0;
    TRY(session_drain(s));
    TRY(prepare_forward(s));
    TRY(write_inputs(s, sample, timestep, segment, labels));
    TRY(session_submit(s, s->forward_commands, 0, &ticket));
    TRY(session_drain(s));
    const graph *g = &s->forward.graph;
    verb_read_activation(&s->forward, g->nodes[g->node_count - 1].out, s->forward_readback.mapped,
                         output);
fail:
    return status;
}

qs_status qs_session_activation(qs_session *s, uint32_t index, qs_activation *activation,
                                float *data)
{
    if (!s || !activation)
        return qs_error(QS_ERROR_USAGE,
                        "qs_session_activation: session and activation must not be NULL");
    if (!s->options.keep_activations || !s->forward_commands)
        return qs_error(
            QS_ERROR_USAGE,
            "activations are kept by keep_activations, and read after qs_session_forward");
    const graph *g = &s->forward.graph;
    if (index >= g->node_count)
        return qs_error(QS_ERROR_USAGE, "activation %u: the network has %u nodes", index,
                        g->node_count);
    const node *n = &g->nodes[index];
    const tensor *t = graph_tensor(g, n->out);
    *activation = (qs_activation){
        .name = n->name, .n = t->n, .c = t->c, .h = t->h, .w = t->w, .variant = graph_variant(g, n)
    };
    if (data)
        verb_read_activation(&s->forward, n->out, s->forward_readback.mapped, data);
    return QS_OK;
}

/* ---- times ------------------------------------------------------------------------------ */

static double bytes_moved(const graph *g, const node *n)
{
    double bytes = 0;
    for (uint32_t i = 0; i <= n->in_count; ++i) {
        const tensor_id id = i < n->in_count ? n->in[i] : n->out;
        if (id == NO_TENSOR)
            continue;
        const tensor *t = graph_tensor(g, id);
        bytes += (double)t->n * t->h * t->w * t->c * dtype_bytes(t->type);
    }
    return bytes;
}

/* commands NULL or ticket 0: they have not run yet. */
static qs_status read_times(qs_session *s, const char *what, const graph *g,
                            const gpu_commands *commands, uint64_t ticket, qs_op_time *times,
                            size_t *count)
{
    if (!s->options.profile)
        return qs_error(QS_ERROR_USAGE, "times per op need a session with options.profile");
    if (times && (!commands || ticket == 0))
        return qs_error(QS_ERROR_USAGE, "times per op come after the first %s", what);
    const size_t room = times ? *count : 0;
    *count = g->node_count;
    if (room == 0)
        return QS_OK;
    qs_status status = QS_OK;
    double *ns = calloc(g->node_count + 1, sizeof *ns);
    if (!ns)
        return qs_error(QS_ERROR_MEMORY, "no host memory for %u times", g->node_count);
    TRY(gpu_wait(s->device, ticket, UINT32_MAX));
    TRY(gpu_commands_timestamps(s->device, commands, ns));
    for (uint32_t i = 0; i < g->node_count && i < room; ++i)
        times[i] = (qs_op_time){ .name = g->nodes[i].name,
                                 .op = g->nodes[i].op->name,
                                 .ms = (ns[i + 1] - ns[i]) * 1e-6,
                                 .flops = g->nodes[i].flops,
                                 .bytes = bytes_moved(g, &g->nodes[i]) };
fail:
    free(ns);
    return status;
}

qs_status qs_session_op_times(qs_session *s, qs_op_time *times, size_t *count)
{
    if (!s || !count)
        return qs_error(QS_ERROR_USAGE, "qs_session_op_times: session and count must not be NULL");
    return read_times(s, "step", &s->step.graph, s->step_commands, s->step_ticket, times, count);
}

/* The slot that was decoded into last, or NULL. */
static const frame_slot *newest_slot(const qs_session *s)
{
    const int slot = s->writing_slot >= 0 ? s->writing_slot
                     : s->ready_slot >= 0 ? s->ready_slot
                                          : s->shown_slot;
    return slot >= 0 ? &s->frames[slot] : NULL;
}

qs_status qs_session_decode_times(qs_session *s, qs_op_time *times, size_t *count)
{
    if (!s || !count)
        return qs_error(QS_ERROR_USAGE,
                        "qs_session_decode_times: session and count must not be NULL");
    const frame_slot *newest = newest_slot(s);
    return read_times(s, "picture", &s->decode.graph, newest ? newest->decode : NULL,
                      newest ? newest->ticket : 0, times, count);
}

/* ---- quickstep/vulkan.h ----------------------------------------------------------------- */

void qs_session_get_frame_buffer(const qs_session *s, uint32_t slot, VkBuffer *buffer,
                                 VkDeviceSize *offset, VkDeviceSize *size)
{
    if (!buffer || !offset || !size)
        return;
    const bool known = s && slot < FRAME_SLOTS;
    const gpu_slice pixels = known ? s->frames[slot].pixels : (gpu_slice){ 0 };
    *buffer = known ? pixels.buffer->vk : VK_NULL_HANDLE;
    *offset = pixels.offset;
    *size = pixels.size;
}
