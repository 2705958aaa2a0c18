/* unet/config.json: diffusers.UNet2DModel. */
#include "model/config_reader.h"

#include <string.h>

enum { CHANNELS_MAX = 16384 };

/* diffusers' defaults. */
static const unet_config defaults = {
    .in_channels = 3,
    .out_channels = 3,
    .block_count = 4,
    .block_out_channels = { 224, 448, 672, 896 },
    .down_blocks = { BLOCK_DOWN, BLOCK_ATTENTION, BLOCK_ATTENTION, BLOCK_ATTENTION },
    .up_blocks = { BLOCK_ATTENTION, BLOCK_ATTENTION, BLOCK_ATTENTION, BLOCK_DOWN },
    .layers_per_block = 2,
    .mid_attention = true,
    .has_mid_block = true,
    .flip_sin_to_cos = true,
    .mid_block_scale_factor = 1,
    .downsample_padding = 1,
    .attention_head_dim = 8,
    .norm_num_groups = 32,
    .norm_eps = 1e-5f,
};

/* ------------------------------------------------------------------------------------------- */
/* Shapes and blocks                                                                            */

static qs_status read_sample_size(config_reader *r, unet_config *unet)
{
    static const char key[] = "sample_size", wanted[] = "needed: 1 to 4096, or [height, width]";
    const json_t *value = config_take(r, key);
    const bool pair = json_is_array(value) && json_array_size(value) == 2;
    const json_t *height = pair ? json_array_get(value, 0) : value;
    const json_t *width = pair ? json_array_get(value, 1) : value;
    const json_int_t h = json_integer_value(height), w = json_integer_value(width);
    if (!json_is_integer(height) || !json_is_integer(width) || h < 1 || w < 1 || h > SIDE_MAX ||
        w > SIDE_MAX)
        return config_refuse(r, key, value, "%s", wanted);
    unet->sample_height = (uint32_t)h;
    unet->sample_width = (uint32_t)w;
    return QS_OK;
}

static qs_status check_list(const config_reader *r, const char *key, const json_t *list)
{
    const size_t size = json_array_size(list);
    if (!json_is_array(list) || size < 1 || size > UNET_BLOCKS_MAX)
        return config_refuse(r, key, list, "supported: a list of 1 to %d entries", UNET_BLOCKS_MAX);
    return QS_OK;
}

static qs_status read_widths(config_reader *r, unet_config *unet)
{
    static const char key[] = "block_out_channels";
    const json_t *list = config_take(r, key);
    if (!list)
        return QS_OK;
    const qs_status status = check_list(r, key, list);
    if (status != QS_OK)
        return status;
    unet->block_count = (uint32_t)json_array_size(list);
    for (uint32_t i = 0; i < unet->block_count; i++) {
        const json_t *entry = json_array_get(list, i);
        const json_int_t channels = json_integer_value(entry);
        if (!json_is_integer(entry) || channels < 1 || channels > CHANNELS_MAX)
            return config_refuse(r, key, list, "supported: 1 to %d in every entry", CHANNELS_MAX);
        unet->block_out_channels[i] = (uint32_t)channels;
    }
    return QS_OK;
}

/* names: of BLOCK_DOWN, BLOCK_ATTENTION, BLOCK_RESNET_RESAMPLE. */
static qs_status read_blocks(config_reader *r, const char *key, const char *const names[3],
                             unet_block_type *blocks, uint32_t *count)
{
    const json_t *list = config_take(r, key);
    if (!list)
        return QS_OK;
    const qs_status status = check_list(r, key, list);
    if (status != QS_OK)
        return status;
    *count = (uint32_t)json_array_size(list);
    for (uint32_t i = 0; i < *count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        uint32_t type = 0;
        while (type < 3 && !(name && strcmp(name, names[type]) == 0))
            type++;
        if (type == 3)
            return config_refuse(r, key, list,
                                 "entry %u is none of the supported: \"%s\", \"%s\", "
                                 "\"%s\"",
                                 i, names[0], names[1], names[2]);
        blocks[i] = (unet_block_type)type;
    }
    return QS_OK;
}

static qs_status read_shapes(config_reader *r, unet_config *unet)
{
    static const char *const down_names[] = { "DownBlock2D", "AttnDownBlock2D",
                                              "ResnetDownsampleBlock2D" };
    static const char *const up_names[] = { "UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D" };
    qs_status status = QS_OK;
    uint32_t down_count = defaults.block_count, up_count = defaults.block_count;
    TRY(read_sample_size(r, unet));
    TRY(config_take_u32(r, "in_channels", 1, CHANNELS_MAX, &unet->in_channels));
    TRY(config_take_u32(r, "out_channels", 1, CHANNELS_MAX, &unet->out_channels));
    TRY(read_widths(r, unet));
    TRY(read_blocks(r, "down_block_types", down_names, unet->down_blocks, &down_count));
    TRY(read_blocks(r, "up_block_types", up_names, unet->up_blocks, &up_count));
    if (down_count != unet->block_count || up_count != unet->block_count)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: %u block_out_channels, %u down_block_types and %u "
                     "up_block_types: they must be equally many",
                     r->path, unet->block_count, down_count, up_count));
    TRY(config_take_u32(r, "layers_per_block", 1, UNET_LAYERS_MAX, &unet->layers_per_block));
fail:
    return status;
}

/* ------------------------------------------------------------------------------------------- */
/* The rest                                                                                     */

static qs_status take_float(config_reader *r, const char *key, double min, double max, float *out)
{
    double value = *out;
    const qs_status status = config_take_number(r, key, min, max, &value);
    *out = (float)value;
    return status;
}

static qs_status read_mid_block(config_reader *r, unet_config *unet)
{
    static const char *const types[] = { "UNetMidBlock2D", NULL };
    qs_status status = QS_OK;
    uint32_t unused = 0;
    unet->has_mid_block = !json_is_null(json_object_get(r->root, "mid_block_type"));
    if (unet->has_mid_block)
        TRY(config_take_word(r, "mid_block_type", types, &unused));
    config_ignore(r, "mid_block_type");
    TRY(config_take_bool(r, "add_attention", &unet->mid_attention));
    unet->mid_attention = unet->mid_attention && unet->has_mid_block;
    TRY(take_float(r, "mid_block_scale_factor", 1e-3, 1e3, &unet->mid_block_scale_factor));
fail:
    return status;
}

/* null and an absent key: a table, if there is num_class_embeds. */
static qs_status read_class_type(config_reader *r, unet_config *unet)
{
    static const char *const types[] = { "timestep", "identity", NULL };
    qs_status status = QS_OK;
    uint32_t type = 0;
    TRY(config_take_u32_or_null(r, "num_class_embeds", 1, CLASSES_MAX, &unet->num_class_embeds));
    unet->class_embedding = unet->num_class_embeds ? CLASS_TABLE : CLASS_NONE;
    const json_t *given = json_object_get(r->root, "class_embed_type");
    config_ignore(r, "class_embed_type");
    if (!given || json_is_null(given))
        return QS_OK;
    TRY(config_take_word(r, "class_embed_type", types, &type));
    unet->class_embedding = type == 0 ? CLASS_TIMESTEP : CLASS_IDENTITY;
fail:
    return status;
}

static qs_status read_embeddings(config_reader *r, unet_config *unet)
{
    static const char *const time_types[] = {
        [TIME_POSITIONAL] = "positional",
        [TIME_FOURIER] = "fourier",
        [TIME_LEARNED] = "learned",
        NULL,
    };
    qs_status status = QS_OK;
    uint32_t time_type = 0;
    TRY(config_take_word(r, "time_embedding_type", time_types, &time_type));
    unet->time_embedding = (unet_time_embedding)time_type;
    /* null and 0 mean 4 * block_out_channels[0] there */
    TRY(config_take_u32_or_null(r, "time_embedding_dim", 0, CHANNELS_MAX,
                                &unet->time_embedding_dim));
    if (unet->time_embedding_dim == 0)
        unet->time_embedding_dim = 4 * unet->block_out_channels[0];
    TRY(take_float(r, "freq_shift", 0, 1, &unet->freq_shift));
    TRY(config_take_bool(r, "flip_sin_to_cos", &unet->flip_sin_to_cos));
    TRY(read_class_type(r, unet));
    TRY(config_take_u32_or_null(r, "num_train_timesteps", 1, 1000000, &unet->num_train_timesteps));
    TRY(config_take_bool(r, "segment_embedding", &unet->segment_embedding));
fail:
    return status;
}

static qs_status read_layers(config_reader *r, unet_config *unet)
{
    static const char *const activations[] = {
        [ACT_FN_SILU] = "silu",
        [ACT_FN_MISH] = "mish",
        [ACT_FN_GELU] = "gelu",
        [ACT_FN_RELU] = "relu",
        "swish",
        NULL,
    };
    static const char *const resamplers[] = { "conv", "resnet", NULL };
    static const char *const shifts[] = { "default", "scale_shift", NULL };
    qs_status status = QS_OK;
    uint32_t act_fn = 0, down = 0, up = 0, shift = 0;
    double dropout = 0;
    TRY(config_take_word(r, "act_fn", activations, &act_fn));
    unet->act_fn = act_fn > ACT_FN_RELU ? ACT_FN_SILU : (unet_act_fn)act_fn; /* swish */
    TRY(config_take_number(r, "dropout", 0, 1, &dropout));                   /* training only */
    TRY(config_take_word(r, "downsample_type", resamplers, &down));
    TRY(config_take_word(r, "upsample_type", resamplers, &up));
    TRY(config_take_u32(r, "downsample_padding", 0, 1, &unet->downsample_padding));
    TRY(config_take_u32_or_null(r, "attention_head_dim", 1, CHANNELS_MAX,
                                &unet->attention_head_dim));
    TRY(config_take_u32(r, "norm_num_groups", 1, CHANNELS_MAX, &unet->norm_num_groups));
    TRY(config_take_u32_or_null(r, "attn_norm_num_groups", 1, CHANNELS_MAX,
                                &unet->attn_norm_num_groups));
    TRY(take_float(r, "norm_eps", 1e-12, 1, &unet->norm_eps));
    TRY(config_take_word(r, "resnet_time_scale_shift", shifts, &shift));
    TRY(config_take_bool(r, "center_input_sample", &unet->center_input_sample));
    unet->resnet_downsample = down == 1;
    unet->resnet_upsample = up == 1;
    unet->scale_shift = shift == 1;
fail:
    return status;
}

/* diffusers takes any number as a label that is embedded as a number, and num_class_embeds, if it
 * is there at all, says how many mean something. */
uint32_t unet_label_count(const unet_config *c)
{
    if (c->class_embedding == CLASS_NONE)
        return 0;
    if (c->class_embedding == CLASS_TIMESTEP && c->time_embedding == TIME_LEARNED)
        return c->num_train_timesteps;
    return c->num_class_embeds ? c->num_class_embeds : CLASSES_MAX;
}

/* ------------------------------------------------------------------------------------------- */
/* Do the values fit each other?                                                                */

static qs_status check_samples(const config_reader *r, const unet_config *unet)
{
    const uint32_t c = unet->out_channels, factor = 1u << (unet->block_count - 1);
    if (unet->in_channels != c && unet->in_channels != 2 * c + 1)
        return qs_error(QS_ERROR_MODEL,
                        "%s: in_channels is %u, out_channels is %u: a sampler needs them equal, or "
                        "for filling in %u (the sample, a mask, the known picture)",
                        r->path, unet->in_channels, c, 2 * c + 1);
    if (unet->sample_height % factor != 0 || unet->sample_width % factor != 0)
        return config_refuse(r, "sample_size", json_object_get(r->root, "sample_size"),
                             "%u blocks need a multiple of %u", unet->block_count, factor);
    return QS_OK;
}

static qs_status check_times(const config_reader *r, const unet_config *unet)
{
    const uint32_t width = unet->block_out_channels[0];
    if (unet->time_embedding == TIME_LEARNED && unet->num_train_timesteps == 0)
        return qs_error(QS_ERROR_MODEL,
                        "%s: time_embedding_type \"learned\" needs num_train_timesteps", r->path);
    if (unet->time_embedding != TIME_POSITIONAL && unet->segment_embedding)
        return qs_error(QS_ERROR_MODEL,
                        "%s: segment_embedding needs time_embedding_type \"positional\"", r->path);
    /* the sinusoids are halves of sine and cosine; their exponent is i / (half - freq_shift) */
    if (unet->time_embedding == TIME_POSITIONAL &&
        (width % 2 != 0 || (float)(width / 2) <= unet->freq_shift))
        return qs_error(QS_ERROR_MODEL,
                        "%s: block_out_channels[0] = %u is odd or too small for a time "
                        "embedding with freq_shift %g",
                        r->path, width, unet->freq_shift);
    return QS_OK;
}

static qs_status check_head_width(const config_reader *r, const unet_config *unet, uint32_t width)
{
    if (unet->attention_head_dim == 0 || width % unet->attention_head_dim == 0)
        return QS_OK;
    return qs_error(QS_ERROR_MODEL,
                    "%s: attention_head_dim %u does not divide the %u channels of "
                    "an attention block",
                    r->path, unet->attention_head_dim, width);
}

static qs_status check_widths(const config_reader *r, const unet_config *unet)
{
    qs_status status = QS_OK;
    const uint32_t count = unet->block_count, *widths = unet->block_out_channels;
    const uint32_t mid_groups = unet->attn_norm_num_groups;
    for (uint32_t i = 0; i < count; i++) {
        if (widths[i] % unet->norm_num_groups != 0)
            TRY(qs_error(QS_ERROR_MODEL,
                         "%s: norm_num_groups %u does not divide "
                         "block_out_channels[%u] = %u",
                         r->path, unet->norm_num_groups, i, widths[i]));
        if (unet->down_blocks[i] == BLOCK_ATTENTION)
            TRY(check_head_width(r, unet, widths[i]));
        if (unet->up_blocks[i] == BLOCK_ATTENTION)
            TRY(check_head_width(r, unet, widths[count - 1 - i]));
    }
    if (unet->mid_attention)
        TRY(check_head_width(r, unet, widths[count - 1]));
    if (unet->mid_attention && mid_groups != 0 && widths[count - 1] % mid_groups != 0)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: attn_norm_num_groups %u does not divide the last of "
                     "block_out_channels, %u",
                     r->path, mid_groups, widths[count - 1]));
fail:
    return status;
}

/* What diffusers' EMAModel adds to the config of the averaged network; training only. */
static void ignore_averaging(config_reader *r)
{
    static const char *const keys[] = { "decay",         "inv_gamma",
                                        "min_decay",     "optimization_step",
                                        "power",         "update_after_step",
                                        "use_ema_warmup" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        config_ignore(r, keys[i]);
}

qs_status config_parse_unet(const char *path, json_t *root, unet_config *unet)
{
    static const char *const classes[] = { "UNet2DModel", NULL };
    qs_status status = QS_OK;
    config_reader r;
    uint32_t unused = 0;
    *unet = defaults;
    TRY(config_reader_init(&r, path, root));
    TRY(config_require(&r, "_class_name", "needed: \"UNet2DModel\""));
    TRY(config_take_word(&r, "_class_name", classes, &unused));
    config_ignore_private(&r);
    ignore_averaging(&r);
    TRY(read_shapes(&r, unet));
    TRY(read_mid_block(&r, unet));
    TRY(read_embeddings(&r, unet));
    TRY(read_layers(&r, unet));
    config_pass_over_foreign(&r, classes[0]);
    TRY(check_samples(&r, unet));
    TRY(check_widths(&r, unet));
    TRY(check_times(&r, unet));
fail:
    config_reader_finish(&r);
    return status;
}
