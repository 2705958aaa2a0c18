#include "model/autoencoder.h"

#include "model/folder.h"
#include "weights/check.h"

#include <stdlib.h>
#include <string.h>

/* Of a half's tensors; 0: the files do not have it. */
static uint64_t count_parameters(const weight_files *files, const char *prefix)
{
    uint64_t count = 0;
    for (size_t i = 0; i < weight_files_count(files); ++i) {
        const qs_tensor *t = weight_files_at(files, i);
        if (strncmp(t->name, prefix, strlen(prefix)) == 0)
            count += t->size_bytes / qs_dtype_size_bytes(t->dtype);
    }
    return count;
}

/* Builds the halves that are there, for no device in particular, and holds them against the files.
 */
static qs_status check_weights(qs_autoencoder *a)
{
    const autoencoder_config *c = &a->config;
    const uint32_t latent_side = 2, side = latent_side * autoencoder_factor(c);
    qs_status status = QS_OK;
    graph g;
    graph_init(&g, &weights_check_limits, DTYPE_F32);
    const tensor_id picture =
        graph_state(&g, "picture", DTYPE_F32, 1, side, side, c->image_channels);
    const tensor_id latent =
        graph_state(&g, "latent", DTYPE_F32, 1, latent_side, latent_side, c->latent_channels);
    if (a->has_encoder)
        autoencoder_build_encoder(&g, c, picture, latent);
    if (a->has_decoder)
        autoencoder_build_decoder(&g, c, LATENT_OF_ENCODER, latent, picture);
    TRY(graph_status(&g));
    TRY(weights_check(a->files, &g, &a->parameter_count));
fail:
    graph_finish(&g);
    return status;
}

qs_status autoencoder_open_files(const char *path, const char *folder, const char *variant,
                                 const autoencoder_config *config, qs_autoencoder **out)
{
    qs_status status = QS_OK;
    qs_autoencoder *a = calloc(1, sizeof *a);
    if (a)
        a->path = strdup(path);
    if (!a || !a->path)
        TRY(qs_error(QS_ERROR_MEMORY, "no host memory for an autoencoder"));
    a->config = *config;
    TRY(weight_files_open(folder, variant, &a->files));
    a->decoder_parameter_count = count_parameters(a->files, "decoder.");
    a->has_encoder = count_parameters(a->files, "encoder.") > 0;
    a->has_decoder = a->decoder_parameter_count > 0;
    if (!a->has_encoder && !a->has_decoder)
        TRY(qs_error(QS_ERROR_MODEL, "%s: no tensor is named encoder.* or decoder.*", folder));
    TRY(check_weights(a));
    *out = a;
    return QS_OK;
fail:
    qs_autoencoder_destroy(a);
    return status;
}

qs_status qs_autoencoder_open(const char *path, qs_autoencoder **out)
{
    if (!path || !out)
        return qs_error(QS_ERROR_USAGE,
                        "qs_autoencoder_open: path and autoencoder must not be NULL");
    qs_status status = QS_OK;
    char *folder = NULL;
    autoencoder_config config;
    TRY(autoencoder_find_folder(path, &folder));
    TRY(autoencoder_read_config(folder, &config));
    TRY(autoencoder_open_files(path, folder, NULL, &config, out));
fail:
    free(folder);
    return status;
}

void qs_autoencoder_destroy(qs_autoencoder *a)
{
    if (!a)
        return;
    weight_store_destroy(a->store);
    weight_files_close(a->files);
    free(a->path);
    free(a);
}

void qs_autoencoder_get_info(const qs_autoencoder *a, qs_autoencoder_info *info)
{
    if (!a || !info)
        return;
    *info = (qs_autoencoder_info){ .image_channels = a->config.image_channels,
                                   .latent_channels = a->config.latent_channels,
                                   .factor = autoencoder_factor(&a->config),
                                   .has_encoder = a->has_encoder,
                                   .has_decoder = a->has_decoder,
                                   .latent_magnitude = a->config.latent_magnitude,
                                   .latent_shift = a->config.latent_shift,
                                   .parameter_count = a->parameter_count };
    model_folder_name(a->path, info->name);
}
