#include "model/autoencoder.h"

#include "core/text.h"
#include "model/folder.h"
#include "weights/check.h"
#include "weights/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the folder ------------------------------------------------------------------------------ */

static bool has_file(const char *dir, const char *name)
{
    char path[QS_PATH_SIZE + 32];
    bool exists = false;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return file_exists(path, &exists) == QS_OK && exists;
}

/* DIR/config.json's _class_name into text; "" where that is not to be had. */
static void read_class(const char *dir, char *text, size_t room)
{
    char path[QS_PATH_SIZE + 32];
    json_t *root = NULL;
    text[0] = '\0';
    snprintf(path, sizeof path, "%s/config.json", dir);
    if (has_file(dir, "config.json") && file_read_json(path, &root) == QS_OK) {
        const char *class = json_string_value(json_object_get(root, "_class_name"));
        snprintf(text, room, "%s", class ? class : "");
    }
    json_decref(root);
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
                        "%s is a diffusion model (a UNet), not an autoencoder: it draws with "
                        "'quickstep sample' or qs_model_open",
                        dir);
    if (!in_vae && !has_file(dir, "config.json"))
        return qs_error(QS_ERROR_MODEL,
                        "%s has neither config.json nor vae/config.json: an autoencoder's "
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
        is_one = strncmp(class, "Autoencoder", 11) == 0 ||
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

/* ---- in place of vae/ ------------------------------------------------------------------------ */

static const struct {
    const char *word, *class;
    const char *places[3];
    const char *list; /* for people */
} kinds[] = {
    { "tiny", "AutoencoderTiny", { "vae", "vae_tiny", "taesd" }, "vae/, vae_tiny/ and taesd/" },
    { "kl", "AutoencoderKL", { "vae", "vae_kl", NULL }, "vae/ and vae_kl/" },
};

/* *dir, in the folder's arena: the first place with an autoencoder of the kind. */
static qs_status find_kind(model_folder *f, uint32_t kind, const char **dir)
{
    char class[64];
    for (uint32_t i = 0; i < 3 && kinds[kind].places[i]; ++i) {
        *dir = arena_format(&f->arena, "%s/%s", f->root, kinds[kind].places[i]);
        if (!*dir)
            return qs_error(QS_ERROR_MEMORY, "%s: no memory", f->root);
        read_class(*dir, class, sizeof class);
        if (strcmp(class, kinds[kind].class) == 0)
            return QS_OK;
    }
    return qs_error(
        QS_ERROR_MODEL,
        "%s: there is no %s in %s: put one there, or name its folder (--decoder FOLDER)", f->root,
        kinds[kind].class, kinds[kind].list);
}

qs_status autoencoder_choose(model_folder *f, const char *decoder)
{
    qs_status status = QS_OK;
    char found[QS_PATH_SIZE];
    uint32_t kind = 0;
    if (!decoder)
        return QS_OK;
    if (!f->dirs[COMPONENT_VAE])
        return qs_error(
            QS_ERROR_MODEL,
            "%s: has no vae/, which another decoder could take the place of: its network "
            "draws pixels",
            f->root);
    f->decoder_named = true;
    while (kind < 2 && strcmp(decoder, kinds[kind].word) != 0)
        ++kind;
    if (kind < 2)
        return find_kind(f, kind, &f->dirs[COMPONENT_VAE]);
    TRY(qs_model_find(decoder, found));
    TRY(find_folder(&f->arena, found, &f->dirs[COMPONENT_VAE]));
fail:
    return status;
}

/* ---- the files ------------------------------------------------------------------------------- */

uint64_t autoencoder_parameter_count(const component *vae, autoencoder_half half)
{
    static const char *const prefixes[][2] = {
        [AUTOENCODER_ENCODER] = { "encoder.", "quant_conv." },
        [AUTOENCODER_DECODER] = { "decoder.", "post_quant_conv." }
    };
    const size_t tensors = vae->files ? weight_files_count(vae->files) : 0;
    uint64_t count = 0;
    for (size_t i = 0; i < tensors; ++i) {
        const qs_tensor *t = weight_files_at(vae->files, i);
        for (int p = 0; p < 2; ++p)
            if (text_begins_with(weight_files_name(vae->files, i), prefixes[half][p]))
                count += t->size_bytes / qs_dtype_size_bytes(t->dtype);
    }
    return count;
}

bool autoencoder_has(const component *vae, autoencoder_half half)
{
    return autoencoder_parameter_count(vae, half) > 0;
}

void autoencoder_build_halves(graph *g, const autoencoder_config *c, const component *vae)
{
    const uint32_t latent_side = 2, side = latent_side * autoencoder_factor(c);
    const bool encoder = autoencoder_has(vae, AUTOENCODER_ENCODER),
               decoder = autoencoder_has(vae, AUTOENCODER_DECODER);
    if (!encoder && !decoder)
        graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: no tensor is named encoder.* or decoder.*",
                               weight_files_dir(vae->files)));
    const tensor_id picture =
        graph_state(g, "picture", DTYPE_F32, 1, side, side, c->image_channels);
    const tensor_id latent =
        graph_state(g, "latent", DTYPE_F32, 1, latent_side, latent_side, c->latent_channels);
    if (encoder)
        autoencoder_build_encoder(g, c, LATENT_OF_ENCODER, picture, latent);
    if (decoder)
        autoencoder_build_decoder(g, c, LATENT_OF_ENCODER, latent, picture);
}

static qs_status open_component(qs_autoencoder *a, const char *folder)
{
    qs_status status = QS_OK;
    graph g;
    graph_init(&g, &weights_check_limits, DTYPE_F32);
    TRY(component_open(&a->component, "vae", folder, WEIGHTS_DIFFUSERS, NULL));
    autoencoder_build_halves(&g, &a->config, &a->component);
    TRY(component_check(&a->component, &g));
fail:
    graph_finish(&g);
    return status;
}

qs_status qs_autoencoder_open(const char *path, qs_autoencoder **out)
{
    if (!path || !out)
        return qs_error(QS_ERROR_USAGE,
                        "qs_autoencoder_open: path and autoencoder must not be NULL");
    qs_status status = QS_OK;
    const char *folder;
    char found[QS_PATH_SIZE];
    arena names = { 0 };
    qs_autoencoder *a = NULL;
    TRY(qs_model_find(path, found));
    a = calloc(1, sizeof *a);
    if (a)
        a->path = strdup(found);
    if (!a || !a->path)
        TRY(qs_error(QS_ERROR_MEMORY, "no host memory for an autoencoder"));
    TRY(find_folder(&names, found, &folder));
    TRY(autoencoder_read_config(folder, &a->config));
    TRY(open_component(a, folder));
    arena_finish(&names);
    *out = a;
    return QS_OK;
fail:
    arena_finish(&names);
    qs_autoencoder_destroy(a);
    return status;
}

void qs_autoencoder_destroy(qs_autoencoder *a)
{
    if (!a)
        return;
    component_close(&a->component);
    free(a->path);
    free(a);
}

void qs_autoencoder_get_info(const qs_autoencoder *a, qs_autoencoder_info *info)
{
    if (!a || !info)
        return;
    *info =
        (qs_autoencoder_info){ .class_name = autoencoder_class_name(a->config.class),
                               .force_upcast = a->config.force_upcast,
                               .image_channels = a->config.image_channels,
                               .latent_channels = a->config.latent_channels,
                               .factor = autoencoder_factor(&a->config),
                               .has_encoder = autoencoder_has(&a->component, AUTOENCODER_ENCODER),
                               .has_decoder = autoencoder_has(&a->component, AUTOENCODER_DECODER),
                               .latent_magnitude = a->config.latent_magnitude,
                               .latent_shift = a->config.latent_shift,
                               .parameter_count = a->component.parameter_count };
    model_folder_name(a->path, info->name);
}
