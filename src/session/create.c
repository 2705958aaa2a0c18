#include "core/debug.h"
#include "session/matrix_trial.h"
#include "session/session.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ----------------------------------------------------------------------------- */

static uint64_t take(uint64_t *used, uint64_t bytes)
{
    const uint64_t offset = *used;
    *used += gpu_align(bytes);
    return offset;
}

static uint64_t float_bytes(session_shape size)
{
    return (uint64_t)size.n * size.h * size.w * ceil4(size.c) * sizeof(float);
}

static qs_status create_state(qs_session *s)
{
    const session_shape size = session_latents(s);
    const uint64_t latent_bytes = float_bytes(size);
    const bool decoded = s->model->config.has_autoencoder;
    struct {
        gpu_slice *slice;
        uint64_t bytes;
    } parts[] = {
        { &s->state.recipe, sizeof(sampler_recipe) },
        { &s->state.cursor, 4 },
        { &s->state.time, size.n * 4 },
        { &s->state.segment, size.n * 4 },
        { &s->state.labels, size.n * 4 },
        { &s->state.latent, latent_bytes },
        { &s->state.sample, latent_bytes },
        { &s->state.picture, decoded ? float_bytes(session_pictures(s)) : 0 },
    };
    uint64_t used = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i)
        *parts[i].slice =
            (gpu_slice){ &s->state_memory, take(&used, parts[i].bytes), parts[i].bytes };
    if (!decoded)
        s->state.picture = s->state.latent;
    const qs_status status =
        gpu_buffer_create(s->device, GPU_DEVICE, used, "state", &s->state_memory);
    if (status != QS_OK)
        return status;
    return gpu_buffer_create(s->device, GPU_READBACK, s->state.picture.size, "picture on the host",
                             &s->picture_memory);
}

static qs_status create_slots(qs_session *s)
{
    const session_shape size = session_pictures(s);
    uint64_t used = 0;
    for (int i = 0; i < FRAME_SLOTS; ++i) {
        const uint64_t bytes = (uint64_t)size.n * size.h * size.w * 4;
        s->frames[i].pixels = (gpu_slice){ &s->frame_memory, take(&used, bytes), bytes };
        const uint64_t report_bytes = (uint64_t)size.n * REPORT_WORDS * 4;
        s->frames[i].report =
            (gpu_slice){ &s->frame_memory, take(&used, report_bytes), report_bytes };
    }
    const qs_status status =
        gpu_buffer_create(s->device, GPU_READBACK, used, "frames", &s->frame_memory);
    if (status != QS_OK)
        return status;
    return gpu_buffer_create(s->device, GPU_UPLOAD, RECIPE_SLOTS * sizeof(sampler_recipe),
                             "recipes", &s->recipe_memory);
}

/* Noise that the host writes, and what it takes to draw PyTorch's. */
static qs_status create_noise(qs_session *s)
{
    const session_shape size = session_latents(s);
    const uint64_t bytes = s->state.latent.size;
    s->latent_elements = (size_t)size.c * size.h * size.w;
    s->generators = calloc(size.n, sizeof *s->generators);
    s->drawn = calloc(s->latent_elements, sizeof *s->drawn);
    if (!s->generators || !s->drawn)
        return qs_error(QS_ERROR_MEMORY, "no host memory for noise");
    uint64_t used = 0;
    s->state.start_noise = (gpu_slice){ &s->noise_memory, take(&used, bytes), bytes };
    s->state.step_noise = (gpu_slice){ &s->noise_memory, take(&used, STEP_NOISE_SLOTS * bytes),
                                       STEP_NOISE_SLOTS * bytes };
    return gpu_buffer_create(s->device, GPU_UPLOAD, used, "noise", &s->noise_memory);
}

/* ---- planning and binding --------------------------------------------------------------- */

qs_status session_load_weights(qs_session *s, verb *v)
{
    return weight_store_load(s->weights, s->model->files, &v->graph, v->slices);
}

void session_bind(qs_session *s, verb *v, const gpu_buffer *arena, const frame_slot *frame)
{
    const struct {
        const char *name;
        gpu_slice slice;
    } states[] = {
        { "recipe", s->state.recipe },
        { "cursor", s->state.cursor },
        { "time", s->state.time },
        { "segment", s->state.segment },
        { "labels", s->state.labels },
        { "latent", s->state.latent },
        { "start_noise", s->state.start_noise },
        { "step_noise", s->state.step_noise },
        { "sample", s->state.sample },
        { "picture", s->state.picture },
        { "frame", frame ? frame->pixels : (gpu_slice){ 0 } },
        { "report", frame ? frame->report : (gpu_slice){ 0 } },
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; ++i) {
        const tensor_id id = graph_find_state(&v->graph, states[i].name);
        if (id == NO_TENSOR)
            continue;
        v->slices[id] = states[i].slice;
        v->slices[id].size = v->graph.tensors[id].bytes;
    }
    record_place_arena(&v->plan, arena, v->slices);
}

void verb_read_activation(const verb *v, tensor_id id, const void *arena, float *nchw)
{
    const tensor *t = graph_tensor(&v->graph, id);
    const uint64_t offset = v->plan.offsets[graph_root(&v->graph, id)];
    layout_from_device((const char *)arena + offset, t->type, t->stride, t->offset, t->n, t->c,
                       t->h, t->w, nchw);
}

/* ---- recording: once -------------------------------------------------------------------- */

static qs_status record_begin(qs_session *s, uint32_t slot)
{
    qs_status status = QS_OK;
    gpu_commands **commands = &s->begin_commands[slot];
    const uint64_t offset = slot * sizeof(sampler_recipe);
    const gpu_slice recipe = { &s->recipe_memory, offset, sizeof(sampler_recipe) };
    const gpu_slice labels = { &s->recipe_memory, offset + offsetof(sampler_recipe, labels),
                               s->state.labels.size };
    TRY(gpu_commands_create(s->device, "begin", 0, commands));
    TRY(gpu_record_begin(*commands));
    gpu_record_copy(*commands, &recipe, &s->state.recipe);
    gpu_record_copy(*commands, &labels, &s->state.labels); /* encode */
    gpu_record_barrier(*commands);
    TRY(record_plan(s->device, &s->begin.plan, s->begin.slices, *commands, false));
    TRY(gpu_record_end(*commands));
fail:
    return status;
}

static qs_status record_verb(qs_session *s, const char *name, const verb *v, bool timestamps,
                             gpu_commands **commands)
{
    qs_status status = QS_OK;
    TRY(gpu_commands_create(s->device, name, timestamps ? v->graph.node_count + 1 : 0, commands));
    TRY(gpu_record_begin(*commands));
    TRY(record_plan(s->device, &v->plan, v->slices, *commands, timestamps));
    TRY(gpu_record_end(*commands));
fail:
    return status;
}

qs_status session_record_copy(qs_session *s, const char *name, const gpu_slice *from,
                              const gpu_slice *to, gpu_commands **commands)
{
    qs_status status = QS_OK;
    TRY(gpu_commands_create(s->device, name, 0, commands));
    TRY(gpu_record_begin(*commands));
    gpu_record_copy(*commands, from, to);
    TRY(gpu_record_end(*commands));
fail:
    return status;
}

static qs_status record_all(qs_session *s)
{
    qs_status status = QS_OK;
    const gpu_slice on_host = { &s->picture_memory, 0, s->state.picture.size };
    for (uint32_t i = 0; i < RECIPE_SLOTS; ++i)
        TRY(record_begin(s, i));
    TRY(record_verb(s, "step", &s->step, s->options.profile, &s->step_commands));
    for (uint32_t i = 0; i < FRAME_SLOTS; ++i) {
        session_bind(s, &s->decode, &s->arena, &s->frames[i]);
        TRY(record_verb(s, "decode", &s->decode, s->options.profile, &s->frames[i].decode));
    }
    TRY(session_record_copy(s, "read picture", &s->state.picture, &on_host, &s->read_picture));
fail:
    return status;
}

/* ---- the whole -------------------------------------------------------------------------- */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* All verbs share one arena: each opens with a full barrier and leaves nothing in it. */
static uint64_t arena_bytes(const qs_session *s)
{
    uint64_t bytes = GPU_ALIGNMENT;
    const plan *plans[] = { &s->begin.plan, &s->step.plan, &s->decode.plan };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; ++i)
        bytes = larger(bytes, plans[i]->arena_bytes);
    return bytes;
}

static uint64_t weight_bytes(const graph *g)
{
    uint64_t bytes = 0;
    for (tensor_id id = 0; id < g->tensor_count; ++id)
        if (g->tensors[id].kind == TENSOR_WEIGHT)
            take(&bytes, g->tensors[id].bytes);
    return bytes;
}

/* Said before anything is allocated; what other programs hold is gpu_buffer_create's to notice. */
static qs_status check_memory(const qs_session *s)
{
    const bool loaded = weight_store_bytes(s->weights) > 0;
    const uint64_t weights =
        loaded ? 0 : weight_bytes(&s->step.graph) + weight_bytes(&s->decode.graph);
    const uint64_t need = weights + arena_bytes(s),
                   have = gpu_device_limits(s->device)->memory_bytes;
    if (need > have)
        return qs_error(QS_ERROR_MEMORY,
                        "the model needs %.1f MiB on the device (weights %.1f, activations %.1f), "
                        "there are %.1f",
                        (double)need / 1048576, (double)weights / 1048576,
                        (double)arena_bytes(s) / 1048576, (double)have / 1048576);
    return QS_OK;
}

qs_status verb_load_and_compile(qs_device *device, weight_store *store, const weight_files *files,
                                verb *v, const graph *const *graphs, uint32_t graph_count)
{
    gpu_pipeline_batch *batch = NULL;
    const qs_status begun = record_begin_pipelines(device, graphs, graph_count, &batch);
    if (begun != QS_OK)
        return begun;
    const qs_status loaded = weight_store_load(store, files, &v->graph, v->slices);
    const qs_status compiled = gpu_pipelines_end(device, batch);
    return compiled == QS_OK ? loaded : compiled;
}

static qs_status allocate_and_record(qs_session *s)
{
    const graph *graphs[] = { &s->step.graph, &s->begin.graph, &s->decode.graph };
    qs_status status = QS_OK;
    TRY(check_memory(s));
    TRY(verb_load_and_compile(s->device, s->weights, s->model->files, &s->step, graphs,
                              sizeof graphs / sizeof *graphs));
    if (s->model->autoencoder)
        TRY(weight_store_load(s->weights, s->model->autoencoder->files, &s->decode.graph,
                              s->decode.slices));
    TRY(gpu_buffer_create(s->device, GPU_DEVICE, arena_bytes(s), "activations", &s->arena));
    TRY(create_state(s));
    TRY(create_slots(s));
    TRY(create_noise(s));
    session_bind(s, &s->begin, &s->arena, NULL);
    session_bind(s, &s->step, &s->arena, NULL);
    TRY(record_all(s));
fail:
    return status;
}

static qs_status check_options(const qs_device *device, const qs_session_options *o)
{
    if (o->batch > QS_BATCH_MAX)
        return qs_error(QS_ERROR_USAGE, "a batch of %u: at most %u pictures at a time", o->batch,
                        QS_BATCH_MAX);
    if (o->precision != QS_F32 && o->precision != QS_F16)
        return qs_error(QS_ERROR_USAGE, "precision %d is neither QS_F32 nor QS_F16",
                        (int)o->precision);
    if (o->precision == QS_F16 && !gpu_device_limits(device)->f16)
        return qs_error(QS_ERROR_DEVICE, "this device has no 16-bit floats: use float32");
    if (o->profile && !gpu_device_limits(device)->timestamps)
        return qs_error(QS_ERROR_DEVICE,
                        "this device has no timestamps: times per op are not to be had");
    return QS_OK;
}

/* Everything that a graph needs. On failure *out is to be destroyed, too, if it is not NULL. */
static qs_status open_session(qs_device *device, qs_model *model, const qs_session_options *options,
                              qs_session **out)
{
    const qs_session_options defaults = { 0 };
    qs_status status = QS_OK;
    qs_session *s = *out = calloc(1, sizeof *s);
    if (!s)
        return qs_error(QS_ERROR_MEMORY, "no host memory for a session");
    s->device = device;
    s->model = model;
    s->options = options ? *options : defaults;
    s->options.batch = s->options.batch ? s->options.batch : 1;
    s->options.profile = s->options.profile || debug_get()->time;
    s->shown_slot = s->ready_slot = s->writing_slot = -1;
    TRY(check_options(device, &s->options));
    TRY(model_store_acquire(model, device, &s->weights));
    if (s->options.precision == QS_F16)
        TRY(matrix_trial(device));
    if (!s->options.no_tune && !debug_get()->defaults)
        TRY(tuner_create(device, &s->tuner));
fail:
    return status;
}

qs_status qs_session_create(qs_device *device, qs_model *model, const qs_session_options *options,
                            qs_session **out)
{
    qs_status status = QS_OK;
    qs_session *s = NULL;
    if (!device || !model || !out)
        return qs_error(QS_ERROR_USAGE,
                        "qs_session_create: device, model and session must not be NULL");
    TRY(open_session(device, model, options, &s));
    TRY(session_plan(s));
    TRY(allocate_and_record(s));
    *out = s;
    return QS_OK;
fail:
    qs_session_destroy(s);
    return status;
}

qs_status qs_tune(qs_device *device, qs_model *model, const qs_session_options *options,
                  qs_tune_fn report, void *user)
{
    qs_status status = QS_OK;
    qs_session *s = NULL;
    if (!device || !model)
        return qs_error(QS_ERROR_USAGE, "qs_tune: device and model must not be NULL");
    TRY(open_session(device, model, options, &s));
    if (!s->tuner)
        TRY(qs_error(QS_ERROR_USAGE,
                     "qs_tune: the options say not to tune: leave out no_tune (--no-tune) "
                     "and QUICKSTEP_DEBUG=defaults"));
    TRY(session_tune(s, report, user));
fail:
    qs_session_destroy(s);
    return status;
}

static void destroy_commands(qs_session *s)
{
    gpu_commands *all[] = { s->step_commands, s->read_picture, s->forward_commands,
                            s->inspect_commands };
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
        gpu_commands_destroy(s->device, all[i]);
    for (int i = 0; i < RECIPE_SLOTS; ++i)
        gpu_commands_destroy(s->device, s->begin_commands[i]);
    for (int i = 0; i < FRAME_SLOTS; ++i)
        gpu_commands_destroy(s->device, s->frames[i].decode);
}

void qs_session_destroy(qs_session *s)
{
    if (!s)
        return;
    session_drain(s);
    destroy_commands(s);
    verb_finish(&s->begin);
    verb_finish(&s->step);
    verb_finish(&s->decode);
    verb_finish(&s->forward);
    gpu_buffer *buffers[] = { &s->arena,          &s->state_memory,     &s->recipe_memory,
                              &s->frame_memory,   &s->picture_memory,   &s->forward_arena,
                              &s->forward_upload, &s->forward_readback, &s->inspect_readback,
                              &s->noise_memory };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; ++i)
        gpu_buffer_destroy(s->device, buffers[i]);
    model_store_release(s->model, s->weights);
    tuner_destroy(s->tuner);
    free(s->generators);
    free(s->drawn);
    free(s);
}

qs_status qs_model_check_sampler(const qs_model *model, qs_sampler sampler)
{
    if (!model)
        return qs_error(QS_ERROR_USAGE, "qs_model_check_sampler: model must not be NULL");
    return sampler_check(&model->config.scheduler, sampler);
}

void qs_session_get_memory(const qs_session *s, qs_session_memory *memory)
{
    if (!s || !memory)
        return;
    const plan *step = &s->step.plan, *decode = &s->decode.plan;
    const bool decoded = s->model->config.has_autoencoder;
    *memory = (qs_session_memory){
        .weights_bytes = weight_store_bytes(s->weights),
        .arena_bytes = larger(step->arena_bytes, decode->arena_bytes),
        .activation_sum_bytes = step->activation_sum_bytes + decode->activation_sum_bytes,
        .live_max_bytes = larger(step->live_max_bytes, decode->live_max_bytes),
        .state_bytes = s->state_memory.size + s->recipe_memory.size + s->frame_memory.size +
                       s->picture_memory.size + s->noise_memory.size,
        .node_count = s->step.graph.node_count,
        .barrier_count = step->barrier_count,
        .allocation_count = gpu_device_allocation_count(s->device),
        .decoder_weights_bytes = weight_bytes(&s->decode.graph),
        .decode_arena_bytes = decode->arena_bytes,
        .decode_node_count = decoded ? s->decode.graph.node_count : 0
    };
}
