/* What the verbs of a picture compute, and the network alone. */
#include "core/debug.h"
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

static bool has_vae(const qs_session *s)
{
    return s->model->config.has_component[COMPONENT_VAE];
}

static sampler_states latent_states(graph *g, const qs_session *s)
{
    const session_shape size = session_latents(s);
    return op_sampler_states(g, size.n, size.h, size.w, size.c, has_vae(s) ? "known" : "photo");
}

uint32_t session_images(const qs_session *s)
{
    return s->options.guided ? 2 * s->options.batch : s->options.batch;
}

uint32_t session_texts(const qs_session *s)
{
    return session_images(s) + (s->options.blended ? s->options.batch : 0);
}

static model_texts texts_of(const qs_session *s)
{
    return (model_texts){ .batch = session_images(s),
                          .second = session_texts(s) - session_images(s),
                          .rows = EMBEDDED_ROWS * session_images(s) };
}

/* Nothing with options.offload: embed_texts reads. */
static void build_encoder(graph *g, const qs_session *s, uint32_t encoder)
{
    const model_texts texts = texts_of(s);
    if (!s->options.offload)
        model_build_words(g, s->model, encoder, &texts);
}

static void build_words(graph *g, const void *session)
{
    build_encoder(g, session, 0);
}

static void build_words_2(graph *g, const void *session)
{
    build_encoder(g, session, 1);
}

static void build_condition(graph *g, const void *session)
{
    const model_texts texts = texts_of(session);
    model_build_condition(g, ((const qs_session *)session)->model, &texts);
}

/* The picture to begin from is one for all. */
static tensor_id photo_state(graph *g, const qs_session *s)
{
    const session_shape size = session_pictures(s);
    return graph_state(g, "photo", DTYPE_F32, 1, size.h, size.w, size.c);
}

static void build_encode(graph *g, const void *session)
{
    const qs_session *s = session;
    if (s->options.edits && has_vae(s))
        autoencoder_build_encoder(g, &s->model->config.autoencoder, LATENT_OF_SAMPLER,
                                  photo_state(g, s), latent_states(g, s).known);
}

static void build_begin(graph *g, const void *session)
{
    const sampler_states states = latent_states(g, session);
    op_begin(g, "begin", &states);
}

static void build_embed(graph *g, const void *session)
{
    const qs_session *s = session;
    const sampler_states states = latent_states(g, s);
    model_build_projections(g, s->model, session_images(s), &states);
}

static void build_step(graph *g, const void *session)
{
    const qs_session *s = session;
    const model_config *config = &s->model->config;
    const uint32_t batch = session_images(s);
    const sampler_states states = latent_states(g, s);
    const tensor_id time = graph_state(g, "time", DTYPE_F32, batch, 1, 1, 1);
    const tensor_id embedded = model_projections(g, config, batch);
    const tensor_id row =
        graph_activation(g, "projections", g->storage, batch, 1, 1, graph_channels(g, embedded));
    if (graph_status(g) != QS_OK)
        return;
    const tensor_id sample =
        op_step_input(g, "step_input", &states, time, embedded, row, config->unet.in_channels);
    op_sampler_row(g, "sampler_row", &states, model_build_network(g, s->model, batch, sample, row));
}

static void build_decode(graph *g, const void *session)
{
    const qs_session *s = session;
    const model_config *config = &s->model->config;
    const session_shape size = session_pictures(s);
    const tensor_id latent = latent_states(g, s).latent;
    tensor_id picture = latent;
    if (has_vae(s)) {
        picture = graph_state(g, "picture", DTYPE_F32, size.n, size.h, size.w, size.c);
        autoencoder_build_decoder(g, &config->autoencoder, LATENT_OF_SAMPLER, latent, picture);
        if (s->options.edits)
            op_keep(g, "keep", latent_states(g, s).recipe, picture, photo_state(g, s),
                    graph_state(g, "photo_mask", DTYPE_F32, 1, size.h, size.w, 1));
    }
    const tensor_id frame = graph_state(g, "frame", DTYPE_U32, size.n, size.h, size.w, 1);
    const tensor_id report = graph_state(g, "report", DTYPE_U32, size.n, 1, 1, REPORT_WORDS);
    op_frame(g, "frame", picture, frame, report, config->premultiplied_alpha);
}

static model_texts texts_once(const qs_session *s)
{
    return (model_texts){ .batch = s->options.batch, .rows = s->options.batch };
}

static void build_words_once(graph *g, const void *session)
{
    const qs_session *s = session;
    const model_texts texts = texts_once(s);
    model_build_words(g, s->model, 0, &texts);
}

static void build_words_2_once(graph *g, const void *session)
{
    const qs_session *s = session;
    const model_texts texts = texts_once(s);
    model_build_words(g, s->model, 1, &texts);
}

static void build_condition_once(graph *g, const void *session)
{
    const qs_session *s = session;
    const model_texts texts = texts_once(s);
    model_build_condition(g, s->model, &texts);
}

static void build_forward(graph *g, const void *session)
{
    const qs_session *s = session;
    const session_shape size = session_latents(s);
    const tensor_id sample = graph_state(g, "sample", g->storage, size.n, size.h, size.w,
                                         s->model->config.unet.in_channels);
    model_build_network(g, s->model, size.n, sample, NO_TENSOR);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static const program_row rows[PROGRAM_COUNT] = {
    [PROGRAM_WORDS] = { .name = "words",
                        .build = build_words,
                        .component = COMPONENT_TEXT_ENCODER,
                        .recordings = RECIPE_SLOTS,
                        .uploads = { "ids", "ends" } },
    [PROGRAM_WORDS_2] = { .name = "words_2",
                          .build = build_words_2,
                          .component = COMPONENT_TEXT_ENCODER_2,
                          .recordings = RECIPE_SLOTS,
                          .uploads = { "ids_2", "ends_2" } },
    [PROGRAM_GIVEN] = { .name = "given",
                        .recordings = RECIPE_SLOTS,
                        .uploads = { "text_states", "pooled" } },
    [PROGRAM_CONDITION] = { .name = "condition",
                            .build = build_condition,
                            .component = COMPONENT_UNET,
                            .recordings = RECIPE_SLOTS,
                            .uploads = { "text_weights", "guidance", "time_ids" } },
    [PROGRAM_ENCODE] = { .name = "encode",
                         .build = build_encode,
                         .component = COMPONENT_VAE,
                         .recordings = RECIPE_SLOTS,
                         .uploads = { "photo" } },
    [PROGRAM_BEGIN] = { .name = "begin",
                        .build = build_begin,
                        .recordings = RECIPE_SLOTS,
                        .uploads = { "recipe", "labels", "label_weights", "mask", "photo_mask" } },
    [PROGRAM_EMBED] = { .name = "embed", .build = build_embed, .component = COMPONENT_UNET },
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
    { .name = "words",
      .build = build_words_once,
      .component = COMPONENT_TEXT_ENCODER,
      .uploads = { "ids", "ends" } },
    { .name = "words_2",
      .build = build_words_2_once,
      .component = COMPONENT_TEXT_ENCODER_2,
      .uploads = { "ids_2", "ends_2" } },
    { .name = "given", .uploads = { "text_states", "pooled" } },
    { .name = "condition",
      .build = build_condition_once,
      .component = COMPONENT_UNET,
      .uploads = { "text_weights", "guidance", "time_ids" } },
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
        .pictures = s->options.batch,
        .storage = s->storage,
        .float32_components = s->vae_upcasts ? 1u << COMPONENT_VAE : 0,
        .chooser = s->tuner ? tuner_chooser(s->tuner) : NULL,
        .stores = s->stores,
    };
}

qs_status session_build_programs(qs_session *s)
{
    program_options options = options_of(s);
    options.keep_activations = options.read_arena = debug_inspects();
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
    return program_set_build(&s->forward, s->device, forward_rows,
                             sizeof forward_rows / sizeof *forward_rows, &options);
}
