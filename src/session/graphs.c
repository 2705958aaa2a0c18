/* The graphs of a session's verbs, and how their ops choose their variants. */
#include "core/clock.h"
#include "core/log.h"
#include "session/session.h"

#include <math.h>
#include <stdlib.h>

/* ---- graphs: what every verb computes -------------------------------------------------------- */

static session_shape batch_of(const qs_session *s, model_extent e)
{
    return (session_shape){ s->options.batch, e.h, e.w, e.c };
}

session_shape session_latents(const qs_session *s)
{
    return batch_of(s, model_latent_extent(&s->model->config));
}

session_shape session_pictures(const qs_session *s)
{
    return batch_of(s, model_picture_extent(&s->model->config));
}

void verb_init(const qs_session *s, verb *v)
{
    graph_init(&v->graph, gpu_device_limits(s->device),
               s->options.precision == QS_F16 ? DTYPE_F16 : DTYPE_F32);
    v->graph.chooser = s->tuner ? tuner_chooser(s->tuner) : NULL;
}

static tensor_id recipe_state(graph *g)
{
    return graph_state(g, "recipe", DTYPE_U32, 1, 1, 1, sizeof(sampler_recipe) / sizeof(uint32_t));
}

static tensor_id cursor_state(graph *g)
{
    return graph_state(g, "cursor", DTYPE_U32, 1, 1, 1, 1);
}

static tensor_id float_state(graph *g, const char *name, session_shape size)
{
    return graph_state(g, name, DTYPE_F32, size.n, size.h, size.w, size.c);
}

static tensor_id latent_state(graph *g, session_shape size)
{
    return float_state(g, "latent", size);
}

static tensor_id noise_state(graph *g, const char *name, session_shape size, uint32_t slots)
{
    size.n *= slots;
    return float_state(g, name, size);
}

/* seed -> noise in latent, cursor = 0 */
static void build_begin(qs_session *s)
{
    graph *g = &s->begin.graph;
    const session_shape size = session_latents(s);
    verb_init(s, &s->begin);
    op_begin(g, "begin", recipe_state(g), cursor_state(g), noise_state(g, "start_noise", size, 1),
             latent_state(g, size));
}

/* row[cursor], UNet, update of latent, cursor + 1 */
static void build_step(qs_session *s)
{
    graph *g = &s->step.graph;
    const session_shape size = session_latents(s);
    verb_init(s, &s->step);
    const tensor_id recipe = recipe_state(g), cursor = cursor_state(g);
    const tensor_id latent = latent_state(g, size);
    const tensor_id time = graph_state(g, "time", DTYPE_F32, size.n, 1, 1, 1);
    const tensor_id segment = graph_state(g, "segment", DTYPE_F32, size.n, 1, 1, 1);
    const tensor_id sample = op_step_input(g, "step_input", recipe, cursor, latent, time, segment);
    const tensor_id output = model_build_network(g, &s->model->config, size.n, sample);
    op_sampler_row(g, "sampler_row", recipe, cursor,
                   noise_state(g, "step_noise", size, STEP_NOISE_SLOTS), latent, output);
}

/* latent -> picture, by the autoencoder if there is one -> RGBA8 frame, and the report on it */
static void build_decode(qs_session *s)
{
    graph *g = &s->decode.graph;
    const model_config *config = &s->model->config;
    const session_shape size = session_pictures(s);
    verb_init(s, &s->decode);
    const tensor_id latent = latent_state(g, session_latents(s));
    tensor_id picture = latent;
    if (config->has_autoencoder) {
        picture = float_state(g, "picture", size);
        autoencoder_build_decoder(g, &config->autoencoder, LATENT_OF_SAMPLER, latent, picture);
    }
    const tensor_id frame = graph_state(g, "frame", DTYPE_U32, size.n, size.h, size.w, 1);
    const tensor_id report = graph_state(g, "report", DTYPE_U32, size.n, 1, 1, REPORT_WORDS);
    op_frame(g, "frame", picture, frame, report, config->premultiplied_alpha);
}

/* ---- their life ------------------------------------------------------------------------------ */

qs_status verb_plan(verb *v, bool keep_activations)
{
    qs_status status = QS_OK;
    TRY(plan_create(&v->graph, keep_activations, &v->plan));
    v->slices = calloc((size_t)v->graph.tensor_count + 1, sizeof *v->slices);
    if (!v->slices)
        return qs_error(QS_ERROR_MEMORY, "no host memory for %u tensors", v->graph.tensor_count);
fail:
    return status;
}

void verb_finish(verb *v)
{
    plan_finish(&v->plan);
    graph_finish(&v->graph);
    free(v->slices);
    *v = (verb){ 0 };
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void build_verbs(qs_session *s)
{
    build_begin(s);
    build_step(s);
    build_decode(s);
}

static qs_status graphs_status(const qs_session *s)
{
    const graph *graphs[] = { &s->begin.graph, &s->step.graph, &s->decode.graph };
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; ++i)
        if (graph_status(graphs[i]) != QS_OK)
            return graph_status(graphs[i]);
    return QS_OK;
}

static void finish_verbs(qs_session *s)
{
    verb_finish(&s->begin);
    verb_finish(&s->step);
    verb_finish(&s->decode);
}

/* A first picture does not wait for more than that. */
static const double TUNE_MS = 3000;

/* Trouble here is no reason not to draw: what was not measured gets its default. */
static qs_status tune_and_build_again(qs_session *s)
{
    log_line(QS_LOG_INFO, "measuring variants of %u ops, once for this device",
             tuner_open_count(s->tuner));
    const qs_status status = tuner_measure(s->tuner, clock_ms() + TUNE_MS, NULL, NULL);
    if (status == QS_ERROR_DEVICE_LOST)
        return status;
    if (status != QS_OK)
        log_line(QS_LOG_WARNING, "%s", qs_last_error());
    finish_verbs(s);
    build_verbs(s);
    return QS_OK;
}

qs_status session_plan(qs_session *s)
{
    qs_status status = QS_OK;
    build_verbs(s);
    if (s->tuner && tuner_open_count(s->tuner) > 0 && graphs_status(s) == QS_OK &&
        !gpu_device_limits(s->device)->cpu)
        TRY(tune_and_build_again(s));
    TRY(verb_plan(&s->begin, false));
    TRY(verb_plan(&s->step, session_inspects()));
    TRY(verb_plan(&s->decode, session_inspects()));
fail:
    return status;
}

qs_status session_tune(qs_session *s, qs_tune_fn report, void *user)
{
    build_verbs(s);
    const qs_status status = graphs_status(s);
    return status == QS_OK ? tuner_measure(s->tuner, INFINITY, report, user) : status;
}
