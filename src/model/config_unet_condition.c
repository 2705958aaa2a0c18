/* unet/config.json: diffusers.UNet2DConditionModel. */
#include "model/config_unet.h"

#include <string.h>

/* diffusers' defaults. */
static const unet_config defaults = {
    .in_channels = 4,
    .out_channels = 4,
    .block_count = 4,
    .block_out_channels = { 320, 640, 1280, 1280 },
    .down_blocks = { BLOCK_CROSS_ATTENTION, BLOCK_CROSS_ATTENTION, BLOCK_CROSS_ATTENTION,
                     BLOCK_DOWN },
    .up_blocks = { BLOCK_DOWN, BLOCK_CROSS_ATTENTION, BLOCK_CROSS_ATTENTION,
                   BLOCK_CROSS_ATTENTION },
    .layers_per_block = 2,
    .mid_block = MID_CROSS_ATTENTION,
    .flip_sin_to_cos = true,
    .mid_block_scale_factor = 1,
    .downsample_padding = 1,
    .norm_num_groups = 32,
    .norm_eps = 1e-5f,
    .cross_attention_dim = 1280,
};

/* A number for all blocks, or one for each: an integer, or with max 1 a truth value. */
static qs_status take_per_block(config_reader *r, const char *key, uint32_t count, uint32_t max,
                                uint32_t values[UNET_BLOCKS_MAX])
{
    const json_t *list = config_take(r, key);
    if (!list)
        return QS_OK;
    if (json_is_array(list) && json_array_size(list) != count)
        return config_refuse(r, key, list, "there are %u blocks", count);
    for (uint32_t i = 0; i < count; i++) {
        const json_t *entry = json_is_array(list) ? json_array_get(list, i) : list;
        const json_int_t value =
            json_is_boolean(entry) ? json_is_true(entry) : json_integer_value(entry);
        if (json_is_boolean(entry) != (max == 1) ||
            !(json_is_boolean(entry) || json_is_integer(entry)) || value < (max == 1 ? 0 : 1) ||
            value > (json_int_t)max)
            return config_refuse(r, key, list,
                                 max == 1 ? "supported: true, false, or a list of them"
                                          : "supported: 1 to %u, or a list of them",
                                 max);
        values[i] = (uint32_t)value;
    }
    return QS_OK;
}

/* What a list says of one block: a number for all its layers, or a list of theirs. */
static qs_status read_block_transformers(const config_reader *r, const char *key,
                                         const json_t *block, uint32_t count, uint8_t *layers)
{
    if (json_is_array(block) && json_array_size(block) != count)
        return config_refuse(r, key, block, "in a block of %u layers", count);
    for (uint32_t i = 0; i < count; i++) {
        const json_t *entry = json_is_array(block) ? json_array_get(block, i) : block;
        const json_int_t value = json_integer_value(entry);
        if (!json_is_integer(entry) || value < 1 || value > UNET_LAYERS_MAX)
            return config_refuse(r, key, block, "supported: 1 to %d", UNET_LAYERS_MAX);
        layers[i] = (uint8_t)value;
    }
    return QS_OK;
}

/* A number for all blocks, or what there is of each. */
static qs_status take_transformers(config_reader *r, const char *key, const unet_config *unet,
                                   uint32_t index, uint32_t count, uint8_t *layers)
{
    const json_t *list = config_take(r, key);
    if (json_is_array(list) && json_array_size(list) != unet->block_count)
        return config_refuse(r, key, list, "there are %u blocks", unet->block_count);
    return list ? read_block_transformers(r, key,
                                          json_is_array(list) ? json_array_get(list, index) : list,
                                          count, layers)
                : QS_OK;
}

/* Where layers of a block differ, diffusers wants the up blocks' numbers, too: in their own order.
 */
static qs_status read_transformer_layers(config_reader *r, unet_config *unet)
{
    static const char down[] = "transformer_layers_per_block",
                      up[] = "reverse_transformer_layers_per_block";
    const uint32_t count = unet->block_count, layers = unet->layers_per_block;
    const bool reversed = json_is_array(json_object_get(r->root, up));
    qs_status status = QS_OK;
    memset(unet->down_transformers, 1, sizeof unet->down_transformers);
    memset(unet->up_transformers, 1, sizeof unet->up_transformers);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t facing = count - 1 - i;
        TRY(take_transformers(r, down, unet, i, layers, unet->down_transformers[i]));
        if (!reversed && json_is_array(json_array_get(json_object_get(r->root, down), facing)))
            TRY(config_refuse(r, up, json_object_get(r->root, up),
                              "needed where %s has lists in its list", down));
        TRY(take_transformers(r, reversed ? up : down, unet, reversed ? i : facing, layers + 1,
                              unet->up_transformers[i]));
    }
    if (!reversed)
        TRY(unet_take_null(r, up));
fail:
    return status;
}

static qs_status read_transformers(config_reader *r, unet_config *unet)
{
    const uint32_t count = unet->block_count;
    uint32_t only[UNET_BLOCKS_MAX] = { 0 };
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < count; i++)
        unet->attention_heads[i] = 8;
    TRY(take_per_block(r, "attention_head_dim", count, CHANNELS_MAX, unet->attention_heads));
    if (!json_is_null(json_object_get(r->root, "num_attention_heads")))
        TRY(take_per_block(r, "num_attention_heads", count, CHANNELS_MAX, unet->attention_heads));
    config_ignore(r, "num_attention_heads");
    TRY(read_transformer_layers(r, unet));
    TRY(take_per_block(r, "only_cross_attention", count, 1, only));
    for (uint32_t i = 0; i < count; i++)
        unet->only_cross_attention[i] = only[i];
    TRY(config_take_bool(r, "use_linear_projection", &unet->use_linear_projection));
    TRY(config_take_u32(r, "cross_attention_dim", 1, CHANNELS_MAX, &unet->cross_attention_dim));
fail:
    return status;
}

static qs_status read_mid_block(config_reader *r, unet_config *unet)
{
    static const char *const types[] = { "UNetMidBlock2DCrossAttn", "UNetMidBlock2D", NULL };
    const bool none = json_is_null(json_object_get(r->root, "mid_block_type"));
    uint32_t type = 0;
    const qs_status status = none ? QS_OK : config_take_word(r, "mid_block_type", types, &type);
    config_ignore(r, "mid_block_type");
    unet->mid_block = none ? MID_NONE : type == 0 ? MID_CROSS_ATTENTION : MID_RESNET;
    return status;
}

/* text_time: what add_embedding reads is the pooled state, then TIME_IDS embeddings. */
static qs_status read_addition(config_reader *r, unet_config *unet, uint32_t input_dim)
{
    static const char key[] = "addition_embed_type", dim[] = "addition_time_embed_dim";
    static const char *const types[] = { "text_time", NULL };
    uint32_t unused = 0;
    qs_status status = QS_OK;
    if (json_is_null(json_object_get(r->root, key)) || !json_object_get(r->root, key)) {
        config_ignore(r, key);
        return unet_take_null(r, dim);
    }
    TRY(config_take_word(r, key, types, &unused));
    TRY(config_take_u32_or_null(r, dim, 2, CHANNELS_MAX / TIME_IDS, &unet->time_id_dim));
    if (unet->time_id_dim == 0)
        TRY(config_refuse(r, dim, json_object_get(r->root, dim), "needed with %s \"text_time\"",
                          key));
    if (unet->pooled_dim != 0)
        TRY(config_refuse(r, key, json_object_get(r->root, key),
                          "supported: null with class_embed_type \"simple_projection\""));
    if (input_dim <= TIME_IDS * unet->time_id_dim)
        TRY(config_refuse(r, "projection_class_embeddings_input_dim",
                          json_object_get(r->root, "projection_class_embeddings_input_dim"),
                          "needed: more than %d times %s %u, which leaves the text's pooled state",
                          TIME_IDS, dim, unet->time_id_dim));
    unet->pooled_dim = input_dim - TIME_IDS * unet->time_id_dim;
fail:
    return status;
}

/* What is added to the time's embedding. */
static qs_status read_condition(config_reader *r, unet_config *unet)
{
    const char *type = json_string_value(json_object_get(r->root, "class_embed_type"));
    uint32_t input_dim = 0;
    qs_status status = QS_OK;
    TRY(config_take_u32_or_null(r, "time_cond_proj_dim", 2, CHANNELS_MAX,
                                &unet->time_cond_proj_dim));
    TRY(config_take_u32_or_null(r, "projection_class_embeddings_input_dim", 1, CHANNELS_MAX,
                                &input_dim));
    if (type && strcmp(type, "simple_projection") == 0) {
        unet->pooled_dim = input_dim;
        if (input_dim == 0)
            TRY(config_refuse(r, "projection_class_embeddings_input_dim", NULL,
                              "needed with class_embed_type \"simple_projection\""));
    }
    TRY(read_addition(r, unet, input_dim));
fail:
    return status;
}

/* What would change the network in a way that is not here. upcast_attention changes nothing: sums
 * are always float. */
static qs_status refuse_others(config_reader *r)
{
    static const char *const nulls[] = {
        "encoder_hid_dim",   "encoder_hid_dim_type", "time_embedding_act_fn",
        "timestep_post_act", "cross_attention_norm",
    };
    static const char *const falses[] = { "dual_cross_attention", "resnet_skip_time_act",
                                          "class_embeddings_concat",
                                          "mid_block_only_cross_attention" };
    static const char *const silu[] = { "silu", "swish", NULL }, *const plain[] = { "default",
                                                                                    NULL };
    uint32_t unused = 0, kernel = 3;
    double scale = 1;
    qs_status status = QS_OK;
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
        TRY(unet_take_null(r, nulls[i]));
    for (size_t i = 0; i < sizeof falses / sizeof *falses; i++) {
        const json_t *value = config_take(r, falses[i]);
        if (value && !json_is_null(value) && !json_is_false(value))
            TRY(config_refuse(r, falses[i], value, "supported: false"));
    }
    TRY(config_take_word(r, "act_fn", silu, &unused));
    TRY(config_take_word(r, "attention_type", plain, &unused));
    TRY(config_take_u32(r, "conv_in_kernel", 3, 3, &kernel));
    TRY(config_take_u32(r, "conv_out_kernel", 3, 3, &kernel));
    TRY(config_take_number(r, "resnet_out_scale_factor", 1, 1, &scale));
    config_ignore(r, "upcast_attention");
    config_ignore(r, "addition_embed_type_num_heads");
fail:
    return status;
}

/* Heads share a level's channels, in vectors of four. */
static qs_status check_heads(const config_reader *r, const unet_config *unet)
{
    for (uint32_t i = 0; i < unet->block_count; i++) {
        const bool reads = unet->down_blocks[i] == BLOCK_CROSS_ATTENTION ||
                           unet->up_blocks[unet->block_count - 1 - i] == BLOCK_CROSS_ATTENTION ||
                           (unet->mid_block == MID_CROSS_ATTENTION && i == unet->block_count - 1);
        const uint32_t channels = unet->block_out_channels[i], heads = unet->attention_heads[i];
        if (reads && channels % (4 * heads) != 0)
            return qs_error(
                QS_ERROR_MODEL,
                "%s: attention_head_dim[%u], the number of heads, is %u: it does not divide "
                "block_out_channels[%u] = %u into heads of a multiple of four channels",
                r->path, i, heads, i, channels);
    }
    return QS_OK;
}

qs_status config_read_unet_condition(config_reader *r, unet_config *unet)
{
    static const unet_block_names names = {
        .down = { [BLOCK_DOWN] = "DownBlock2D", [BLOCK_CROSS_ATTENTION] = "CrossAttnDownBlock2D" },
        .up = { [BLOCK_DOWN] = "UpBlock2D", [BLOCK_CROSS_ATTENTION] = "CrossAttnUpBlock2D" },
    };
    static const unet_embedding_names embeddings = {
        .times = { [TIME_POSITIONAL] = "positional" },
        .classes = { "timestep", "identity", "simple_projection" },
    };
    qs_status status = QS_OK;
    *unet = defaults;
    TRY(unet_read_shapes(r, &names, unet));
    TRY(read_mid_block(r, unet));
    TRY(read_transformers(r, unet));
    TRY(unet_read_embeddings(r, &embeddings, unet));
    TRY(read_condition(r, unet));
    TRY(unet_read_resnets(r, unet));
    TRY(refuse_others(r));
    TRY(check_heads(r, unet));
fail:
    return status;
}
