#include "model/autoencoder.h"

#include "model/folder.h"
#include "weights/check.h"
#include "weights/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the folder ------------------------------------------------------------------------------ */

static bool has_file(const char *dir, const char *name)
{
    char *path = NULL;
    bool exists = false;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return false;
    const qs_status status = file_exists(path, &exists);
    free(path);
    return status == QS_OK && exists;
}

/* DIR/config.json's _class_name into text; "" where that is not to be had. */
static void read_class(const char *dir, char *text, size_t room)
{
    char *path = NULL;
    json_t *root = NULL;
    text[0] = '\0';
    if (has_file(dir, "config.json") && asprintf(&path, "%s/config.json", dir) >= 0 &&
        file_read_json(path, &root) == QS_OK) {
        const char *class = json_string_value(json_object_get(root, "_class_name"));
        snprintf(text, room, "%s", class ? class : "");
    }
    json_decref(root);
    free(path);
}

/* *folder, in the arena: DIR/vae or DIR. */
static qs_status find_folder(arena *a, const char *path, const char **folder)
{
    const char *dir;
    char class[64];
    const qs_status status = model_folder_enter(a, path, &dir);
    if (status != QS_OK)
        return status;
    const bool in_vae = has_file(dir, "vae/config.json");
    read_class(dir, class, sizeof class);
    if (!in_vae && (has_file(dir, "unet/config.json") || strncmp(class, "UNet", 4) == 0))
        return qs_error(QS_ERROR_MODEL,
                        "%s is a diffusion model (a UNet), not a tiny autoencoder: it draws with "
                        "'quickstep sample' or qs_model_open",
                        dir);
    if (!in_vae && !has_file(dir, "config.json"))
        return qs_error(QS_ERROR_MODEL,
                        "%s has neither config.json nor vae/config.json: a tiny autoencoder's "
                        "folder is wanted",
                        dir);
    *folder = in_vae ? arena_format(a, "%s/vae", dir) : dir;
    return *folder ? QS_OK : qs_error(QS_ERROR_MEMORY, "%s: no memory", dir);
}

bool qs_autoencoder_probe(const char *path)
{
    char class[64] = "";
    const char *dir;
    bool is_one = false;
    arena a = { 0 };
    if (path && model_folder_enter(&a, path, &dir) == QS_OK) {
        read_class(dir, class, sizeof class);
        is_one = strcmp(class, "AutoencoderTiny") == 0 ||
                 (has_file(dir, "vae/config.json") && !has_file(dir, "unet/config.json"));
    }
    arena_finish(&a);
    return is_one;
}

qs_status autoencoder_refuse(const char *dir)
{
    if (!qs_autoencoder_probe(dir))
        return QS_OK;
    return qs_error(QS_ERROR_MODEL,
                    "%s is an autoencoder and draws nothing by itself: use 'quickstep encode' and "
                    "'quickstep decode', or qs_autoencoder_open",
                    dir);
}

/* ---- the files ------------------------------------------------------------------------------- */

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
    const char *folder;
    arena a = { 0 };
    autoencoder_config config;
    TRY(find_folder(&a, path, &folder));
    TRY(autoencoder_read_config(folder, &config));
    TRY(autoencoder_open_files(path, folder, NULL, &config, out));
fail:
    arena_finish(&a);
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
