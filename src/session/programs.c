/* What the verbs of a picture compute, and the network alone. */
#include "session/session.h"

/* ---- graphs ---------------------------------------------------------------------------------- */

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

static void build_begin(graph *g, const void *session)
{
    const session_shape size = session_latents(session);
    op_begin(g, "begin", recipe_state(g), cursor_state(g), noise_state(g, "start_noise", size, 1),
             latent_state(g, size));
}

static void build_step(graph *g, const void *session)
{
    const qs_session *s = session;
    const session_shape size = session_latents(s);
    const tensor_id recipe = recipe_state(g), cursor = cursor_state(g);
    const tensor_id latent = latent_state(g, size);
    const tensor_id time = graph_state(g, "time", DTYPE_F32, size.n, 1, 1, 1);
    const tensor_id segment = graph_state(g, "segment", DTYPE_F32, size.n, 1, 1, 1);
    const tensor_id sample = op_step_input(g, "step_input", recipe, cursor, latent, time, segment);
    const tensor_id output = model_build_network(g, &s->model->config, size.n, sample);
    op_sampler_row(g, "sampler_row", recipe, cursor,
                   noise_state(g, "step_noise", size, STEP_NOISE_SLOTS), latent, output);
}

static void build_decode(graph *g, const void *session)
{
    const qs_session *s = session;
    const model_config *config = &s->model->config;
    const session_shape size = session_pictures(s);
    const tensor_id latent = latent_state(g, session_latents(s));
    tensor_id picture = latent;
    if (config->has_component[COMPONENT_VAE]) {
        picture = float_state(g, "picture", size);
        autoencoder_build_decoder(g, &config->autoencoder, LATENT_OF_SAMPLER, latent, picture);
    }
    const tensor_id frame = graph_state(g, "frame", DTYPE_U32, size.n, size.h, size.w, 1);
    const tensor_id report = graph_state(g, "report", DTYPE_U32, size.n, 1, 1, REPORT_WORDS);
    op_frame(g, "frame", picture, frame, report, config->premultiplied_alpha);
}

static void build_forward(graph *g, const void *session)
{
    const qs_session *s = session;
    const session_shape size = session_latents(s);
    const tensor_id sample = graph_state(g, "sample", g->storage, size.n, size.h, size.w, size.c);
    model_build_network(g, &s->model->config, size.n, sample);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const program_row rows[PROGRAM_COUNT] = {
    [PROGRAM_BEGIN] = { .name = "begin",
                        .build = build_begin,
                        .recordings = RECIPE_SLOTS,
                        .uploads = { "recipe", "labels" } },
    [PROGRAM_STEP] = { .name = "step",
                       .build = build_step,
                       .component = COMPONENT_UNET,
                       .timed = true },
    [PROGRAM_DECODE] = { .name = "decode",
                         .build = build_decode,
                         .component = COMPONENT_VAE,
                         .recordings = FRAME_SLOTS,
                         .timed = true },
    [PROGRAM_READ] = { .name = "read", .readbacks = { "picture", "latent" } },
};

static const program_row forward_rows[] = {
    { .name = "forward",
      .build = build_forward,
      .component = COMPONENT_UNET,
      .uploads = { "sample", "time", "segment", "labels" } },
};

/* What is not one piece of device memory. */
static const state_place places[] = {
    { "start_noise", GPU_UPLOAD, 1 },
    { "step_noise", GPU_UPLOAD, 1 },
    { "frame", GPU_READBACK, FRAME_SLOTS },
    { "report", GPU_READBACK, FRAME_SLOTS },
};

static program_options options_of(const qs_session *s)
{
    return (program_options){
        .what = "the model",
        .context = s,
        .storage = s->storage,
        .chooser = s->tuner ? tuner_chooser(s->tuner) : NULL,
        .stores = s->stores,
    };
}

qs_status session_build_programs(qs_session *s)
{
    program_options options = options_of(s);
    options.keep_activations = options.read_arena = session_inspects();
    options.timestamps = s->options.profile;
    options.places = places;
    options.place_count = sizeof places / sizeof *places;
    return program_set_build(&s->programs, s->device, rows, PROGRAM_COUNT, &options);
}

qs_status session_build_forward(qs_session *s)
{
    program_options options = options_of(s);
    options.keep_activations = s->options.keep_activations;
    options.read_arena = true;
    return program_set_build(&s->forward, s->device, forward_rows, 1, &options);
}
