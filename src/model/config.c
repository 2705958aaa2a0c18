/* A diffusers folder: model_index.json, unet/config.json, scheduler/scheduler_config.json and
 * perhaps vae/config.json. */
#include "model/config.h"

#include "core/log.h"
#include "model/config_reader.h"
#include "model/published.h"
#include "weights/file.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------- */
/* model_index.json                                                                             */

/* "unet": ["diffusers", "UNet2DModel"]. The library's name is not looked at. */
static bool is_component(const json_t *value, const char *class)
{
    const char *found = json_string_value(json_array_get(value, 1));
    return json_array_size(value) == 2 && json_is_string(json_array_get(value, 0)) && found &&
           strcmp(found, class) == 0;
}

static qs_status check_component(config_reader *r, const char *key, const char *class)
{
    const json_t *value = config_take(r, key);
    if (!is_component(value, class))
        return config_refuse(r, key, value, "needed: [library, \"%s\"]", class);
    return QS_OK;
}

/* null: the pipeline has none ([null, null] in older files). */
static bool is_none(const json_t *component)
{
    return json_is_null(component) ||
           (json_array_size(component) == 2 && json_is_null(json_array_get(component, 0)) &&
            json_is_null(json_array_get(component, 1)));
}

/* What is left are components that this program does not have. */
static qs_status check_other_components(config_reader *r)
{
    const char *key;
    json_t *value;
    json_object_foreach(r->left, key, value)
    {
        if (!is_none(value))
            return config_refuse(r, key, value,
                                 "supported: null; the components are \"unet\", \"scheduler\", "
                                 "\"vae\", \"text_encoder\" and \"tokenizer\", of a network of two "
                                 "text encoders \"text_encoder_2\" and \"tokenizer_2\"");
    }
    return QS_OK;
}

/* "17" and not "017", "+17" or "17 ": one spelling, so that no label has two names. */
static bool parse_label(const char *text, uint32_t count, uint32_t *label)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9' || (text[0] == '0' && text[1]) || strlen(text) > 9)
        return false;
    *label = (uint32_t)strtoul(text, &end, 10);
    return *end == '\0' && *label < count;
}

static qs_status read_label_names(config_reader *r, model_config *config)
{
    const char *text;
    json_t *name, *names = config_take(r, "id2label");
    if (names && !json_is_object(names))
        return config_refuse(r, "id2label", names, "supported: an object of names");
    json_object_foreach(names, text, name)
    {
        uint32_t label = 0;
        if (!parse_label(text, config->label_count, &label))
            return qs_error(QS_ERROR_MODEL,
                            "%s: id2label has \"%s\", the network has %u labels "
                            "from 0",
                            r->path, text_clean(text).text, config->label_count);
        if (!json_is_string(name) || text_has_control(json_string_value(name)))
            return qs_error(QS_ERROR_MODEL,
                            "%s: id2label \"%s\" is not a string or has control "
                            "characters",
                            r->path, text);
        config->labels[label] = arena_strdup(&config->arena, json_string_value(name));
        if (!config->labels[label])
            return qs_error(QS_ERROR_MEMORY, "%s: no memory for label names", r->path);
    }
    return QS_OK;
}

static qs_status read_default_label(config_reader *r, model_config *config)
{
    if (config->label_count > 0)
        return config_take_u32(r, "default_label", 0, config->label_count - 1,
                               &config->default_label);
    const json_t *value = config_take(r, "default_label");
    return value ? config_refuse(r, "default_label", value, "the network has no labels") : QS_OK;
}

static qs_status read_alpha(config_reader *r, model_config *config)
{
    static const char *const kinds[] = { "straight", "premultiplied", NULL };
    uint32_t kind = 0;
    const qs_status status = config_take_word(r, "image_alpha", kinds, &kind);
    if (status != QS_OK)
        return status;
    config->premultiplied_alpha = kind == 1;
    const uint32_t channels = model_picture_extent(config).c;
    if (json_object_get(r->root, "image_alpha") && channels != 4)
        return config_refuse(r, "image_alpha", json_object_get(r->root, "image_alpha"),
                             "the %s has %u channels, alpha needs 4",
                             config->has_component[COMPONENT_VAE] ? "autoencoder" : "network",
                             channels);
    return QS_OK;
}

/* What a pipeline's class says beyond its components. The schedulers are this program's business;
 * any other class works in a way of its own. */
static qs_status read_pipeline(config_reader *r, model_config *config)
{
    static const char *const pipelines[] = { "MultistepConsistencyPipeline",
                                             "ConsistencyModelPipeline",
                                             "DDPMPipeline",
                                             "DDIMPipeline",
                                             "StableDiffusionPipeline",
                                             "LatentConsistencyModelPipeline",
                                             "StableDiffusionXLPipeline",
                                             NULL };
    static const double guidance[] = { 1, 1, 1, 1, 7.5, 8.5, 5 }; /* diffusers' defaults */
    uint32_t pipeline = 0;
    qs_status status = QS_OK;
    TRY(config_require(r, "_class_name", "needed: the pipeline's class"));
    TRY(config_take_word(r, "_class_name", pipelines, &pipeline));
    const bool guided =
        config->unet.time_cond_proj_dim || !scheduler_is_distilled(&config->scheduler);
    config->default_guidance = guided ? guidance[pipeline] : 1;
fail:
    return status;
}

/* What judges or sees pictures, and draws none. */
static void pass_over_judges(config_reader *r)
{
    static const char *const names[] = { "safety_checker", "feature_extractor", "image_encoder" };
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        const json_t *value = config_take(r, names[i]);
        if (value && !is_none(value))
            log_line(QS_LOG_INFO, "%s: \"%s\" is not loaded: pictures are shown as they are drawn",
                     r->path, names[i]);
    }
    config_ignore(r, "requires_safety_checker");
}

/* StableDiffusionXLPipeline's. Watermarks are not drawn into pictures. */
static qs_status read_xl(config_reader *r, model_config *config)
{
    const qs_status status =
        config_take_bool(r, "force_zeros_for_empty_prompt", &config->zero_negative);
    const json_t *watermark = config_take(r, "add_watermarker");
    if (watermark && !json_is_null(watermark) && !json_is_false(watermark))
        log_line(QS_LOG_INFO, "%s: \"add_watermarker\": pictures get no watermark", r->path);
    return status;
}

/* Keys of model_index.json, and folders. */
static const char *const text_parts[TEXT_ENCODERS_MAX][2] = { { "text_encoder", "tokenizer" },
                                                              { "text_encoder_2", "tokenizer_2" } };

static qs_status check_text_encoders(config_reader *r, const model_config *config)
{
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < config->text_encoder_count; ++i) {
        const bool projects = config->text_encoders[i].projection_dim != 0;
        TRY(check_component(r, text_parts[i][0],
                            projects ? "CLIPTextModelWithProjection" : "CLIPTextModel"));
        TRY(check_component(r, text_parts[i][1], "CLIPTokenizer"));
    }
fail:
    return status;
}

/* Ours: prompts to try, and the guidance scale that the model looks best with. */
static qs_status read_prompts(config_reader *r, model_config *config)
{
    const json_t *list = config_take(r, "examples");
    const size_t count = json_array_size(list);
    if (list && !json_is_array(list))
        return config_refuse(r, "examples", list, "supported: a list of prompts");
    config->examples = arena_alloc(&config->arena, count + 1, sizeof *config->examples);
    for (size_t i = 0; i < count && config->examples; ++i) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || text_has_control(text))
            return config_refuse(r, "examples", list,
                                 "supported: strings without control characters");
        config->examples[i] = arena_strdup(&config->arena, text);
        if (!config->examples[i])
            config->examples = NULL;
    }
    if (!config->examples)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory for example prompts", r->path);
    config->example_count = (uint32_t)count;
    return config_take_number(r, "default_guidance", 1, QS_GUIDANCE_MAX, &config->default_guidance);
}

static qs_status read_index(config_reader *r, model_config *config)
{
    qs_status status = QS_OK;
    TRY(read_pipeline(r, config));
    config_ignore_private(r);
    TRY(check_component(r, "unet", unet_class_name(&config->unet)));
    if (config->scheduler_named)
        config_ignore(r, "scheduler");
    else
        TRY(check_component(r, "scheduler", scheduler_class_name(config->scheduler.class)));
    config_ignore(r, "vae"); /* read_autoencoder has looked at it */
    TRY(check_text_encoders(r, config));
    if (config->text_encoder_count > 1)
        TRY(read_xl(r, config));
    pass_over_judges(r);
    TRY(read_prompts(r, config));
    TRY(read_alpha(r, config));
    TRY(read_label_names(r, config));
    TRY(read_default_label(r, config));
    TRY(check_other_components(r));
fail:
    return status;
}

/* Labels without a name get their number. */
static qs_status number_labels(model_config *config)
{
    for (uint32_t i = 0; i < config->label_count; i++) {
        if (!config->labels[i])
            config->labels[i] = arena_format(&config->arena, "%u", i);
        if (!config->labels[i])
            return qs_error(QS_ERROR_MEMORY, "no memory for label names");
    }
    return QS_OK;
}

qs_status config_parse_index(const char *path, json_t *root, model_config *config)
{
    qs_status status = QS_OK;
    config_reader r = { 0 };
    config->label_count = unet_label_count(&config->unet);
    config->labels = arena_alloc(&config->arena, config->label_count, sizeof *config->labels);
    if (!config->labels)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for label names", path));
    if (root) {
        TRY(config_reader_init(&r, path, root));
        TRY(read_index(&r, config));
    }
    TRY(number_labels(config));
fail:
    config_reader_finish(&r);
    return status;
}

/* ------------------------------------------------------------------------------------------- */
/* The folder                                                                                   */

model_extent model_latent_extent(const model_config *config)
{
    const unet_config *c = &config->unet;
    return (model_extent){ c->sample_height, c->sample_width, c->out_channels };
}

model_extent model_picture_extent(const model_config *config)
{
    const model_extent latent = model_latent_extent(config);
    if (!config->has_component[COMPONENT_VAE])
        return latent;
    const uint32_t factor = autoencoder_factor(&config->autoencoder);
    return (model_extent){ factor * latent.h, factor * latent.w,
                           config->autoencoder.image_channels };
}

/* What the network draws must be what the autoencoder decodes, or a picture. */
static qs_status check_channels(const model_folder *folder, const model_config *config)
{
    const uint32_t channels = config->unet.out_channels;
    const model_extent picture = model_picture_extent(config);
    if (!config->has_component[COMPONENT_VAE] && channels != 1 && channels != 3 && channels != 4)
        return qs_error(
            QS_ERROR_MODEL,
            "%s: key \"out_channels\" is %u, supported: 1 (grey), 3 (RGB), 4 (RGBA), or "
            "those of an autoencoder in vae/ beside unet/",
            folder->unet, channels);
    if (config->has_component[COMPONENT_VAE] && channels != config->autoencoder.latent_channels)
        return qs_error(
            QS_ERROR_MODEL,
            "%s/config.json: key \"latent_channels\" is %u, needed: %u, the out_channels "
            "of %s: this is another model's autoencoder",
            folder->dirs[COMPONENT_VAE], config->autoencoder.latent_channels, channels,
            folder->unet);
    if (picture.h > SIDE_MAX || picture.w > SIDE_MAX)
        return qs_error(QS_ERROR_MODEL, "%s: the picture would be %ux%u, supported: %ux%u",
                        folder->dirs[COMPONENT_VAE], picture.w, picture.h, SIDE_MAX, SIDE_MAX);
    return QS_OK;
}

/* A row for each time: between two of them, and behind the last, there is nothing. */
static qs_status check_learned_times(const model_folder *folder, const model_config *config)
{
    const unet_config *unet = &config->unet;
    const scheduler_config *scheduler = &config->scheduler;
    if (unet->time_embedding != TIME_LEARNED)
        return QS_OK;
    if (scheduler->class != SCHEDULER_DDPM && scheduler->class != SCHEDULER_DDIM)
        return qs_error(
            QS_ERROR_MODEL,
            "%s: time_embedding_type \"learned\" needs whole timesteps, as DDPMScheduler "
            "and DDIMScheduler have them; %s has others",
            folder->unet, scheduler_class_name(scheduler->class));
    if (scheduler->num_train_timesteps > unet->num_train_timesteps)
        return qs_error(QS_ERROR_MODEL,
                        "%s: learned embeddings of %u timesteps, the scheduler has %u",
                        folder->unet, unet->num_train_timesteps, scheduler->num_train_timesteps);
    return QS_OK;
}

/* model_index.json says whether there is one. Where it does not, vae/ beside unet/ does. */
static qs_status read_autoencoder(const model_folder *folder, const json_t *index,
                                  model_config *config)
{
    const config_reader r = { .path = folder->index, .root = index };
    const json_t *named = json_object_get(index, "vae");
    config->has_component[COMPONENT_VAE] =
        named ? !is_none(named) : folder->dirs[COMPONENT_VAE] != NULL;
    if (!config->has_component[COMPONENT_VAE])
        return QS_OK;
    if (!folder->dirs[COMPONENT_VAE])
        return config_refuse(&r, "vae", named, "but there is no vae/ beside unet/");
    const qs_status status =
        autoencoder_read_config(folder->dirs[COMPONENT_VAE], &config->autoencoder);
    const char *class = autoencoder_class_name(config->autoencoder.class);
    if (status == QS_OK && named && !folder->decoder_named && !is_component(named, class))
        return config_refuse(&r, "vae", named, "needed: [library, \"%s\"], as in vae/config.json",
                             class);
    return status;
}

static qs_status read_text_encoder(const model_folder *folder, uint32_t index, model_config *config)
{
    const char *dir = folder->dirs[COMPONENT_TEXT_ENCODER + index];
    qs_status status = QS_OK;
    json_t *root = NULL;
    if (!dir || !folder->tokenizers[index])
        return qs_error(QS_ERROR_MODEL,
                        "%s: the network reads prompts, but there is no %s/ beside unet/",
                        folder->unet, text_parts[index][dir != NULL]);
    config->has_component[COMPONENT_TEXT_ENCODER + index] = true;
    const char *path = arena_format(&config->arena, "%s/config.json", dir);
    if (!path)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory", folder->unet);
    TRY(file_read_json(path, &root));
    TRY(config_parse_text_encoder(path, root, &config->text_encoders[index]));
fail:
    json_decref(root);
    return status;
}

/* What the network reads is what all text encoders say, side by side; the pooled state the last. */
static qs_status check_widths(const model_folder *folder, const model_config *config)
{
    const unet_config *unet = &config->unet;
    const text_encoder_config *c = config->text_encoders;
    const uint32_t count = config->text_encoder_count;
    const char *last = folder->dirs[COMPONENT_TEXT_ENCODER + count - 1];
    const uint32_t pooled =
        c[count - 1].projection_dim ? c[count - 1].projection_dim : c[count - 1].hidden_size;
    if (count == 1 && c->hidden_size != unet->cross_attention_dim)
        return qs_error(QS_ERROR_MODEL,
                        "%s/config.json: key \"hidden_size\" is %u, needed: %u, the "
                        "cross_attention_dim of %s: this is another model's text encoder",
                        last, c->hidden_size, unet->cross_attention_dim, folder->unet);
    if (count == 2 && c[0].hidden_size + c[1].hidden_size != unet->cross_attention_dim)
        return qs_error(
            QS_ERROR_MODEL,
            "%s/config.json: key \"hidden_size\" is %u, and %u of text_encoder/, needed "
            "together: %u, the cross_attention_dim of %s: these are another model's "
            "text encoders",
            last, c[1].hidden_size, c[0].hidden_size, unet->cross_attention_dim, folder->unet);
    if (unet->pooled_dim != 0 && unet->pooled_dim != pooled)
        return qs_error(
            QS_ERROR_MODEL,
            "%s: key \"projection_class_embeddings_input_dim\" has room for %u channels "
            "of the text's pooled state, but %s/config.json says %u",
            folder->unet, unet->pooled_dim, last, pooled);
    return QS_OK;
}

/* A network that reads needs those who wrote for it: one, or Stable Diffusion XL's two. */
static qs_status read_text_encoders(const model_folder *folder, const json_t *index,
                                    model_config *config)
{
    static const char aesthetics[] = "requires_aesthetics_score";
    const config_reader r = { .path = folder->index, .root = index };
    const unet_config *unet = &config->unet;
    qs_status status = QS_OK;
    if (json_is_true(json_object_get(index, aesthetics)))
        TRY(config_refuse(&r, aesthetics, json_object_get(index, aesthetics),
                          "supported: false: a refiner draws nothing by itself, it goes on from "
                          "another model's picture"));
    if (unet->cross_attention_dim == 0)
        return QS_OK;
    config->text_encoder_count = unet->time_id_dim ? 2 : 1;
    config->zero_negative = unet->time_id_dim != 0;
    for (uint32_t i = 0; i < config->text_encoder_count; ++i) {
        TRY(read_text_encoder(folder, i, config));
        config->text_encoders[i].penultimate = config->text_encoder_count > 1;
        if (i == 0)
            config->text_encoders[i].projection_dim = 0; /* of a model that has none */
    }
    TRY(check_widths(folder, config));
fail:
    return status;
}

/* *root: a new reference to what the scheduler's file has, with the caller's class. */
static qs_status read_scheduler(const model_folder *folder, json_t **root)
{
    const char *class = folder->scheduler_class;
    const qs_status status = folder->scheduler ? file_read_json(folder->scheduler, root) : QS_OK;
    if (status != QS_OK || !class)
        return status;
    if (!folder->scheduler)
        *root = json_object();
    if (json_object_set_new(*root, "_class_name", json_string(class)) != 0)
        return qs_error(QS_ERROR_MODEL, "the scheduler \"%s\" is not a class",
                        text_clean(class).text);
    return QS_OK;
}

qs_status model_config_read(const model_folder *folder, model_config *config)
{
    qs_status status = QS_OK;
    json_t *index = NULL, *unet = NULL, *scheduler = NULL;
    memset(config, 0, sizeof *config);
    config->scheduler_named = folder->scheduler_named;
    config->has_component[COMPONENT_UNET] = true;
    config->default_guidance = 1;
    if (folder->index)
        TRY(file_read_json(folder->index, &index));
    TRY(file_read_json(folder->unet, &unet));
    TRY(read_scheduler(folder, &scheduler));
    TRY(config_parse_unet(folder->unet, unet, &config->unet));
    TRY(config_parse_scheduler(folder->scheduler ? folder->scheduler : "the named scheduler",
                               scheduler, &config->arena, &config->scheduler));
    TRY(check_learned_times(folder, config));
    TRY(read_autoencoder(folder, index, config));
    TRY(read_text_encoders(folder, index, config));
    TRY(check_channels(folder, config));
    TRY(config_parse_index(folder->index, index, config));
    published_steps(folder->dirs[COMPONENT_UNET], (const json_t *const[]){ index, unet, scheduler },
                    3, &config->unet, &config->scheduler);
fail:
    json_decref(index);
    json_decref(unet);
    json_decref(scheduler);
    if (status != QS_OK)
        model_config_finish(config);
    return status;
}

qs_status model_config_resize(model_config *config, uint32_t width, uint32_t height)
{
    unet_config *c = &config->unet;
    const bool decoded = config->has_component[COMPONENT_VAE];
    const uint32_t factor = decoded ? autoencoder_factor(&config->autoencoder) : 1;
    const uint32_t unit = factor << (c->block_count - 1);
    if (width == 0 && height == 0)
        return QS_OK;
    if (config->text_encoder_count == 0)
        return qs_error(QS_ERROR_USAGE,
                        "a size of %ux%u: only models that read prompts draw other sizes "
                        "than their own, %ux%u",
                        width, height, factor * c->sample_width, factor * c->sample_height);
    if (width == 0 || height == 0 || width % unit || height % unit || width > SIDE_MAX ||
        height > SIDE_MAX)
        return qs_error(QS_ERROR_USAGE,
                        "a size of %ux%u: width and height are multiples of %u, up to %d", width,
                        height, unit, SIDE_MAX);
    c->sample_width = width / factor;
    c->sample_height = height / factor;
    return QS_OK;
}

void model_config_finish(model_config *config)
{
    if (!config)
        return;
    arena_finish(&config->arena);
    memset(config, 0, sizeof *config);
}
