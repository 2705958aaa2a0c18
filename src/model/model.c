#include "model/model.h"

#include "core/log.h"
#include "model/folder.h"
#include "weights/check.h"
#include "weights/weight_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tensor_id model_build_network(graph *g, const model_config *config, uint32_t batch,
                              tensor_id sample)
{
    unet_inputs in = { .sample = sample, .segment = NO_TENSOR, .labels = NO_TENSOR };
    in.time = graph_state(g, "time", DTYPE_F32, batch, 1, 1, 1);
    if (config->unet.segment_embedding)
        in.segment = graph_state(g, "segment", DTYPE_F32, batch, 1, 1, 1);
    if (config->unet.num_class_embeds)
        in.labels = graph_state(g, "labels", DTYPE_U32, batch, 1, 1, 1);
    return unet_build(g, &config->unet, &in);
}

/* Builds the network once, for no device in particular, and holds it against the files. */
static qs_status check_weights(qs_model *model)
{
    const unet_config *c = &model->config.unet;
    qs_status status = QS_OK;
    graph g;
    graph_init(&g, &weights_check_limits, DTYPE_F32);
    const tensor_id sample =
        graph_state(&g, "sample", DTYPE_F32, 1, c->sample_height, c->sample_width, c->in_channels);
    model_build_network(&g, &model->config, 1, sample);
    TRY(graph_status(&g));
    TRY(weights_check(model->files, &g, &model->parameter_count));
fail:
    graph_finish(&g);
    return status;
}

/* A variant is often the network's alone: an autoencoder without it gives its other weights. */
static qs_status open_autoencoder(const model_folder *folder, const char *variant, qs_model *model)
{
    const char *dir = folder->vae_dir;
    bool has_variant = false;
    qs_status status = QS_OK;
    if (variant)
        TRY(weight_folder_has(dir, variant, &has_variant));
    if (variant && !has_variant)
        log_line(QS_LOG_INFO, "%s: has no variant \"%s\": its other weights are taken", dir,
                 variant);
    TRY(autoencoder_open_files(dir, dir, has_variant ? variant : NULL, &model->config.autoencoder,
                               &model->autoencoder));
    if (!model->autoencoder->has_decoder)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: the weights hold the encoder only: a latent needs the decoder", dir));
fail:
    return status;
}

qs_status qs_model_open_with(const char *path, const qs_model_options *options, qs_model **out)
{
    if (!path || !out)
        return qs_error(QS_ERROR_USAGE, "qs_model_open: path and model must not be NULL");
    const qs_model_options given = options ? *options : (qs_model_options){ 0 };
    qs_status status = QS_OK;
    model_folder folder = { 0 };
    qs_model *model = calloc(1, sizeof *model);
    if (model)
        model->path = strdup(path);
    if (!model || !model->path)
        TRY(qs_error(QS_ERROR_MEMORY, "no host memory for a model"));
    TRY(autoencoder_refuse(path));
    TRY(model_folder_find(path, given.scheduler, &folder));
    TRY(model_config_read(&folder, &model->config));
    TRY(weight_files_open(folder.unet_dir, given.variant, &model->files));
    TRY(check_weights(model));
    if (model->config.has_autoencoder)
        TRY(open_autoencoder(&folder, given.variant, model));
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
    for (uint32_t i = 0; i < MODEL_STORES_MAX; ++i)
        weight_store_destroy(model->stores[i].store);
    weight_files_close(model->files);
    qs_autoencoder_destroy(model->autoencoder);
    model_config_finish(&model->config);
    free(model->path);
    free(model);
}

/* ---- weights on devices ---------------------------------------------------------------------- */

qs_status model_store_acquire(qs_model *model, qs_device *device, weight_store **store)
{
    struct model_store *empty = NULL;
    for (uint32_t i = 0; i < MODEL_STORES_MAX; ++i) {
        struct model_store *s = &model->stores[i];
        if (s->store && s->device == device) {
            ++s->users;
            *store = s->store;
            return QS_OK;
        }
        if (!s->store && !empty)
            empty = s;
    }
    if (!empty)
        return qs_error(QS_ERROR_USAGE, "a model can be on at most %d devices at a time",
                        MODEL_STORES_MAX);
    const qs_status status = weight_store_create(device, &empty->store);
    if (status != QS_OK)
        return status;
    empty->device = device;
    empty->users = 1;
    *store = empty->store;
    return QS_OK;
}

void model_store_release(qs_model *model, weight_store *store)
{
    for (uint32_t i = 0; i < MODEL_STORES_MAX; ++i) {
        struct model_store *s = &model->stores[i];
        if (store && s->store == store && --s->users == 0) {
            weight_store_destroy(s->store);
            *s = (struct model_store){ 0 };
        }
    }
}

/* ---- what a caller can ask ------------------------------------------------------------------- */

void qs_model_get_info(const qs_model *model, qs_model_info *info)
{
    if (!model || !info)
        return;
    const model_config *c = &model->config;
    const model_extent picture = model_picture_extent(c), latent = model_latent_extent(c);
    const qs_autoencoder *a = model->autoencoder;
    *info = (qs_model_info){ .width = picture.w,
                             .height = picture.h,
                             .channels = picture.c,
                             .latent_width = latent.w,
                             .latent_height = latent.h,
                             .latent_channels = latent.c,
                             .has_autoencoder = a != NULL,
                             .has_alpha = picture.c == 4,
                             .label_count = c->label_count,
                             .default_label = c->default_label,
                             .has_segments = c->unet.segment_embedding,
                             .default_sampler = scheduler_default_sampler(&c->scheduler),
                             .steps_max = scheduler_steps_max(&c->scheduler),
                             .parameter_count = model->parameter_count,
                             .decoder_parameter_count = a ? a->decoder_parameter_count : 0 };
    model_folder_name(model->path, info->name);
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
