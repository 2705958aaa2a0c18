/* config.json of an autoencoder: diffusers.AutoencoderTiny, diffusers.AutoencoderKL. */
#include "model/config_reader.h"
#include "weights/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH_MAX = 1024, LATENT_CHANNELS_MAX = 256, BLOCKS_MAX = 64 };

static const char *const classes[] = {
    [AUTOENCODER_TINY] = "AutoencoderTiny",
    [AUTOENCODER_KL] = "AutoencoderKL",
    NULL,
};

const char *autoencoder_class_name(autoencoder_class class)
{
    return classes[class];
}

static qs_status take_list(config_reader *r, const char *key, uint32_t min, uint32_t max,
                           uint32_t *values, uint32_t *count)
{
    const json_t *list = config_take(r, key);
    if (!list)
        return QS_OK;
    const size_t length = json_array_size(list);
    if (!json_is_array(list) || length < 1 || length > AUTOENCODER_STAGES_MAX)
        return config_refuse(r, key, list, "supported: a list of 1 to %d numbers",
                             AUTOENCODER_STAGES_MAX);
    for (size_t i = 0; i < length; ++i) {
        const json_t *entry = json_array_get(list, i);
        const json_int_t value = json_integer_value(entry);
        if (!json_is_integer(entry) || value < (json_int_t)min || value > (json_int_t)max)
            return config_refuse(r, key, list, "supported: %u to %u in every entry", min, max);
        values[i] = (uint32_t)value;
    }
    *count = (uint32_t)length;
    return QS_OK;
}

/* ---- what both have ---------------------------------------------------------------------------
 */

static qs_status read_channels(config_reader *r, autoencoder_config *c)
{
    uint32_t out = 3;
    qs_status status = QS_OK;
    c->image_channels = 3;
    c->latent_channels = 4;
    TRY(config_take_u32(r, "in_channels", 1, 4, &c->image_channels));
    TRY(config_take_u32(r, "out_channels", 1, 4, &out));
    TRY(config_take_u32(r, "latent_channels", 1, LATENT_CHANNELS_MAX, &c->latent_channels));
    if (c->image_channels == 2 || out != c->image_channels)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: in_channels is %u and out_channels %u, supported: both 1 (grey), 3 (RGB) "
                     "or 4 (RGBA)",
                     r->path, c->image_channels, out));
fail:
    return status;
}

/* What a pipeline does to a latent before it decodes it. */
static qs_status read_scaling(config_reader *r, double usual, autoencoder_config *c)
{
    qs_status status = QS_OK;
    c->scaling_factor = usual;
    TRY(config_take_number(r, "scaling_factor", 1e-6, 1e6, &c->scaling_factor));
    if (json_is_null(json_object_get(r->root, "shift_factor")))
        config_ignore(r, "shift_factor");
    else
        TRY(config_take_number(r, "shift_factor", -1e6, 1e6, &c->shift_factor));
fail:
    return status;
}

/* ---- AutoencoderTiny ------------------------------------------------------------------------- */

/* The widths of a side's stages: as many as there are stages, and equal. */
static qs_status take_width(config_reader *r, const char *key, uint32_t stage_count,
                            uint32_t *width)
{
    uint32_t widths[AUTOENCODER_STAGES_MAX] = { 64, 64, 64, 64 }, count = 4;
    qs_status status = QS_OK;
    TRY(take_list(r, key, 1, WIDTH_MAX, widths, &count));
    const json_t *list = json_object_get(r->root, key);
    if (count != stage_count)
        TRY(config_refuse(r, key, list, "there are %u stages of blocks", stage_count));
    for (uint32_t i = 1; i < count; ++i)
        if (widths[i] != widths[0])
            TRY(config_refuse(r, key, list, "supported: equal numbers"));
    *width = widths[0];
fail:
    return status;
}

static qs_status read_stages(config_reader *r, autoencoder_config *c)
{
    static const uint32_t encoder[] = { 1, 3, 3, 3 }, decoder[] = { 3, 3, 3, 1 };
    uint32_t encoder_count = 4, decoder_count = 4;
    qs_status status = QS_OK;
    memcpy(c->encoder_blocks, encoder, sizeof encoder);
    memcpy(c->decoder_blocks, decoder, sizeof decoder);
    TRY(take_list(r, "num_encoder_blocks", 0, BLOCKS_MAX, c->encoder_blocks, &encoder_count));
    TRY(take_list(r, "num_decoder_blocks", 0, BLOCKS_MAX, c->decoder_blocks, &decoder_count));
    if (encoder_count != decoder_count)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: num_encoder_blocks has %u stages, num_decoder_blocks %u: the picture "
                     "would come back in another size",
                     r->path, encoder_count, decoder_count));
    c->stage_count = encoder_count;
    TRY(take_width(r, "encoder_block_out_channels", encoder_count, &c->encoder_width));
    TRY(take_width(r, "decoder_block_out_channels", encoder_count, &c->decoder_width));
fail:
    return status;
}

/* How diffusers computes (force_upcast) changes nothing here; block_out_channels repeats the
 * decoder's. */
static qs_status read_tiny_words(config_reader *r, autoencoder_config *c)
{
    static const char *const relu[] = { "relu", NULL }, *const nearest[] = { "nearest", NULL };
    uint32_t unused = 0, factor = 2;
    qs_status status = QS_OK;
    config_ignore(r, "force_upcast");
    config_ignore(r, "block_out_channels");
    c->latent_magnitude = 3;
    c->latent_shift = 0.5;
    TRY(config_take_word(r, "act_fn", relu, &unused));
    TRY(config_take_word(r, "upsample_fn", nearest, &unused));
    TRY(config_take_u32(r, "upsampling_scaling_factor", 2, 2, &factor));
    TRY(config_take_number(r, "latent_magnitude", 1e-6, 1e6, &c->latent_magnitude));
    TRY(config_take_number(r, "latent_shift", -1e6, 1e6, &c->latent_shift));
    TRY(config_take_bool(r, "use_midblock_gn", &c->use_midblock_gn));
fail:
    return status;
}

static qs_status read_tiny(config_reader *r, autoencoder_config *c)
{
    qs_status status = QS_OK;
    TRY(read_stages(r, c));
    TRY(read_scaling(r, 1, c));
    TRY(read_tiny_words(r, c));
fail:
    return status;
}

/* ---- AutoencoderKL --------------------------------------------------------------------------- */

/* One word per stage, the only one that there is. */
static qs_status take_block_types(config_reader *r, const char *key, const char *type,
                                  uint32_t stage_count)
{
    const json_t *list = config_take(r, key);
    bool right = json_array_size(list) == stage_count;
    for (size_t i = 0; i < json_array_size(list); ++i) {
        const char *word = json_string_value(json_array_get(list, i));
        right = right && word && strcmp(word, type) == 0;
    }
    if (list ? right : stage_count == 1) /* the default has one */
        return QS_OK;
    return config_refuse(r, key, list, "supported: \"%s\" for each of the %u block_out_channels",
                         type, stage_count);
}

static qs_status read_blocks(config_reader *r, autoencoder_config *c)
{
    qs_status status = QS_OK;
    c->stage_count = 1;
    c->block_out_channels[0] = 64;
    c->layers_per_block = 1;
    c->norm_num_groups = 32;
    TRY(take_list(r, "block_out_channels", 1, WIDTH_MAX, c->block_out_channels, &c->stage_count));
    TRY(take_block_types(r, "down_block_types", "DownEncoderBlock2D", c->stage_count));
    TRY(take_block_types(r, "up_block_types", "UpDecoderBlock2D", c->stage_count));
    TRY(config_take_u32(r, "layers_per_block", 1, BLOCKS_MAX, &c->layers_per_block));
    TRY(config_take_u32(r, "norm_num_groups", 1, WIDTH_MAX, &c->norm_num_groups));
    for (uint32_t i = 0; i < c->stage_count; ++i)
        if (c->block_out_channels[i] % c->norm_num_groups != 0)
            TRY(config_refuse(r, "norm_num_groups", json_object_get(r->root, "norm_num_groups"),
                              "which does not divide the %u block_out_channels of stage %u",
                              c->block_out_channels[i], i));
fail:
    return status;
}

/* Numbers for each channel of a latent, which some pipelines take in place of scaling_factor. */
static qs_status refuse_latent_statistics(config_reader *r)
{
    static const char *const keys[] = { "latents_mean", "latents_std" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; ++i) {
        const json_t *value = config_take(r, keys[i]);
        if (value && !json_is_null(value))
            return config_refuse(r, keys[i], value, "supported: null");
    }
    return QS_OK;
}

static qs_status read_kl(config_reader *r, autoencoder_config *c)
{
    static const char *const silu[] = { "silu", "swish", NULL };
    qs_status status = QS_OK;
    uint32_t unused = 0;
    /* diffusers' default is true, but files without the key are older than what looks at it: they
     * are Stable Diffusion 1's and 2's, whose pipeline decodes in float16 */
    c->force_upcast = false;
    c->use_quant_conv = c->use_post_quant_conv = c->mid_block_add_attention = true;
    config_ignore(r, "sample_size"); /* of tiles */
    TRY(read_blocks(r, c));
    TRY(read_scaling(r, 0.18215, c));
    TRY(config_take_word(r, "act_fn", silu, &unused));
    TRY(config_take_bool(r, "force_upcast", &c->force_upcast));
    TRY(config_take_bool(r, "use_quant_conv", &c->use_quant_conv));
    TRY(config_take_bool(r, "use_post_quant_conv", &c->use_post_quant_conv));
    TRY(config_take_bool(r, "mid_block_add_attention", &c->mid_block_add_attention));
    TRY(refuse_latent_statistics(r));
fail:
    return status;
}

/* ---- the whole file -------------------------------------------------------------------------- */

qs_status config_parse_autoencoder(const char *path, json_t *root, autoencoder_config *config)
{
    config_reader r;
    uint32_t class = 0;
    qs_status status = QS_OK;
    *config = (autoencoder_config){ 0 };
    TRY(config_reader_init(&r, path, root));
    TRY(config_require(&r, "_class_name", "needed: the autoencoder's class"));
    TRY(config_take_word(&r, "_class_name", classes, &class));
    config->class = (autoencoder_class) class;
    config_ignore_private(&r);
    TRY(read_channels(&r, config));
    TRY(config->class == AUTOENCODER_KL ? read_kl(&r, config) : read_tiny(&r, config));
    config_pass_over_foreign(&r, classes[class]);
fail:
    config_reader_finish(&r);
    return status;
}

qs_status autoencoder_read_config(const char *folder, autoencoder_config *config)
{
    char *path = NULL;
    json_t *root = NULL;
    qs_status status = QS_OK;
    if (asprintf(&path, "%s/config.json", folder) < 0)
        return qs_error(QS_ERROR_MEMORY, "no host memory for a path");
    TRY(file_read_json(path, &root));
    TRY(config_parse_autoencoder(path, root, config));
fail:
    json_decref(root);
    free(path);
    return status;
}
