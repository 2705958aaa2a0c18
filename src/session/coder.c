/* qs_coder: one direction of an autoencoder, planned and recorded once. */
#include "model/autoencoder.h"
#include "program/program.h"
#include "session/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qs_coder {
    qs_device *device;
    qs_autoencoder *autoencoder;
    qs_coder_options options;
    weight_store *store;
    char what[48];        /* "a picture of 512x512" */
    program_set programs; /* the row of the direction */
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

/* ---- the programs ---------------------------------------------------------------------------- */

static tensor_id float_state(graph *g, const char *name, extent e)
{
    return graph_state(g, name, DTYPE_F32, 1, e.h, e.w, e.c);
}

static void build_encode(graph *g, const void *context)
{
    const qs_coder *coder = context;
    const tensor_id picture = float_state(g, "picture", picture_extent(coder));
    const tensor_id latent = float_state(g, "latent", latent_extent(coder));
    autoencoder_build_encoder(g, &coder->autoencoder->config, LATENT_OF_ENCODER, picture, latent);
}

static void build_decode(graph *g, const void *context)
{
    const qs_coder *coder = context;
    const extent size = picture_extent(coder);
    const tensor_id latent = float_state(g, "latent", latent_extent(coder));
    const tensor_id picture = float_state(g, "picture", size);
    const tensor_id frame = graph_state(g, "frame", DTYPE_U32, 1, size.h, size.w, 1);
    const tensor_id report = graph_state(g, "report", DTYPE_U32, 1, 1, 1, REPORT_WORDS);
    autoencoder_build_decoder(g, &coder->autoencoder->config, LATENT_OF_ENCODER, latent, picture);
    op_frame(g, "frame", picture, frame, report, false);
}

static const program_row rows[] = {
    [QS_ENCODE] = { .name = "encode",
                    .build = build_encode,
                    .uploads = { "picture" },
                    .readbacks = { "latent" } },
    [QS_DECODE] = { .name = "decode",
                    .build = build_decode,
                    .uploads = { "latent" },
                    .readbacks = { "picture", "frame", "report" } },
};

static qs_status make_programs(qs_coder *coder, dtype storage)
{
    const program_options options = {
        .what = coder->what,
        .context = coder,
        .storage = storage,
        .float32_components = autoencoder_upcasts(&coder->autoencoder->config, storage),
        .stores = &coder->store,
    };
    qs_status status = QS_OK;
    TRY(program_set_build(&coder->programs, coder->device, &rows[coder->options.direction], 1,
                          &options));
    TRY(program_set_make(&coder->programs));
fail:
    return status == QS_ERROR_DEVICE ? qs_error_prefix(status, "%s", coder->what) : status;
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

static qs_status check_options(const qs_autoencoder *a, const qs_coder_options *o)
{
    if (o->direction != QS_ENCODE && o->direction != QS_DECODE)
        return qs_error(QS_ERROR_USAGE, "direction %d is neither QS_ENCODE nor QS_DECODE",
                        (int)o->direction);
    if (!autoencoder_has(&a->component,
                         o->direction == QS_DECODE ? AUTOENCODER_DECODER : AUTOENCODER_ENCODER))
        return qs_error(QS_ERROR_USAGE, "%s has no %s: its files hold the %s only", a->path,
                        o->direction == QS_DECODE ? "decoder" : "encoder",
                        o->direction == QS_DECODE ? "encoder" : "decoder");
    return check_size(a, o);
}

qs_status qs_coder_create(qs_device *device, qs_autoencoder *autoencoder,
                          const qs_coder_options *options, qs_coder **out)
{
    if (!device || !autoencoder || !options || !out)
        return qs_error(QS_ERROR_USAGE, "qs_coder_create: device, autoencoder, options and coder "
                                        "must not be NULL");
    dtype storage;
    qs_status status = check_options(autoencoder, options);
    if (status == QS_OK)
        status = program_storage(device, options->precision, &storage);
    if (status != QS_OK)
        return status;
    qs_coder *coder = calloc(1, sizeof *coder);
    if (!coder)
        return qs_error(QS_ERROR_MEMORY, "no host memory for a coder");
    *coder = (qs_coder){ .device = device, .autoencoder = autoencoder, .options = *options };
    snprintf(coder->what, sizeof coder->what, "a picture of %ux%u", options->width,
             options->height);
    TRY(component_acquire(&autoencoder->component, device, &coder->store));
    TRY(make_programs(coder, storage));
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
    program_set_finish(&coder->programs);
    component_release(&coder->autoencoder->component, coder->store);
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

static const state *coder_state(const qs_coder *coder, const char *name)
{
    return states_find(&coder->programs.states, name);
}

static const void *read_back(const qs_coder *coder, const char *name)
{
    return state_mapped(&coder_state(coder, name)->readback, 0);
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
    state_write(coder_state(coder, "picture"), 0, picture);
    TRY(program_run(&coder->programs, 0, 0));
    state_read(coder_state(coder, "latent"), 0, latent);
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
    state_write(coder_state(coder, "latent"), 0, latent);
    TRY(program_run(&coder->programs, 0, 0));
    if (picture)
        state_read(coder_state(coder, "picture"), 0, picture);
    if (pixels)
        memcpy(pixels, read_back(coder, "frame"), (size_t)to.h * to.w * 4);
    TRY(report_check(read_back(coder, "report"), "the decoded picture"));
fail:
    return status;
}

void qs_coder_get_memory(const qs_coder *coder, qs_session_memory *memory)
{
    if (!coder || !memory)
        return;
    const program *p = &coder->programs.programs[0];
    *memory = (qs_session_memory){
        .weights_bytes = weight_store_bytes(coder->store),
        .arena_bytes = program_set_arena_bytes(&coder->programs),
        .activation_sum_bytes = p->plan.activation_sum_bytes,
        .live_max_bytes = p->plan.live_max_bytes,
        .state_bytes = program_set_state_bytes(&coder->programs),
        .node_count = p->graph.node_count,
        .barrier_count = p->plan.barrier_count,
        .allocation_count = gpu_device_allocation_count(coder->device),
    };
}
