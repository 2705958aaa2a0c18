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

tensor_id model_build_network(graph *g, const model_config *config, uint32_t batch,
                              tensor_id sample, tensor_id projections)
{
    unet_inputs in = { sample, NO_TENSOR, NO_TENSOR, NO_TENSOR, projections };
    in.time = graph_state(g, "time", DTYPE_F32, batch, 1, 1, 1);
    if (projections == NO_TENSOR && config->unet.segment_embedding)
        in.segment = graph_state(g, "segment", DTYPE_F32, batch, 1, 1, 1);
    if (projections == NO_TENSOR)
        in.labels = labels_state(g, config, "labels", batch);
    return unet_build(g, &config->unet, &in);
}

tensor_id model_projections(graph *g, const model_config *config, uint32_t batch)
{
    return graph_state(g, "projections", g->storage, EMBEDDED_ROWS * batch, 1, 1,
                       unet_projection_channels(g, &config->unet));
}

void model_build_projections(graph *g, const model_config *config, uint32_t batch,
                             const sampler_states *states)
{
    const uint32_t n = EMBEDDED_ROWS * batch;
    const row_times rows = {
        .time = graph_state(g, "row_time", DTYPE_F32, n, 1, 1, 1),
        .segment = graph_state(g, "row_segment", DTYPE_F32, n, 1, 1, 1),
        .labels = labels_state(g, config, "row_labels", n),
        .given_labels = labels_state(g, config, "labels", batch),
    };
    op_row_times(g, "row_times", states, &rows);
    const unet_inputs in = { NO_TENSOR, rows.time, rows.segment, rows.labels, NO_TENSOR };
    unet_build_projections(g, &config->unet, &in, model_projections(g, config, batch));
}

/* ---- components: a row each ------------------------------------------------------------------ */

static void build_unet(graph *g, const qs_model *model)
{
    const unet_config *c = &model->config.unet;
    const tensor_id sample =
        graph_state(g, "sample", DTYPE_F32, 1, c->sample_height, c->sample_width, c->in_channels);
    model_build_network(g, &model->config, 1, sample, NO_TENSOR);
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
    /* All that has weights of the component, once, for no device in particular. */
    void (*build)(graph *g, const qs_model *model);
    bool variant_optional; /* a variant is often the network's alone: others give what they have */
} component_row;

static const component_row component_rows[COMPONENT_COUNT] = {
    [COMPONENT_UNET] = { "unet", build_unet, false },
    [COMPONENT_VAE] = { "vae", build_vae, true },
};

/* *chosen: the variant, or NULL where the folder has none of that name. */
static qs_status choose_variant(const component_row *row, const char *dir, const char *variant,
                                const char **chosen)
{
    bool has_variant = true;
    const qs_status status =
        variant && row->variant_optional ? weight_folder_has(dir, variant, &has_variant) : QS_OK;
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
    TRY(component_open(c, row->name, dir, chosen));
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
    if (model)
        model->path = strdup(found);
    if (!model || !model->path)
        TRY(qs_error(QS_ERROR_MEMORY, "no host memory for a model"));
    TRY(autoencoder_refuse(found));
    TRY(model_folder_find(found, given.scheduler, &folder));
    TRY(model_config_read(&folder, &model->config));
    TRY(open_components(model, &folder, given.variant));
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
    model_config_finish(&model->config);
    free(model->path);
    free(model);
}

/* ---- what a caller can ask ------------------------------------------------------------------- */

void qs_model_get_info(const qs_model *model, qs_model_info *info)
{
    if (!model || !info)
        return;
    const model_config *c = &model->config;
    const model_extent picture = model_picture_extent(c), latent = model_latent_extent(c);
    const component *vae = &model->components[COMPONENT_VAE];
    *info = (qs_model_info){ .width = picture.w,
                             .height = picture.h,
                             .channels = picture.c,
                             .latent_width = latent.w,
                             .latent_height = latent.h,
                             .latent_channels = latent.c,
                             .input_channels = c->unet.in_channels,
                             .has_autoencoder = vae->files != NULL,
                             .has_alpha = picture.c == 4,
                             .label_count = c->label_count,
                             .default_label = c->default_label,
                             .has_segments = c->unet.segment_embedding,
                             .default_sampler = scheduler_default_sampler(&c->scheduler),
                             .steps_max = scheduler_steps_max(&c->scheduler),
                             .parameter_count = model->components[COMPONENT_UNET].parameter_count,
                             .decoder_parameter_count =
                                 autoencoder_parameter_count(vae, AUTOENCODER_DECODER) };
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
