#include "model/model.h"

#include "core/half.h"
#include "core/log.h"
#include "lib/recipe.h"
#include "model/folder.h"
#include "weights/check.h"
#include "weights/weight_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static tensor_id labels_state(graph *g, const model_config *config, const char *name, uint32_t n)
{
    const dtype label = unet_labels_are_numbers(&config->unet) ? DTYPE_F32 : DTYPE_U32;
    return config->unet.class_embedding == CLASS_NONE ? NO_TENSOR
                                                      : graph_state(g, name, label, n, 1, 1, 1);
}

/* rows: of what is embedded with the time. */
static unet_condition condition_states(graph *g, const qs_model *model, uint32_t batch,
                                       uint32_t rows)
{
    const unet_condition none = { NO_TENSOR, NO_TENSOR, NO_TENSOR };
    const uint32_t tokens = model_tokens(model);
    return tokens ? unet_condition_states(g, &model->config.unet, batch, tokens, rows) : none;
}

tensor_id model_build_network(graph *g, const qs_model *model, uint32_t batch, tensor_id sample,
                              tensor_id projections)
{
    const model_config *config = &model->config;
    const bool embeds = projections == NO_TENSOR;
    unet_inputs in = { .sample = sample,
                       .segment = NO_TENSOR,
                       .labels = NO_TENSOR,
                       .label_weights = NO_TENSOR,
                       .projections = projections };
    in.condition = condition_states(g, model, batch, embeds ? batch : EMBEDDED_ROWS * batch);
    in.time = graph_state(g, "time", DTYPE_F32, batch, 1, 1, 1);
    if (embeds && config->unet.segment_embedding)
        in.segment = graph_state(g, "segment", DTYPE_F32, batch, 1, 1, 1);
    if (embeds)
        in.labels = labels_state(g, config, "labels", batch);
    return unet_build(g, &config->unet, &in);
}

static tensor_id text_states(graph *g, const qs_model *model, const model_texts *texts)
{
    return graph_state(g, "text_states", DTYPE_F32, texts->batch + texts->second,
                       model_tokens(model), 1, model->config.unet.cross_attention_dim);
}

static tensor_id pooled_state(graph *g, const qs_model *model, const model_texts *texts)
{
    const uint32_t channels = model->config.unet.pooled_dim;
    return channels
               ? graph_state(g, "pooled", DTYPE_F32, texts->batch + texts->second, 1, 1, channels)
               : NO_TENSOR;
}

/* ends NO_TENSOR: the pooled state is not wanted. */
static text_encoder_output encode_text(graph *g, const qs_model *model, uint32_t encoder,
                                       tensor_id ids, tensor_id ends)
{
    const weight_files *files = model->components[COMPONENT_TEXT_ENCODER + encoder].files;
    const bool prefixed =
        weight_files_find(files, "text_model.embeddings.token_embedding.weight") != NULL;
    return text_encoder_build(g, &model->config.text_encoders[encoder],
                              prefixed ? "text_model" : "", ids, ends);
}

void model_build_words(graph *g, const qs_model *model, uint32_t encoder, const model_texts *texts)
{
    const model_config *config = &model->config;
    const uint32_t count = texts->batch + texts->second;
    if (encoder >= config->text_encoder_count)
        return;
    const bool pools = config->unet.pooled_dim && encoder + 1 == config->text_encoder_count;
    const tensor_id ids = graph_state(g, encoder ? "ids_2" : "ids", DTYPE_U32, count, 1, 1,
                                      tokenizer_length(model->tokenizers[encoder]));
    const tensor_id ends =
        pools ? graph_state(g, encoder ? "ends_2" : "ends", DTYPE_U32, count, 1, 1, 1) : NO_TENSOR;
    const text_encoder_output out = encode_text(g, model, encoder, ids, ends);
    const uint32_t channel = encoder ? config->text_encoders[0].hidden_size : 0;
    op_rescale_out(g, "text_states", out.states,
                   graph_part(g, "text_states.part", text_states(g, model, texts), channel,
                              config->text_encoders[encoder].hidden_size),
                   1, 0);
    if (pools)
        op_rescale_out(g, "pooled", out.pooled, pooled_state(g, model, texts), 1, 0);
}

void model_build_condition(graph *g, const qs_model *model, const model_texts *texts)
{
    if (model_tokens(model) == 0)
        return;
    const unet_condition to = condition_states(g, model, texts->batch, texts->rows);
    const unet_words words = {
        .states = text_states(g, model, texts),
        .pooled = pooled_state(g, model, texts),
        .weights = graph_state(g, "text_weights", DTYPE_F32, texts->batch, 1, 1, 4),
        .guidance = graph_state(g, "guidance", DTYPE_F32, texts->rows, 1, 1, 1),
        .time_ids = model->config.unet.time_id_dim
                        ? graph_state(g, "time_ids", DTYPE_F32, texts->rows, 1, 1, TIME_IDS)
                        : NO_TENSOR,
        .second = texts->second,
    };
    unet_condition_build(g, &model->config.unet, &words, &to);
}

tensor_id model_projections(graph *g, const model_config *config, uint32_t batch)
{
    return graph_state(g, "projections", g->storage, EMBEDDED_ROWS * batch, 1, 1,
                       unet_projection_channels(g, &config->unet));
}

void model_build_projections(graph *g, const qs_model *model, uint32_t batch,
                             const sampler_states *states)
{
    const model_config *config = &model->config;
    const uint32_t n = EMBEDDED_ROWS * batch;
    const bool blends = unet_blends_labels(&config->unet);
    const row_times rows = {
        .time = graph_state(g, "row_time", DTYPE_F32, n, 1, 1, 1),
        .segment = graph_state(g, "row_segment", DTYPE_F32, n, 1, 1, 1),
        .labels = blends ? NO_TENSOR : labels_state(g, config, "row_labels", n),
        .given_labels = blends ? NO_TENSOR : labels_state(g, config, "labels", batch),
    };
    op_row_times(g, "row_times", states, &rows);
    const unet_inputs in = {
        .sample = NO_TENSOR,
        .time = rows.time,
        .segment = rows.segment,
        .labels = blends ? labels_state(g, config, "labels", 2 * batch) : rows.labels,
        .label_weights =
            blends ? graph_state(g, "label_weights", DTYPE_F32, batch, 1, 1, 4) : NO_TENSOR,
        .projections = NO_TENSOR,
        .condition = condition_states(g, model, batch, n)
    };
    unet_build_projections(g, &config->unet, &in, model_projections(g, config, batch));
}

/* ---- components: a row each ------------------------------------------------------------------ */

static void build_unet(graph *g, const qs_model *model)
{
    const unet_config *c = &model->config.unet;
    model_build_condition(g, model, &(model_texts){ .batch = 1, .rows = 1 });
    const tensor_id sample =
        graph_state(g, "sample", DTYPE_F32, 1, c->sample_height, c->sample_width, c->in_channels);
    model_build_network(g, model, 1, sample, NO_TENSOR);
}

/* The whole, whatever of it is read. */
static void build_encoder(graph *g, const qs_model *model, uint32_t encoder)
{
    const tensor_id ids = graph_state(g, "ids", DTYPE_U32, 1, 1, 1, 1);
    encode_text(g, model, encoder, ids, graph_state(g, "ends", DTYPE_U32, 1, 1, 1, 1));
}

static void build_text_encoder(graph *g, const qs_model *model)
{
    build_encoder(g, model, 0);
}

static void build_text_encoder_2(graph *g, const qs_model *model)
{
    build_encoder(g, model, 1);
}

static void build_vae(graph *g, const qs_model *model)
{
    const component *vae = &model->components[COMPONENT_VAE];
    if (!autoencoder_has(vae, AUTOENCODER_DECODER))
        graph_fail(g, qs_error(QS_ERROR_MODEL,
                               "%s: the weights hold the encoder only: a latent needs the decoder",
                               weight_files_dir(vae->files)));
    autoencoder_build_halves(g, &model->config.autoencoder, vae);
}

typedef struct component_row {
    const char *name; /* diffusers': of the folder, and of the key in model_index.json */
    const char *stem; /* of its weights' names */
    /* All that has weights of the component, once, for no device in particular. */
    void (*build)(graph *g, const qs_model *model);
    bool variant_optional; /* a variant is often the network's alone: others give what they have */
} component_row;

static const component_row component_rows[COMPONENT_COUNT] = {
    [COMPONENT_UNET] = { "unet", WEIGHTS_DIFFUSERS, build_unet, false },
    [COMPONENT_VAE] = { "vae", WEIGHTS_DIFFUSERS, build_vae, true },
    [COMPONENT_TEXT_ENCODER] = { "text_encoder", WEIGHTS_TRANSFORMERS, build_text_encoder, true },
    [COMPONENT_TEXT_ENCODER_2] = { "text_encoder_2", WEIGHTS_TRANSFORMERS, build_text_encoder_2,
                                   true },
};

/* *chosen: the variant, or NULL where the folder has none of that name. */
static qs_status choose_variant(const component_row *row, const char *dir, const char *variant,
                                const char **chosen)
{
    bool has_variant = true;
    const qs_status status = variant && row->variant_optional
                                 ? weight_folder_has(dir, row->stem, variant, &has_variant)
                                 : QS_OK;
    if (status == QS_OK && !has_variant)
        log_line(QS_LOG_INFO, "%s: has no variant \"%s\": its other weights are taken", dir,
                 variant);
    *chosen = has_variant ? variant : NULL;
    return status;
}

static qs_status open_component(qs_model *model, const component_row *row, const char *dir,
                                const char *variant)
{
    component *c = &model->components[row - component_rows];
    qs_status status = QS_OK;
    const char *chosen = NULL;
    graph g;
    graph_init(&g, &weights_check_limits, DTYPE_F32);
    TRY(choose_variant(row, dir, variant, &chosen));
    TRY(component_open(c, row->name, dir, row->stem, chosen));
    row->build(&g, model);
    TRY(component_check(c, &g));
fail:
    graph_finish(&g);
    return status;
}

static qs_status open_components(qs_model *model, const model_folder *folder, const char *variant)
{
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < COMPONENT_COUNT && status == QS_OK; ++i)
        if (model->config.has_component[i])
            status = open_component(model, &component_rows[i], folder->dirs[i], variant);
    return status;
}

static qs_status add_loras(qs_model *model)
{
    qs_status status = QS_OK;
    char name[128];
    model_folder_name(model->path, name);
    for (uint32_t i = 0; i < model->opened.lora_count; ++i) {
        const qs_lora *given = &model->opened.loras[i];
        TRY(lora_open(given->path, given->scale, &model->loras[i]));
        TRY(lora_add(model->loras[i], model->components, COMPONENT_COUNT, name));
    }
fail:
    return status;
}

/* What the tokenizer gives must be what the text encoder takes. */
static qs_status open_tokenizer(qs_model *model, const model_folder *folder, uint32_t encoder)
{
    const text_encoder_config *c = &model->config.text_encoders[encoder];
    const char *dir = folder->tokenizers[encoder];
    const qs_status status = tokenizer_open(dir, &model->tokenizers[encoder]);
    if (status != QS_OK)
        return status;
    const uint32_t length = tokenizer_length(model->tokenizers[encoder]);
    const uint32_t count = tokenizer_id_count(model->tokenizers[encoder]);
    if (length > c->max_position_embeddings || count > c->vocab_size)
        return qs_error(QS_ERROR_MODEL,
                        "%s: %u tokens a prompt and %u different ones, but the text encoder has %u "
                        "positions and a vocabulary of %u: this is another model's tokenizer",
                        dir, length, count, c->max_position_embeddings, c->vocab_size);
    if (length != model_tokens(model))
        return qs_error(QS_ERROR_MODEL,
                        "%s: %u tokens a prompt, but %s has %u: both text encoders' states are one "
                        "list of tokens",
                        dir, length, folder->tokenizers[0], model_tokens(model));
    return QS_OK;
}

static qs_status open_tokenizers(qs_model *model, const model_folder *folder)
{
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < model->config.text_encoder_count && status == QS_OK; ++i)
        status = open_tokenizer(model, folder, i);
    return status;
}

qs_status model_acquire(qs_model *model, qs_device *device, weight_store **stores)
{
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < COMPONENT_COUNT && status == QS_OK; ++i)
        status = component_acquire(&model->components[i], device, &stores[i]);
    return status;
}

void model_release(qs_model *model, weight_store *const *stores)
{
    for (uint32_t i = 0; i < COMPONENT_COUNT; ++i)
        component_release(&model->components[i], stores[i]);
}

/* ---- the folder ------------------------------------------------------------------------------ */

static const char *copy_text(qs_model *model, const char *text, bool *all)
{
    const char *copy = text ? arena_strdup(&model->arena, text) : NULL;
    *all &= !text || copy;
    return copy;
}

static qs_status copy_options(qs_model *model, const char *path, const qs_model_options *given)
{
    const uint32_t count = given->lora_count;
    bool all = true;
    if (count && !given->loras)
        return qs_error(QS_ERROR_USAGE, "qs_model_options: %u LoRAs, but loras is NULL", count);
    qs_lora *loras = arena_alloc(&model->arena, (size_t)count + 1, sizeof *loras);
    model->loras = arena_alloc(&model->arena, (size_t)count + 1, sizeof *model->loras);
    if (!loras || !model->loras)
        return qs_error(QS_ERROR_MEMORY, "no host memory for %u LoRAs", count);
    for (uint32_t i = 0; i < count; ++i) {
        if (!given->loras[i].path)
            return qs_error(QS_ERROR_USAGE, "qs_model_options: the path of LoRA %u is NULL", i);
        loras[i] = (qs_lora){ copy_text(model, given->loras[i].path, &all), given->loras[i].scale };
    }
    model->path = copy_text(model, path, &all);
    model->opened = (qs_model_options){ .variant = copy_text(model, given->variant, &all),
                                        .scheduler = copy_text(model, given->scheduler, &all),
                                        .width = given->width,
                                        .height = given->height,
                                        .decoder = copy_text(model, given->decoder, &all),
                                        .loras = loras,
                                        .lora_count = count };
    return all ? QS_OK : qs_error(QS_ERROR_MEMORY, "no host memory for a model");
}

qs_status qs_model_open_with(const char *path, const qs_model_options *options, qs_model **out)
{
    if (!path || !out)
        return qs_error(QS_ERROR_USAGE, "qs_model_open: path and model must not be NULL");
    const qs_model_options given = options ? *options : (qs_model_options){ 0 };
    qs_status status = QS_OK;
    model_folder folder = { 0 };
    char found[QS_PATH_SIZE];
    qs_model *model = NULL;
    TRY(qs_model_find(path, found));
    model = calloc(1, sizeof *model);
    TRY(model ? copy_options(model, found, &given)
              : qs_error(QS_ERROR_MEMORY, "no host memory for a model"));
    TRY(autoencoder_refuse(found));
    TRY(model_folder_find(found, given.scheduler, &folder));
    TRY(autoencoder_choose(&folder, given.decoder));
    TRY(model_config_read(&folder, &model->config));
    TRY(model_config_resize(&model->config, given.width, given.height));
    TRY(open_tokenizers(model, &folder));
    TRY(open_components(model, &folder, given.variant));
    TRY(add_loras(model));
    model_folder_finish(&folder);
    *out = model;
    return QS_OK;
fail:
    model_folder_finish(&folder);
    qs_model_destroy(model);
    return status;
}

qs_status qs_model_open(const char *path, qs_model **model)
{
    return qs_model_open_with(path, NULL, model);
}

void qs_model_destroy(qs_model *model)
{
    if (!model)
        return;
    for (uint32_t i = 0; i < COMPONENT_COUNT; ++i)
        component_close(&model->components[i]);
    for (uint32_t i = 0; i < TEXT_ENCODERS_MAX; ++i)
        tokenizer_close(model->tokenizers[i]);
    for (uint32_t i = 0; model->loras && i < model->opened.lora_count; ++i)
        lora_close(model->loras[i]);
    model_config_finish(&model->config);
    arena_finish(&model->arena);
    free(model);
}

bool model_reads_pictures(const qs_model *model)
{
    const component *vae = &model->components[COMPONENT_VAE];
    return !vae->files || autoencoder_has(vae, AUTOENCODER_ENCODER);
}

/* ---- what a caller can ask ------------------------------------------------------------------- */

void qs_model_get_info(const qs_model *model, qs_model_info *info)
{
    if (!model || !info)
        return;
    const model_config *c = &model->config;
    const model_extent picture = model_picture_extent(c), latent = model_latent_extent(c);
    const component *vae = &model->components[COMPONENT_VAE];
    *info = (qs_model_info){
        .width = picture.w,
        .height = picture.h,
        .channels = picture.c,
        .latent_width = latent.w,
        .latent_height = latent.h,
        .latent_channels = latent.c,
        .input_channels = c->unet.in_channels,
        .has_autoencoder = vae->files != NULL,
        .has_alpha = picture.c == 4,
        .reads_pictures = model_reads_pictures(model),
        .fills_in = model_fills_in(c),
        .label_count = c->label_count,
        .default_label = c->default_label,
        .has_segments = c->unet.segment_embedding,
        .default_sampler = scheduler_default_sampler(&c->scheduler),
        .steps_max = scheduler_steps_max(&c->scheduler),
        .default_steps = scheduler_default_steps(&c->scheduler, c->text_encoder_count > 0),
        .parameter_count = model->components[COMPONENT_UNET].parameter_count,
        .decoder_parameter_count = autoencoder_parameter_count(vae, AUTOENCODER_DECODER),
        .prompt_tokens = model_tokens(model),
        .embeds_guidance = c->unet.time_cond_proj_dim != 0,
        .default_guidance = (float)c->default_guidance,
        .text_encoder_count = c->text_encoder_count,
        .text_width = model_tokens(model) ? c->unet.cross_attention_dim : 0,
        .pooled_width = c->unet.pooled_dim,
    };
    for (uint32_t i = 0; i < TEXT_ENCODERS_MAX; ++i)
        info->text_encoder_parameter_count +=
            model->components[COMPONENT_TEXT_ENCODER + i].parameter_count;
    model_folder_name(model->path, info->name);
}

qs_status model_label(const qs_model *model, int32_t label, uint32_t *id)
{
    const model_config *c = &model->config;
    if (label != -1 && (label < 0 || (uint32_t)label >= c->label_count))
        return qs_error(QS_ERROR_USAGE, "label %d: this model has %u labels", (int)label,
                        c->label_count);
    *id = label == -1 ? c->default_label : (uint32_t)label;
    if (unet_labels_are_numbers(&c->unet))
        *id = bits_from_float((float)*id);
    return QS_OK;
}

const uint32_t *qs_model_tuned_steps(const qs_model *model, size_t *count)
{
    if (count)
        *count = model ? model->config.scheduler.trained_steps_count : 0;
    return model ? model->config.scheduler.trained_steps : NULL;
}

const char *qs_model_label_name(const qs_model *model, uint32_t label)
{
    return model && label < model->config.label_count ? model->config.labels[label] : NULL;
}

const qs_model_options *qs_model_opened_with(const qs_model *model)
{
    return model ? &model->opened : NULL;
}

const char *qs_model_example(const qs_model *model, uint32_t index)
{
    return model && index < model->config.example_count ? model->config.examples[index] : NULL;
}
