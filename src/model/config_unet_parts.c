/* What the configs of both classes of UNet share. */
#include "model/config_unet.h"

#include <string.h>

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

/* names: by unet_block_type. */
static qs_status read_blocks(config_reader *r, const char *key, const char *const *names,
                             unet_block_type *blocks, uint32_t *count)
{
    const char *known[BLOCK_CROSS_ATTENTION + 2] = { NULL };
    char list_of_known[256];
    for (uint32_t i = 0, used = 0; i <= BLOCK_CROSS_ATTENTION; i++)
        if (names[i])
            known[used++] = names[i];
    config_list_words(known, list_of_known, sizeof list_of_known);
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
        while (type <= BLOCK_CROSS_ATTENTION &&
               !(name && names[type] && strcmp(name, names[type]) == 0))
            type++;
        if (type > BLOCK_CROSS_ATTENTION)
            return config_refuse(r, key, list, "entry %u is none of the supported: %s", i,
                                 list_of_known);
        blocks[i] = (unet_block_type)type;
    }
    return QS_OK;
}

qs_status unet_read_shapes(config_reader *r, const unet_block_names *names, unet_config *unet)
{
    qs_status status = QS_OK;
    uint32_t down_count = unet->block_count, up_count = unet->block_count;
    TRY(read_sample_size(r, unet));
    TRY(config_take_u32(r, "in_channels", 1, CHANNELS_MAX, &unet->in_channels));
    TRY(config_take_u32(r, "out_channels", 1, CHANNELS_MAX, &unet->out_channels));
    TRY(read_widths(r, unet));
    TRY(read_blocks(r, "down_block_types", names->down, unet->down_blocks, &down_count));
    TRY(read_blocks(r, "up_block_types", names->up, unet->up_blocks, &up_count));
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

qs_status unet_take_null(config_reader *r, const char *key)
{
    const json_t *value = config_take(r, key);
    return !value || json_is_null(value) ? QS_OK : config_refuse(r, key, value, "supported: null");
}

qs_status unet_take_float(config_reader *r, const char *key, double min, double max, float *out)
{
    double value = *out;
    const qs_status status = config_take_number(r, key, min, max, &value);
    *out = (float)value;
    return status;
}

/* null and an absent key: a table, if there is num_class_embeds. */
static qs_status read_class_type(config_reader *r, const char *const *types, unet_config *unet)
{
    static const unet_class_embedding embeddings[] = { CLASS_TIMESTEP, CLASS_IDENTITY, CLASS_NONE };
    qs_status status = QS_OK;
    uint32_t type = 0;
    TRY(config_take_u32_or_null(r, "num_class_embeds", 1, CLASSES_MAX, &unet->num_class_embeds));
    unet->class_embedding = unet->num_class_embeds ? CLASS_TABLE : CLASS_NONE;
    const json_t *given = json_object_get(r->root, "class_embed_type");
    config_ignore(r, "class_embed_type");
    if (!given || json_is_null(given))
        return QS_OK;
    TRY(config_take_word(r, "class_embed_type", types, &type));
    unet->class_embedding = embeddings[type];
fail:
    return status;
}

qs_status unet_read_embeddings(config_reader *r, const unet_embedding_names *names,
                               unet_config *unet)
{
    qs_status status = QS_OK;
    uint32_t time_type = 0;
    TRY(config_take_word(r, "time_embedding_type", names->times, &time_type));
    unet->time_embedding = (unet_time_embedding)time_type;
    /* null and 0 mean 4 * block_out_channels[0] there */
    TRY(config_take_u32_or_null(r, "time_embedding_dim", 0, CHANNELS_MAX,
                                &unet->time_embedding_dim));
    if (unet->time_embedding_dim == 0)
        unet->time_embedding_dim = 4 * unet->block_out_channels[0];
    TRY(unet_take_float(r, "freq_shift", 0, 1, &unet->freq_shift));
    TRY(config_take_bool(r, "flip_sin_to_cos", &unet->flip_sin_to_cos));
    TRY(read_class_type(r, names->classes, unet));
    TRY(config_take_bool(r, "segment_embedding", &unet->segment_embedding));
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

qs_status unet_read_resnets(config_reader *r, unet_config *unet)
{
    static const char *const shifts[] = { "default", "scale_shift", NULL };
    qs_status status = QS_OK;
    uint32_t shift = 0;
    double dropout = 0;
    TRY(config_take_number(r, "dropout", 0, 1, &dropout)); /* training only */
    TRY(config_take_u32(r, "downsample_padding", 0, 1, &unet->downsample_padding));
    TRY(config_take_u32(r, "norm_num_groups", 1, CHANNELS_MAX, &unet->norm_num_groups));
    TRY(unet_take_float(r, "norm_eps", 1e-12, 1, &unet->norm_eps));
    TRY(unet_take_float(r, "mid_block_scale_factor", 1e-3, 1e3, &unet->mid_block_scale_factor));
    TRY(config_take_word(r, "resnet_time_scale_shift", shifts, &shift));
    TRY(config_take_bool(r, "center_input_sample", &unet->center_input_sample));
    unet->scale_shift = shift == 1;
fail:
    return status;
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
    const bool attends = unet->mid_block == MID_ATTENTION && unet->mid_attention;
    if (attends)
        TRY(check_head_width(r, unet, widths[count - 1]));
    if (attends && mid_groups != 0 && widths[count - 1] % mid_groups != 0)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: attn_norm_num_groups %u does not divide the last of "
                     "block_out_channels, %u",
                     r->path, mid_groups, widths[count - 1]));
fail:
    return status;
}

qs_status unet_check_shapes(const config_reader *r, const unet_config *unet)
{
    qs_status status = QS_OK;
    TRY(check_samples(r, unet));
    TRY(check_widths(r, unet));
    TRY(check_times(r, unet));
fail:
    return status;
}
