/* unet/config.json: diffusers.UNet2DModel, and which of the two classes it is. */
#include "model/config_unet.h"

/* diffusers' defaults. */
static const unet_config defaults = {
    .in_channels = 3,
    .out_channels = 3,
    .block_count = 4,
    .block_out_channels = { 224, 448, 672, 896 },
    .down_blocks = { BLOCK_DOWN, BLOCK_ATTENTION, BLOCK_ATTENTION, BLOCK_ATTENTION },
    .up_blocks = { BLOCK_ATTENTION, BLOCK_ATTENTION, BLOCK_ATTENTION, BLOCK_DOWN },
    .layers_per_block = 2,
    .mid_block = MID_ATTENTION,
    .mid_attention = true,
    .flip_sin_to_cos = true,
    .mid_block_scale_factor = 1,
    .downsample_padding = 1,
    .attention_head_dim = 8,
    .norm_num_groups = 32,
    .norm_eps = 1e-5f,
};

static qs_status read_mid_block(config_reader *r, unet_config *unet)
{
    static const char *const types[] = { "UNetMidBlock2D", NULL };
    qs_status status = QS_OK;
    uint32_t unused = 0;
    if (json_is_null(json_object_get(r->root, "mid_block_type")))
        unet->mid_block = MID_NONE;
    else
        TRY(config_take_word(r, "mid_block_type", types, &unused));
    config_ignore(r, "mid_block_type");
    TRY(config_take_bool(r, "add_attention", &unet->mid_attention));
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
    qs_status status = QS_OK;
    uint32_t act_fn = 0, down = 0, up = 0;
    TRY(config_take_word(r, "act_fn", activations, &act_fn));
    unet->act_fn = act_fn > ACT_FN_RELU ? ACT_FN_SILU : (unet_act_fn)act_fn; /* swish */
    TRY(config_take_word(r, "downsample_type", resamplers, &down));
    TRY(config_take_word(r, "upsample_type", resamplers, &up));
    TRY(config_take_u32_or_null(r, "attention_head_dim", 1, CHANNELS_MAX,
                                &unet->attention_head_dim));
    TRY(config_take_u32_or_null(r, "attn_norm_num_groups", 1, CHANNELS_MAX,
                                &unet->attn_norm_num_groups));
    unet->resnet_downsample = down == 1;
    unet->resnet_upsample = up == 1;
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

static qs_status read_unet_2d(config_reader *r, unet_config *unet)
{
    static const unet_block_names names = {
        .down = { "DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D" },
        .up = { "UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D" },
    };
    static const unet_embedding_names embeddings = {
        .times = { [TIME_POSITIONAL] = "positional",
                   [TIME_FOURIER] = "fourier",
                   [TIME_LEARNED] = "learned" },
        .classes = { "timestep", "identity" },
    };
    qs_status status = QS_OK;
    *unet = defaults;
    TRY(unet_read_shapes(r, &names, unet));
    TRY(read_mid_block(r, unet));
    TRY(unet_read_embeddings(r, &embeddings, unet));
    TRY(config_take_u32_or_null(r, "num_train_timesteps", 1, 1000000, &unet->num_train_timesteps));
    TRY(unet_read_resnets(r, unet));
    TRY(read_layers(r, unet));
fail:
    return status;
}

qs_status config_parse_unet(const char *path, json_t *root, unet_config *unet)
{
    static const char *const classes[] = { "UNet2DModel", "UNet2DConditionModel", NULL };
    qs_status status = QS_OK;
    config_reader r;
    uint32_t class = 0;
    *unet = defaults;
    TRY(config_reader_init(&r, path, root));
    TRY(config_require(&r, "_class_name", "needed: \"UNet2DModel\" or \"UNet2DConditionModel\""));
    TRY(config_take_word(&r, "_class_name", classes, &class));
    config_ignore_private(&r);
    ignore_averaging(&r);
    TRY(class == 0 ? read_unet_2d(&r, unet) : config_read_unet_condition(&r, unet));
    config_pass_over_foreign(&r, classes[class]);
    TRY(unet_check_shapes(&r, unet));
fail:
    config_reader_finish(&r);
    return status;
}
