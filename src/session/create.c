#include "core/clock.h"
#include "core/debug.h"
#include "core/log.h"
#include "session/session.h"

#include <stdlib.h>

static qs_status check_options(const qs_device *device, const qs_model *model,
                               const qs_session_options *o)
{
    if (o->guided && (model_tokens(model) == 0 || model->config.unet.time_cond_proj_dim != 0))
        return qs_error(QS_ERROR_USAGE,
                        model_tokens(model) > 0
                            ? "this network takes the guidance scale itself: it need not "
                              "be evaluated twice"
                            : "this model reads no prompts: there is nothing to be guided "
                              "by");
    if (o->offload && model_tokens(model) == 0)
        return qs_error(QS_ERROR_USAGE, "this model has no text encoder that could be offloaded");
    if (o->blended && model_tokens(model) == 0)
        return qs_error(QS_ERROR_USAGE, "this model reads no prompts: there is nothing to blend");
    if (o->edits && !model_reads_pictures(model))
        return qs_error(QS_ERROR_USAGE,
                        "%s: its autoencoder has no encoder, only the decoder: no picture can be "
                        "begun from",
                        model->path);
    if (o->batch > QS_BATCH_MAX)
        return qs_error(QS_ERROR_USAGE, "a batch of %u: at most %u pictures at a time", o->batch,
                        QS_BATCH_MAX);
    if (o->profile && !gpu_device_limits(device)->timestamps)
        return qs_error(QS_ERROR_DEVICE,
                        "this device has no timestamps: times per op are not to be had");
    return QS_OK;
}

/* embed_texts acquires them for as long as they read. */
static void release_text_encoders(qs_session *s)
{
    for (uint32_t i = COMPONENT_TEXT_ENCODER; i < COMPONENT_TEXT_ENCODER + TEXT_ENCODERS_MAX; ++i) {
        component_release(&s->model->components[i], s->stores[i]);
        s->stores[i] = NULL;
    }
}

qs_status session_open(qs_device *device, qs_model *model, const qs_session_options *options,
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
    s->frames.shown = s->frames.ready = s->frames.writing = -1;
    TRY(check_options(device, model, &s->options));
    TRY(program_storage(device, s->options.precision, &s->storage));
    s->vae_upcasts = model->config.has_component[COMPONENT_VAE] &&
                     autoencoder_upcasts(&model->config.autoencoder, s->storage);
    TRY(model_acquire(model, device, s->stores));
    if (s->options.offload)
        release_text_encoders(s);
    if (!s->options.no_tune && !debug_get()->defaults)
        TRY(tuner_create(device, &s->tuner));
fail:
    return status;
}

/* A first picture does not wait for more than that. */
static const double TUNE_MS = 3000;

/* On hardware what nobody has measured is measured now. Trouble is no reason not to draw: what was
 * not measured gets its default. */
static qs_status tune_and_build_again(qs_session *s)
{
    if (!s->tuner || tuner_open_count(s->tuner) == 0 || gpu_device_limits(s->device)->cpu)
        return QS_OK;
    log_line(QS_LOG_INFO, "measuring variants of %u ops, once for this device",
             tuner_open_count(s->tuner));
    const qs_status status = tuner_measure(s->tuner, clock_ms() + TUNE_MS, NULL, NULL);
    if (status == QS_ERROR_DEVICE_LOST)
        return status;
    if (status != QS_OK)
        log_line(QS_LOG_WARNING, "%s", qs_last_error());
    program_set_finish(&s->programs);
    return session_build_programs(s);
}

static qs_status create_noise(qs_session *s)
{
    const session_shape size = session_latents(s);
    host_noise *noise = &s->noise;
    noise->latent_elements = (size_t)size.c * size.h * size.w;
    noise->generators = calloc(size.n, sizeof *noise->generators);
    noise->drawn = calloc(noise->latent_elements, sizeof *noise->drawn);
    return noise->generators && noise->drawn
               ? QS_OK
               : qs_error(QS_ERROR_MEMORY, "no host memory for noise");
}

qs_status qs_session_create(qs_device *device, qs_model *model, const qs_session_options *options,
                            qs_session **out)
{
    qs_status status = QS_OK;
    qs_session *s = NULL;
    if (!device || !model || !out)
        return qs_error(QS_ERROR_USAGE,
                        "qs_session_create: device, model and session must not be NULL");
    TRY(session_open(device, model, options, &s));
    TRY(session_build_programs(s));
    TRY(tune_and_build_again(s));
    TRY(program_set_make(&s->programs));
    TRY(create_noise(s));
    TRY(words_create(s));
    TRY(photo_create(s));
    *out = s;
    return QS_OK;
fail:
    qs_session_destroy(s);
    return status;
}

void qs_session_destroy(qs_session *s)
{
    if (!s)
        return;
    flights_drain(s);
    program_set_finish(&s->programs);
    program_set_finish(&s->forward);
    model_release(s->model, s->stores);
    tuner_destroy(s->tuner);
    words_destroy(s);
    photo_destroy(s);
    free(s->noise.generators);
    free(s->noise.drawn);
    free(s);
}
