/* qs_coder: one direction of a tiny autoencoder, planned and recorded once. */
#include "model/autoencoder.h"
#include "session/matrix_trial.h"
#include "session/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct qs_coder {
    qs_device *device;
    qs_autoencoder *autoencoder;
    qs_coder_options options;
    bool counted; /* among the autoencoder's users */
    verb verb;
    gpu_buffer arena, state_memory, upload, readback;
    /* in state_memory, in this order: the frame and the report are there when decoding */
    gpu_slice input, output, frame, report;
    gpu_commands *commands;
};

typedef struct extent {
    uint32_t h, w, c;
} extent;

static extent picture_extent(const qs_coder *coder)
{
    return (extent){ coder->options.height, coder->options.width,
                     coder->autoencoder->config.image_channels };
}

static extent latent_extent(const qs_coder *coder)
{
    const autoencoder_config *c = &coder->autoencoder->config;
    const uint32_t factor = autoencoder_factor(c);
    return (extent){ coder->options.height / factor, coder->options.width / factor,
                     c->latent_channels };
}

static bool decodes(const qs_coder *coder)
{
    return coder->options.direction == QS_DECODE;
}

static size_t element_count(extent e)
{
    return (size_t)e.h * e.w * e.c;
}

/* ---- the graph ------------------------------------------------------------------------------- */

static tensor_id float_state(graph *g, const char *name, extent e)
{
    return graph_state(g, name, DTYPE_F32, 1, e.h, e.w, e.c);
}

static void build(qs_coder *coder)
{
    graph *g = &coder->verb.graph;
    const autoencoder_config *config = &coder->autoencoder->config;
    const extent size = picture_extent(coder);
    graph_init(g, gpu_device_limits(coder->device),
               coder->options.precision == QS_F16 ? DTYPE_F16 : DTYPE_F32);
    const tensor_id picture = float_state(g, "picture", size);
    const tensor_id latent = float_state(g, "latent", latent_extent(coder));
    if (!decodes(coder)) {
        autoencoder_build_encoder(g, config, picture, latent);
        return;
    }
    autoencoder_build_decoder(g, config, LATENT_OF_ENCODER, latent, picture);
    const tensor_id frame = graph_state(g, "frame", DTYPE_U32, 1, size.h, size.w, 1);
    const tensor_id report = graph_state(g, "report", DTYPE_U32, 1, 1, 1, REPORT_WORDS);
    op_frame(g, "frame", picture, frame, report, false);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static uint64_t place(gpu_slice *slice, const gpu_buffer *buffer, uint64_t offset, uint64_t bytes)
{
    *slice = (gpu_slice){ buffer, offset, bytes };
    return offset + gpu_align(bytes);
}

/* Returns the bytes of state_memory. */
static uint64_t place_state(qs_coder *coder)
{
    const graph *g = &coder->verb.graph;
    const bool decoding = decodes(coder);
    const struct {
        const char *name;
        gpu_slice *slice;
    } states[] = {
        { decoding ? "latent" : "picture", &coder->input },
        { decoding ? "picture" : "latent", &coder->output },
        { "frame", &coder->frame },
        { "report", &coder->report },
    };
    uint64_t used = 0;
    for (size_t i = 0; i < sizeof states / sizeof *states; ++i) {
        const tensor_id id = graph_find_state(g, states[i].name);
        if (id == NO_TENSOR)
            continue;
        used = place(states[i].slice, &coder->state_memory, used, g->tensors[id].bytes);
        coder->verb.slices[id] = *states[i].slice;
    }
    return used;
}

/* Which tensor is too large for the device, before anything is allocated. */
static qs_status check_ranges(const qs_coder *coder)
{
    const graph *g = &coder->verb.graph;
    const uint64_t most = gpu_device_limits(coder->device)->storage_range_bytes;
    for (tensor_id id = 0; id < g->tensor_count; ++id) {
        const tensor *t = graph_tensor(g, id);
        if (t->bytes > most)
            return qs_error(QS_ERROR_DEVICE,
                            "a picture of %ux%u: %s takes %.1f MiB, this device binds at most %.1f "
                            "at a time; use %sa smaller picture",
                            coder->options.width, coder->options.height, t->name,
                            (double)t->bytes / 1048576, (double)most / 1048576,
                            coder->options.precision == QS_F32 ? "float16 or " : "");
    }
    return QS_OK;
}

static qs_status check_memory(const qs_coder *coder, uint64_t state_bytes)
{
    const graph *g = &coder->verb.graph;
    uint64_t weights = 0;
    for (tensor_id id = 0; id < g->tensor_count; ++id)
        if (g->tensors[id].kind == TENSOR_WEIGHT)
            weights += gpu_align(g->tensors[id].bytes);
    const uint64_t need = weights + coder->verb.plan.arena_bytes + state_bytes,
                   have = gpu_device_limits(coder->device)->memory_bytes;
    if (need > have)
        return qs_error(QS_ERROR_MEMORY,
                        "a picture of %ux%u needs %.1f MiB on the device (weights %.1f, "
                        "activations %.1f), there are %.1f",
                        coder->options.width, coder->options.height, (double)need / 1048576,
                        (double)weights / 1048576, (double)coder->verb.plan.arena_bytes / 1048576,
                        (double)have / 1048576);
    return QS_OK;
}

static qs_status allocate(qs_coder *coder)
{
    verb *v = &coder->verb;
    const uint64_t state_bytes = place_state(coder);
    const uint64_t results = state_bytes - coder->output.offset;
    const graph *graph = &v->graph;
    qs_status status = QS_OK;
    TRY(check_ranges(coder));
    TRY(check_memory(coder, state_bytes));
    TRY(verb_load_and_compile(coder->device, coder->autoencoder->store, coder->autoencoder->files,
                              v, &graph, 1));
    TRY(gpu_buffer_create(coder->device, GPU_DEVICE, v->plan.arena_bytes, "activations",
                          &coder->arena));
    TRY(gpu_buffer_create(coder->device, GPU_DEVICE, state_bytes, "state", &coder->state_memory));
    TRY(gpu_buffer_create(coder->device, GPU_UPLOAD, coder->input.size, "input", &coder->upload));
    TRY(gpu_buffer_create(coder->device, GPU_READBACK, results, "results", &coder->readback));
    record_place_arena(&v->plan, &coder->arena, v->slices);
fail:
    return status;
}

static qs_status record(qs_coder *coder)
{
    const gpu_slice from = { &coder->upload, 0, coder->input.size };
    const gpu_slice results = { &coder->state_memory, coder->output.offset, coder->readback.size };
    const gpu_slice on_host = { &coder->readback, 0, coder->readback.size };
    qs_status status = QS_OK;
    TRY(gpu_commands_create(coder->device, decodes(coder) ? "decode" : "encode", 0,
                            &coder->commands));
    TRY(gpu_record_begin(coder->commands));
    gpu_record_copy(coder->commands, &from, &coder->input);
    gpu_record_barrier(coder->commands);
    TRY(record_plan(coder->device, &coder->verb.plan, coder->verb.slices, coder->commands, false));
    gpu_record_barrier(coder->commands);
    gpu_record_copy(coder->commands, &results, &on_host);
    TRY(gpu_record_end(coder->commands));
fail:
    return status;
}

/* ---- create and destroy ---------------------------------------------------------------------- */

static qs_status check_size(const qs_autoencoder *a, const qs_coder_options *o)
{
    const uint32_t factor = autoencoder_factor(&a->config);
    if (o->width < factor || o->height < factor)
        return qs_error(QS_ERROR_USAGE, "a picture of %ux%u: the smallest is %ux%u", o->width,
                        o->height, factor, factor);
    if (o->width % factor != 0 || o->height % factor != 0)
        return qs_error(QS_ERROR_USAGE,
                        "a picture of %ux%u: width and height must be multiples of %u; crop it to "
                        "%ux%u",
                        o->width, o->height, factor, o->width / factor * factor,
                        o->height / factor * factor);
    if ((uint64_t)o->width * o->height > QS_CODER_PIXELS_MAX)
        return qs_error(QS_ERROR_USAGE, "a picture of %ux%u: at most %u pixels", o->width,
                        o->height, QS_CODER_PIXELS_MAX);
    return QS_OK;
}

static qs_status check_options(const qs_device *device, const qs_autoencoder *a,
                               const qs_coder_options *o)
{
    if (o->direction != QS_ENCODE && o->direction != QS_DECODE)
        return qs_error(QS_ERROR_USAGE, "direction %d is neither QS_ENCODE nor QS_DECODE",
                        (int)o->direction);
    if (!(o->direction == QS_DECODE ? a->has_decoder : a->has_encoder))
        return qs_error(QS_ERROR_USAGE, "%s has no %s: its files hold the %s only", a->path,
                        o->direction == QS_DECODE ? "decoder" : "encoder",
                        o->direction == QS_DECODE ? "encoder" : "decoder");
    if (o->precision != QS_F32 && o->precision != QS_F16)
        return qs_error(QS_ERROR_USAGE, "precision %d is neither QS_F32 nor QS_F16",
                        (int)o->precision);
    if (o->precision == QS_F16 && !gpu_device_limits(device)->f16)
        return qs_error(QS_ERROR_DEVICE, "this device has no 16-bit floats: use float32");
    return check_size(a, o);
}

static qs_status acquire_store(qs_coder *coder)
{
    qs_autoencoder *a = coder->autoencoder;
    if (a->users > 0 && a->device != coder->device)
        return qs_error(QS_ERROR_USAGE, "%s: its coders are on another device", a->path);
    const qs_status status = a->users == 0 ? weight_store_create(coder->device, &a->store) : QS_OK;
    if (status != QS_OK)
        return status;
    a->device = coder->device;
    ++a->users;
    coder->counted = true;
    return QS_OK;
}

static void release_store(qs_coder *coder)
{
    qs_autoencoder *a = coder->autoencoder;
    if (!coder->counted || --a->users > 0)
        return;
    weight_store_destroy(a->store);
    a->store = NULL;
    a->device = NULL;
}

qs_status qs_coder_create(qs_device *device, qs_autoencoder *autoencoder,
                          const qs_coder_options *options, qs_coder **out)
{
    if (!device || !autoencoder || !options || !out)
        return qs_error(QS_ERROR_USAGE, "qs_coder_create: device, autoencoder, options and coder "
                                        "must not be NULL");
    qs_status status = check_options(device, autoencoder, options);
    if (status != QS_OK)
        return status;
    qs_coder *coder = calloc(1, sizeof *coder);
    if (!coder)
        return qs_error(QS_ERROR_MEMORY, "no host memory for a coder");
    *coder = (qs_coder){ .device = device, .autoencoder = autoencoder, .options = *options };
    TRY(acquire_store(coder));
    if (options->precision == QS_F16)
        TRY(matrix_trial(device));
    build(coder);
    TRY(verb_plan(&coder->verb, false));
    TRY(allocate(coder));
    TRY(record(coder));
    *out = coder;
    return QS_OK;
fail:
    qs_coder_destroy(coder);
    return status;
}

void qs_coder_destroy(qs_coder *coder)
{
    if (!coder)
        return;
    gpu_commands_destroy(coder->device, coder->commands);
    gpu_buffer *buffers[] = { &coder->arena, &coder->state_memory, &coder->upload,
                              &coder->readback };
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; ++i)
        gpu_buffer_destroy(coder->device, buffers[i]);
    verb_finish(&coder->verb);
    release_store(coder);
    free(coder);
}

/* ---- a picture ------------------------------------------------------------------------------- */

static qs_status check_finite(const char *what, const float *values, size_t count)
{
    size_t bad = 0;
    for (size_t i = 0; i < count; ++i)
        bad += !isfinite(values[i]);
    return bad == 0 ? QS_OK
                    : qs_error(QS_ERROR_PICTURE, "%zu of %zu numbers of the %s are not finite", bad,
                               count, what);
}

static qs_status check_direction(const qs_coder *coder, qs_direction direction)
{
    if (coder->options.direction == direction)
        return QS_OK;
    return qs_error(QS_ERROR_USAGE, "this coder %s", decodes(coder) ? "decodes" : "encodes");
}

static qs_status run(qs_coder *coder, const float *input, extent e)
{
    uint64_t ticket = 0;
    qs_status status = QS_OK;
    layout_to_device(input, 1, e.c, e.h, e.w, 1.0f, DTYPE_F32, coder->upload.mapped);
    TRY(gpu_submit(coder->device, coder->commands, &ticket));
    TRY(gpu_wait(coder->device, ticket, UINT32_MAX));
fail:
    return status;
}

static void read_output(const qs_coder *coder, extent e, float *output)
{
    layout_from_device(coder->readback.mapped, DTYPE_F32, ceil4(e.c), 0, 1, e.c, e.h, e.w, output);
}

static const void *read_slice(const qs_coder *coder, const gpu_slice *slice)
{
    return (const char *)coder->readback.mapped + (slice->offset - coder->output.offset);
}

qs_status qs_coder_encode(qs_coder *coder, const float *picture, float *latent)
{
    if (!coder || !picture || !latent)
        return qs_error(QS_ERROR_USAGE,
                        "qs_coder_encode: coder, picture and latent must not be NULL");
    const extent from = picture_extent(coder), to = latent_extent(coder);
    qs_status status = QS_OK;
    TRY(check_direction(coder, QS_ENCODE));
    TRY(check_finite("picture", picture, element_count(from)));
    TRY(run(coder, picture, from));
    read_output(coder, to, latent);
    TRY(check_finite("latent that came out", latent, element_count(to)));
fail:
    return status;
}

qs_status qs_coder_decode(qs_coder *coder, const float *latent, float *picture, uint8_t *pixels)
{
    if (!coder || !latent)
        return qs_error(QS_ERROR_USAGE, "qs_coder_decode: coder and latent must not be NULL");
    const extent from = latent_extent(coder), to = picture_extent(coder);
    qs_status status = QS_OK;
    TRY(check_direction(coder, QS_DECODE));
    TRY(check_finite("latent", latent, element_count(from)));
    TRY(run(coder, latent, from));
    if (picture)
        read_output(coder, to, picture);
    if (pixels)
        memcpy(pixels, read_slice(coder, &coder->frame), (size_t)to.h * to.w * 4);
    TRY(session_check_report(read_slice(coder, &coder->report), "the decoded picture"));
fail:
    return status;
}

void qs_coder_get_memory(const qs_coder *coder, qs_session_memory *memory)
{
    if (!coder || !memory)
        return;
    const plan *p = &coder->verb.plan;
    *memory = (qs_session_memory){
        .weights_bytes = weight_store_bytes(coder->autoencoder->store),
        .arena_bytes = p->arena_bytes,
        .activation_sum_bytes = p->activation_sum_bytes,
        .live_max_bytes = p->live_max_bytes,
        .state_bytes = coder->state_memory.size + coder->upload.size + coder->readback.size,
        .node_count = coder->verb.graph.node_count,
        .barrier_count = p->barrier_count,
        .allocation_count = gpu_device_allocation_count(coder->device),
    };
}
