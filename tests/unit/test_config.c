/* The configs: defaults are diffusers', and every wrong value is an error that names file and key.
 */
#include "../harness/folder.h"

#include "model/config.h"

#include <setjmp.h>
#include <cmocka.h>

#include "../harness/json_key.h"

#define INDEX "model_index.json"
#define UNET "unet/config.json"
#define SCHEDULER "scheduler/scheduler_config.json"

/* ------------------------------------------------------------------------------------------- */
/* A valid model: ours with classes, segments and alpha                                         */

static const char base_index[] =
    "{\"_class_name\":\"MultistepConsistencyPipeline\",\"_diffusers_version\":\"0.31.0\","
    "\"unet\":[\"diffusers\",\"UNet2DModel\"],"
    "\"scheduler\":[\"quickstep\",\"MultistepConsistencyScheduler\"],"
    "\"image_alpha\":\"premultiplied\",\"id2label\":{\"0\":\"apple\",\"2\":\"caf\xc3\xa9\"},"
    "\"default_label\":2}";

static const char base_unet[] =
    "{\"_class_name\":\"UNet2DModel\",\"_diffusers_version\":\"0.31.0\",\"_name_or_path\":\"x\","
    "\"sample_size\":32,\"in_channels\":4,\"out_channels\":4,\"center_input_sample\":false,"
    "\"time_embedding_type\":\"positional\",\"time_embedding_dim\":null,\"freq_shift\":0,"
    "\"flip_sin_to_cos\":true,"
    "\"down_block_types\":[\"DownBlock2D\",\"ResnetDownsampleBlock2D\",\"AttnDownBlock2D\"],"
    "\"mid_block_type\":\"UNetMidBlock2D\","
    "\"up_block_types\":[\"AttnUpBlock2D\",\"ResnetUpsampleBlock2D\",\"UpBlock2D\"],"
    "\"block_out_channels\":[32,64,128],\"layers_per_block\":1,\"mid_block_scale_factor\":1,"
    "\"downsample_padding\":0,\"downsample_type\":\"resnet\",\"upsample_type\":\"conv\","
    "\"dropout\":0.1,\"act_fn\":\"silu\",\"attention_head_dim\":32,\"norm_num_groups\":8,"
    "\"attn_norm_num_groups\":16,\"norm_eps\":1e-6,\"resnet_time_scale_shift\":\"scale_shift\","
    "\"add_attention\":true,\"class_embed_type\":null,\"num_class_embeds\":4,"
    "\"num_train_timesteps\":null,\"segment_embedding\":true}";

static const char base_scheduler[] =
    "{\"_class_name\":\"MultistepConsistencyScheduler\",\"prediction_type\":\"v_prediction\","
    "\"schedule\":\"interpolated_cosine\",\"image_size\":32,\"noise_size_low\":16,"
    "\"noise_size_high\":32.5,\"logsnr_min\":-15,\"logsnr_max\":15.0,\"timestep_scale\":1000,"
    "\"clip_sample\":true,\"trained_steps\":[1,2,4]}";

static const char consistency_scheduler[] = /* openai/diffusers-cd_imagenet64_l2 */
    "{\"_class_name\":\"CMStochasticIterativeScheduler\",\"_diffusers_version\":\"0.18.0.dev0\","
    "\"clip_denoised\":true,\"num_train_timesteps\":40,\"rho\":7.0,\"s_noise\":1.0,"
    "\"sigma_data\":0.5,\"sigma_max\":80.0,\"sigma_min\":0.002}";

static void write_text(const char *name, const char *text)
{
    temporary_write(temporary_path(folder, name), text, strlen(text));
}

static void write_base(void)
{
    write_text(INDEX, base_index);
    write_text(UNET, base_unet);
    write_text(SCHEDULER, base_scheduler);
}

/* One key of one base file set to a JSON value, or removed (NULL). */
static void patch(const char *name, const char *base, const char *key, const char *value)
{
    write_with_key(json_loads(base, 0, NULL), key, value, temporary_path(folder, name));
}

static const char *base_of(const char *name)
{
    return strcmp(name, INDEX) == 0  ? base_index
           : strcmp(name, UNET) == 0 ? base_unet
                                     : base_scheduler;
}

static qs_status read_config(model_config *config)
{
    model_folder found;
    qs_status status = model_folder_find(folder, NULL, &found);
    if (status == QS_OK)
        status = model_config_read(&found, config);
    model_folder_finish(&found);
    return status;
}

static void check_refused(const char *name, const char *fragment)
{
    model_config config = { 0 };
    const qs_status status = read_config(&config);
    if (status != QS_ERROR_MODEL || !strstr(qs_last_error(), fragment) ||
        !strstr(qs_last_error(), name))
        fail_msg("%s: status %d, wanted \"%s\", got \"%s\"", name, status, fragment,
                 qs_last_error());
    assert_null(config.arena.blocks);
    assert_null(config.labels);
}

/* ------------------------------------------------------------------------------------------- */
/* What is right                                                                                */

static void every_value_arrives(void **state)
{
    (void)state;
    model_config config;
    if (read_config(&config) != QS_OK)
        fail_msg("%s", qs_last_error());
    const unet_config *u = &config.unet;
    assert_int_equal(u->sample_height, 32);
    assert_int_equal(u->sample_width, 32);
    assert_int_equal(u->in_channels, 4);
    assert_int_equal(u->out_channels, 4);
    assert_int_equal(u->block_count, 3);
    assert_int_equal(u->block_out_channels[2], 128);
    assert_int_equal(u->down_blocks[0], BLOCK_DOWN);
    assert_int_equal(u->down_blocks[1], BLOCK_RESNET_RESAMPLE);
    assert_int_equal(u->down_blocks[2], BLOCK_ATTENTION);
    assert_int_equal(u->up_blocks[0], BLOCK_ATTENTION);
    assert_int_equal(u->up_blocks[1], BLOCK_RESNET_RESAMPLE);
    assert_int_equal(u->up_blocks[2], BLOCK_DOWN);
    assert_int_equal(u->layers_per_block, 1);
    assert_true(u->mid_block == MID_ATTENTION && u->mid_attention);
    assert_true(u->flip_sin_to_cos && !u->center_input_sample);
    assert_int_equal(u->downsample_padding, 0);
    assert_true(u->resnet_downsample && !u->resnet_upsample);
    assert_int_equal(u->attention_head_dim, 32);
    assert_int_equal(u->norm_num_groups, 8);
    assert_int_equal(u->attn_norm_num_groups, 16);
    assert_true(u->norm_eps == 1e-6f && u->freq_shift == 0 && u->mid_block_scale_factor == 1);
    assert_true(u->scale_shift && u->segment_embedding);
    assert_int_equal(u->num_class_embeds, 4);

    const scheduler_config *s = &config.scheduler;
    assert_int_equal(s->class, SCHEDULER_MULTISTEP);
    assert_true(s->image_size == 32 && s->noise_size_low == 16 && s->noise_size_high == 32.5);
    assert_true(s->logsnr_min == -15 && s->logsnr_max == 15 && s->timestep_scale == 1000);
    assert_true(s->clip_sample);
    assert_int_equal(s->trained_steps_count, 3);
    assert_int_equal(s->trained_steps[2], 4);

    assert_true(config.premultiplied_alpha);
    assert_int_equal(config.label_count, 4);
    assert_int_equal(config.default_label, 2);
    assert_string_equal(config.labels[0], "apple");
    assert_string_equal(config.labels[1], "1");
    assert_string_equal(config.labels[2], "caf\xc3\xa9");
    assert_string_equal(config.labels[3], "3");
    model_config_finish(&config);
    model_config_finish(&config);
    model_config_finish(NULL);
}

static void absent_keys_are_diffusers_defaults(void **state)
{
    (void)state;
    model_config config;
    remove(temporary_path(folder, INDEX));
    write_text(UNET, "{\"_class_name\":\"UNet2DModel\",\"sample_size\":[64,128]}");
    write_text(SCHEDULER, "{\"_class_name\":\"CMStochasticIterativeScheduler\"}");
    if (read_config(&config) != QS_OK)
        fail_msg("%s", qs_last_error());
    const unet_config *u = &config.unet;
    const uint32_t widths[] = { 224, 448, 672, 896 };
    assert_int_equal(u->sample_height, 64);
    assert_int_equal(u->sample_width, 128);
    assert_int_equal(u->in_channels, 3);
    assert_int_equal(u->block_count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(u->block_out_channels[i], widths[i]);
        assert_int_equal(u->down_blocks[i], i == 0 ? BLOCK_DOWN : BLOCK_ATTENTION);
        assert_int_equal(u->up_blocks[i], i == 3 ? BLOCK_DOWN : BLOCK_ATTENTION);
    }
    assert_int_equal(u->layers_per_block, 2);
    assert_int_equal(u->downsample_padding, 1);
    assert_false(u->resnet_downsample || u->resnet_upsample || u->scale_shift ||
                 u->segment_embedding);
    assert_true(u->flip_sin_to_cos && u->mid_block == MID_ATTENTION && u->mid_attention);
    assert_int_equal(u->attention_head_dim, 8);
    assert_int_equal(u->norm_num_groups, 32);
    assert_int_equal(u->attn_norm_num_groups, 0);
    assert_true(u->norm_eps == 1e-5f);
    assert_int_equal(u->num_class_embeds, 0);
    assert_int_equal(config.scheduler.class, SCHEDULER_CONSISTENCY);
    assert_int_equal(config.scheduler.num_train_timesteps, 40);
    assert_true(config.scheduler.sigma_max == 80 && config.scheduler.sigma_min == 0.002 &&
                config.scheduler.sigma_data == 0.5 && config.scheduler.rho == 7 &&
                config.scheduler.s_noise == 1 && config.scheduler.clip_denoised);
    assert_int_equal(config.label_count, 0);
    assert_false(config.premultiplied_alpha);
    model_config_finish(&config);
}

typedef struct patch_row {
    const char *file, *key, *value, *fragment;
} patch_row;

static const patch_row accepted[] = {
    { UNET, "act_fn", "\"swish\"", NULL },
    { UNET, "attention_head_dim", "null", NULL },
    { UNET, "attn_norm_num_groups", "null", NULL },
    { UNET, "mid_block_type", "null", NULL },
    { UNET, "add_attention", "false", NULL },
    { UNET, "freq_shift", "1", NULL },
    { UNET, "norm_eps", "1", NULL },
    { UNET, "time_embedding_dim", "128", NULL },
    { UNET, "num_train_timesteps", "1000", NULL },
    { UNET, "sample_size", "[4, 8]", NULL },
    { UNET, "center_input_sample", "true", NULL },
    { UNET, "mid_block_scale_factor", "1.41", NULL },
    { UNET, "_some_note", "\"x\"", NULL },
    { UNET, "update_after_step", "0", NULL },
    { SCHEDULER, "_some_note", "[]", NULL },
    { INDEX, "_class_name", "\"ConsistencyModelPipeline\"", NULL },
    { INDEX, "_class_name", "\"DDPMPipeline\"", NULL },
    { INDEX, "_class_name", "\"DDIMPipeline\"", NULL },
    { SCHEDULER, "trained_steps", NULL, NULL },
    { SCHEDULER, "trained_steps", "[]", NULL },
    { INDEX, "safety_checker", "null", NULL },
    { INDEX, "vae", "[null, null]", NULL },
    { INDEX, "image_alpha", "\"straight\"", NULL },
    { INDEX, "image_alpha", NULL, NULL },
    { INDEX, "id2label", NULL, NULL },
    { INDEX, "id2label", "{}", NULL },
    { INDEX, "default_label", NULL, NULL },
};

static void these_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        const patch_row *row = &accepted[i];
        model_config config;
        write_base();
        patch(row->file, base_of(row->file), row->key, row->value);
        if (read_config(&config) != QS_OK)
            fail_msg("%s: %s: %s", row->key, row->value, qs_last_error());
        assert_int_equal(config.unet.mid_attention, strcmp(row->key, "add_attention") != 0);
        model_config_finish(&config);
    }
}

static void openai_scheduler_loads(void **state)
{
    (void)state;
    model_config config;
    write_text(SCHEDULER, consistency_scheduler);
    patch(INDEX, base_index, "scheduler", "[\"diffusers\",\"CMStochasticIterativeScheduler\"]");
    if (read_config(&config) != QS_OK)
        fail_msg("%s", qs_last_error());
    assert_int_equal(config.scheduler.class, SCHEDULER_CONSISTENCY);
    assert_true(config.scheduler.rho == 7 && config.scheduler.clip_denoised);
    model_config_finish(&config);
}

/* ------------------------------------------------------------------------------------------- */
/* What is wrong                                                                                */

static const patch_row damaged[] = {
    { UNET, "_class_name", NULL, "key \"_class_name\" is missing, needed: \"UNet2DModel\"" },
    { UNET, "_class_name", "\"UNet3DConditionModel\"",
      "key \"_class_name\" is \"UNet3DConditionModel\", supported: \"UNet2DModel\"" },
    { UNET, "sample_size", NULL, "key \"sample_size\" is missing, needed" },
    { UNET, "sample_size", "null", "key \"sample_size\" is null, needed" },
    { UNET, "sample_size", "32.0", "key \"sample_size\" is 32.0" },
    { UNET, "sample_size", "\"32\"", "key \"sample_size\" is \"32\"" },
    { UNET, "sample_size", "4100", "key \"sample_size\" is 4100" },
    { UNET, "sample_size", "[32,32,32]", "key \"sample_size\" is [32,32,32]" },
    { UNET, "sample_size", "[32,-32]", "key \"sample_size\" is [32,-32]" },
    { UNET, "sample_size", "30", "key \"sample_size\" is 30, 3 blocks need a multiple of 4" },
    { UNET, "in_channels", "3", "in_channels is 3, out_channels is 4" },
    { UNET, "in_channels", "0", "key \"in_channels\" is 0, supported: 1 to 16384" },
    { UNET, "in_channels", "-4", "key \"in_channels\" is -4" },
    { UNET, "in_channels", "4294967300", "key \"in_channels\" is 4294967300" },
    { UNET, "in_channels", "true", "key \"in_channels\" is true" },
    { UNET, "in_channels", "4.0", "key \"in_channels\" is 4.0" },
    { UNET, "in_channels", "null", "key \"in_channels\" is null" },
    { UNET, "center_input_sample", "0",
      "key \"center_input_sample\" is 0, supported: true, false" },
    { UNET, "time_embedding_type", "\"gaussian\"",
      "key \"time_embedding_type\" is \"gaussian\", supported: \"positional\", \"fourier\"" },
    { UNET, "time_embedding_type", "\"learned\"",
      "time_embedding_type \"learned\" needs num_train_timesteps" },
    { UNET, "time_embedding_type", "\"fourier\"",
      "segment_embedding needs time_embedding_type \"positional\"" },
    { UNET, "time_embedding_dim", "16385",
      "key \"time_embedding_dim\" is 16385, supported: 0 to 16384, or null" },
    { UNET, "freq_shift", "2", "key \"freq_shift\" is 2, supported: 0 to 1" },
    { UNET, "flip_sin_to_cos", "null", "key \"flip_sin_to_cos\" is null" },
    { UNET, "down_block_types", "[\"DownBlock2D\",\"CrossAttnDownBlock2D\",\"DownBlock2D\"]",
      "entry 1 is none of the supported" },
    { UNET, "down_block_types", "[\"UpBlock2D\",\"DownBlock2D\",\"DownBlock2D\"]",
      "entry 0 is none of the supported" },
    { UNET, "down_block_types", "[\"DownBlock2D\",\"DownBlock2D\"]",
      "3 block_out_channels, 2 down_block_types and 3 up_block_types" },
    { UNET, "down_block_types", NULL, "3 block_out_channels, 4 down_block_types" },
    { UNET, "down_block_types", "\"DownBlock2D\"",
      "key \"down_block_types\" is \"DownBlock2D\", supported: a list" },
    { UNET, "down_block_types", "[]",
      "key \"down_block_types\" is [], supported: a list of 1 to 8" },
    { UNET, "up_block_types", "[\"UpBlock2D\",\"UpBlock2D\",null]",
      "entry 2 is none of the supported" },
    { UNET, "up_block_types", "[\"UpBlock2D\"]", "3 down_block_types and 1 up_block_types" },
    { UNET, "mid_block_type", "\"UNetMidBlock2DCrossAttn\"",
      "key \"mid_block_type\" is \"UNetMidBlock2DCrossAttn\"" },
    { UNET, "block_out_channels", "[32,64,32768]", "supported: 1 to 16384 in every entry" },
    { UNET, "block_out_channels", "[32,64,0]", "supported: 1 to 16384 in every entry" },
    { UNET, "block_out_channels", "[8,8,8,8,8,8,8,8,8]", "supported: a list of 1 to 8 entries" },
    { UNET, "block_out_channels", "[32,60,128]",
      "norm_num_groups 8 does not divide block_out_channels[1] = 60" },
    { UNET, "block_out_channels", "[32,64,80]",
      "attention_head_dim 32 does not divide the 80 channels" },
    { UNET, "layers_per_block", "65", "key \"layers_per_block\" is 65, supported: 1 to 64" },
    { UNET, "layers_per_block", "[1,2,3]", "key \"layers_per_block\" is [1,2,3]" },
    { UNET, "mid_block_scale_factor", "0", "key \"mid_block_scale_factor\" is 0" },
    { UNET, "downsample_padding", "2", "key \"downsample_padding\" is 2, supported: 0 to 1" },
    { UNET, "downsample_type", "\"fir\"",
      "key \"downsample_type\" is \"fir\", supported: \"conv\", \"resnet\"" },
    { UNET, "upsample_type", "null", "key \"upsample_type\" is null" },
    { UNET, "dropout", "\"0\"", "key \"dropout\" is \"0\"" },
    { UNET, "act_fn", "\"tanh\"",
      "key \"act_fn\" is \"tanh\", supported: \"silu\", \"mish\", \"gelu\", \"relu\", \"swish\"" },
    { UNET, "attention_head_dim", "0",
      "key \"attention_head_dim\" is 0, supported: 1 to 16384, or null" },
    { UNET, "attention_head_dim", "48", "attention_head_dim 48 does not divide the 128 channels" },
    { UNET, "norm_num_groups", "null", "key \"norm_num_groups\" is null" },
    { UNET, "norm_num_groups", "0", "key \"norm_num_groups\" is 0" },
    { UNET, "norm_num_groups", "12",
      "norm_num_groups 12 does not divide block_out_channels[0] = 32" },
    { UNET, "attn_norm_num_groups", "24",
      "attn_norm_num_groups 24 does not divide the last of block_out_channels, 128" },
    { UNET, "norm_eps", "0", "key \"norm_eps\" is 0, supported" },
    { UNET, "norm_eps", "1e300", "key \"norm_eps\" is 1" },
    { UNET, "resnet_time_scale_shift", "\"spatial\"",
      "key \"resnet_time_scale_shift\" is \"spatial\", supported: \"default\", \"scale_shift\"" },
    { UNET, "add_attention", "1", "key \"add_attention\" is 1" },
    { UNET, "class_embed_type", "\"projection\"",
      "key \"class_embed_type\" is \"projection\", supported: \"timestep\", \"identity\"" },
    { UNET, "class_embed_type", "1", "key \"class_embed_type\" is 1, supported: " },
    { UNET, "num_class_embeds", "0", "key \"num_class_embeds\" is 0" },
    { UNET, "num_class_embeds", "1000000000",
      "key \"num_class_embeds\" is 1000000000, supported: 1 to 65536, or null" },
    { UNET, "num_train_timesteps", "1.5", "key \"num_train_timesteps\" is 1.5" },
    { UNET, "segment_embedding", "\"yes\"", "key \"segment_embedding\" is \"yes\"" },

    { SCHEDULER, "_class_name", NULL, "key \"_class_name\" is missing" },
    { SCHEDULER, "_class_name", "\"PNDMScheduler\"",
      "key \"_class_name\" is \"PNDMScheduler\", supported: \"MultistepConsistencyScheduler\", "
      "\"CMStochasticIterativeScheduler\", \"DDPMScheduler\", \"DDIMScheduler\", "
      "\"LCMScheduler\"" },
    { SCHEDULER, "beta_start", "0.1", "unknown key \"beta_start\"" },
    { SCHEDULER, "\x1b[2J", "1", "unknown key \"?[2J\"" },
    { SCHEDULER, "prediction_type", "\"epsilon\"",
      "key \"prediction_type\" is \"epsilon\", supported: \"v_prediction\"" },
    { SCHEDULER, "prediction_type", NULL, "key \"prediction_type\" is missing" },
    { SCHEDULER, "schedule", "\"cosine\"",
      "key \"schedule\" is \"cosine\", supported: \"interpolated_cosine\"" },
    { SCHEDULER, "image_size", NULL, "key \"image_size\" is missing, needed: a number" },
    { SCHEDULER, "image_size", "0", "key \"image_size\" is 0" },
    { SCHEDULER, "noise_size_low", "64", "noise_size_low 64 is above noise_size_high 32.5" },
    { SCHEDULER, "noise_size_high", "[32]", "key \"noise_size_high\" is [32]" },
    { SCHEDULER, "logsnr_min", "15", "key \"logsnr_min\" is 15, supported: -100 to 0" },
    { SCHEDULER, "logsnr_max", "1e9", "key \"logsnr_max\" is 1" },
    { SCHEDULER, "timestep_scale", "-1000", "key \"timestep_scale\" is -1000" },
    { SCHEDULER, "clip_sample", NULL, "key \"clip_sample\" is missing" },
    { SCHEDULER, "clip_sample", "\"true\"", "key \"clip_sample\" is \"true\"" },
    { SCHEDULER, "trained_steps", "[2,1]",
      "key \"trained_steps\" is [2,1], supported: 1 to 1024, ascending" },
    { SCHEDULER, "trained_steps", "[0]", "key \"trained_steps\" is [0]" },
    { SCHEDULER, "trained_steps", "[1025]", "key \"trained_steps\" is [1025]" },
    { SCHEDULER, "trained_steps", "4", "key \"trained_steps\" is 4, supported: a list" },

    { INDEX, "_class_name", NULL, "key \"_class_name\" is missing, needed: the pipeline's class" },
    { INDEX, "_class_name", "\"StableUnCLIPPipeline\"",
      "key \"_class_name\" is \"StableUnCLIPPipeline\", supported: " },
    { INDEX, "unet", NULL, "key \"unet\" is missing, needed: [library, \"UNet2DModel\"]" },
    { INDEX, "unet", "[\"diffusers\",\"UNet2DConditionModel\"]",
      "key \"unet\" is [\"diffusers\",\"UNet2DConditionModel\"]" },
    { INDEX, "unet", "[null,null]", "key \"unet\" is [null,null]" },
    { INDEX, "scheduler", "[\"diffusers\",\"CMStochasticIterativeScheduler\"]",
      "needed: [library, \"MultistepConsistencyScheduler\"]" },
    { INDEX, "vae", "[\"diffusers\",\"AutoencoderKL\"]",
      "key \"vae\" is [\"diffusers\",\"AutoencoderKL\"], but there is no vae/ beside unet/" },
    { INDEX, "text_encoder_2", "[\"transformers\",\"CLIPTextModel\"]",
      "key \"text_encoder_2\" is [\"transformers\",\"CLIPTextModel\"], supported: null" },
    { INDEX, "examples", "[1]", "key \"examples\" is [1], supported: strings" },
    { INDEX, "examples", "\"a\"", "key \"examples\" is \"a\", supported: a list" },
    { INDEX, "default_guidance", "0", "key \"default_guidance\" is 0, supported: 1 to 1000" },
    { INDEX, "image_alpha", "\"associated\"",
      "key \"image_alpha\" is \"associated\", supported: \"straight\", \"premultiplied\"" },
    { INDEX, "id2label", "[]", "key \"id2label\" is []" },
    { INDEX, "id2label", "{\"4\":\"x\"}", "id2label has \"4\", the network has 4 labels from 0" },
    { INDEX, "id2label", "{\"-1\":\"x\"}", "id2label has \"-1\"" },
    { INDEX, "id2label", "{\"01\":\"x\"}", "id2label has \"01\"" },
    { INDEX, "id2label", "{\"4294967296\":\"x\"}", "id2label has \"4294967296\"" },
    { INDEX, "id2label", "{\"\":\"x\"}", "id2label has \"\"" },
    { INDEX, "id2label", "{\"1\":7}", "id2label \"1\" is not a string" },
    { INDEX, "id2label", "{\"1\":\"a\\nb\"}", "id2label \"1\" is not a string or has control" },
    { INDEX, "default_label", "4", "key \"default_label\" is 4, supported: 0 to 3" },
    { INDEX, "default_label", "\"apple\"", "key \"default_label\" is \"apple\"" },
};

static void damaged_values_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        const patch_row *row = &damaged[i];
        write_base();
        patch(row->file, base_of(row->file), row->key, row->value);
        check_refused(row->file, row->fragment);
    }
}

static void damaged_consistency_schedulers(void **state)
{
    (void)state;
    static const patch_row rows[] = {
        { NULL, "sigma_min", "80", "sigma_min 80 is not below sigma_max 80" },
        { NULL, "sigma_min", "0", "key \"sigma_min\" is 0" },
        { NULL, "rho", "0", "key \"rho\" is 0" },
        { NULL, "sigma_data", "null", "key \"sigma_data\" is null" },
        { NULL, "num_train_timesteps", "1",
          "key \"num_train_timesteps\" is 1, supported: 2 to 100000" },
        { NULL, "clip_denoised", "1", "key \"clip_denoised\" is 1" },
        { NULL, "sigma_max", "null", "key \"sigma_max\" is null" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        patch(SCHEDULER, consistency_scheduler, rows[i].key, rows[i].value);
        check_refused(SCHEDULER, rows[i].fragment);
    }
}

static void things_that_do_not_fit_together(void **state)
{
    (void)state;
    patch(UNET, base_unet, "num_class_embeds", "null");
    check_refused(INDEX, "id2label has \"0\", the network has 0 labels");
    patch(INDEX, base_index, "id2label", NULL);
    check_refused(INDEX, "key \"default_label\" is 2, the network has no labels");
    write_base();
    write_text(UNET, "{\"_class_name\":\"UNet2DModel\",\"sample_size\":32,\"num_class_embeds\":4}");
    check_refused(INDEX, "key \"image_alpha\" is \"premultiplied\", the network has 3 channels");
    write_text(UNET, "{\"_class_name\":\"UNet2DModel\",\"sample_size\":32,\"in_channels\":2,\"out_"
                     "channels\":2}");
    check_refused(UNET, "key \"out_channels\" is 2, supported: 1 (grey), 3 (RGB), 4 (RGBA)");
    write_text(UNET, "{\"_class_name\":\"UNet2DModel\",\"sample_size\":32,\"norm_num_groups\":1,"
                     "\"block_out_channels\":[7],\"down_block_types\":[\"DownBlock2D\"],"
                     "\"up_block_types\":[\"UpBlock2D\"],\"mid_block_type\":null}");
    check_refused(UNET, "block_out_channels[0] = 7 is odd");
}

static const char ddpm[] = "{\"_class_name\":\"DDPMScheduler\",\"num_train_timesteps\":40}";

static model_config read_embeddings(const char *unet_keys, const char *scheduler)
{
    char text[512];
    model_config config;
    snprintf(text, sizeof text,
             "{\"_class_name\":\"UNet2DModel\",\"sample_size\":32,\"norm_num_groups\":1,"
             "\"block_out_channels\":[7],\"down_block_types\":[\"DownBlock2D\"],"
             "\"up_block_types\":[\"UpBlock2D\"],\"mid_block_type\":null,%s}",
             unet_keys);
    remove(temporary_path(folder, INDEX));
    write_text(UNET, text);
    write_text(SCHEDULER, scheduler);
    if (read_config(&config) != QS_OK)
        fail_msg("%s", qs_last_error());
    return config;
}

/* How many labels there are, and what the network's word of one is. */
static void embeddings_of_times_and_labels(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        unet_time_embedding time;
        unet_class_embedding class;
        uint32_t labels;
        bool numbers;
    } rows[] = {
        { "\"time_embedding_type\":\"fourier\",\"class_embed_type\":null", TIME_FOURIER, CLASS_NONE,
          0, false },
        { "\"time_embedding_type\":\"fourier\",\"num_class_embeds\":5", TIME_FOURIER, CLASS_TABLE,
          5, false },
        { "\"time_embedding_type\":\"fourier\",\"class_embed_type\":\"timestep\"", TIME_FOURIER,
          CLASS_TIMESTEP, CLASSES_MAX, true },
        { "\"time_embedding_type\":\"learned\",\"num_train_timesteps\":40,"
          "\"class_embed_type\":\"timestep\"",
          TIME_LEARNED, CLASS_TIMESTEP, 40, false },
        { "\"time_embedding_type\":\"learned\",\"num_train_timesteps\":41,\"num_class_embeds\":3,"
          "\"class_embed_type\":\"identity\"",
          TIME_LEARNED, CLASS_IDENTITY, 3, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        model_config config = read_embeddings(rows[i].keys, ddpm);
        assert_int_equal(config.unet.time_embedding, rows[i].time);
        assert_int_equal(config.unet.class_embedding, rows[i].class);
        assert_int_equal(config.label_count, rows[i].labels);
        assert_int_equal(unet_labels_are_numbers(&config.unet), rows[i].numbers);
        model_config_finish(&config);
    }
}

static void learned_times_are_whole(void **state)
{
    (void)state;
    model_config config =
        read_embeddings("\"time_embedding_type\":\"learned\",\"num_train_timesteps\":40", ddpm);
    model_config_finish(&config);
    write_text(SCHEDULER, "{\"_class_name\":\"DDIMScheduler\",\"num_train_timesteps\":41}");
    check_refused(UNET, "learned embeddings of 40 timesteps, the scheduler has 41");
    write_text(SCHEDULER, "{\"_class_name\":\"CMStochasticIterativeScheduler\"}");
    check_refused(UNET, "needs whole timesteps");
}

static void files_that_are_not_json(void **state)
{
    (void)state;
    static const char *const names[] = { INDEX, UNET, SCHEDULER };
    for (size_t i = 0; i < 3; i++) {
        write_base();
        write_text(names[i], "");
        check_refused(names[i], "not valid JSON");
        write_text(names[i], "{\"a\": 1,}");
        check_refused(names[i], "not valid JSON");
        write_text(names[i], "{\"a\": 1, \"a\": 1}");
        check_refused(names[i], "duplicate object key");
        write_text(names[i], "{\"a\xff\": 1}");
        check_refused(names[i], "unable to decode byte 0xff");
        write_text(names[i], "[1]");
        check_refused(names[i], "is a JSON array");
        remove(temporary_path(folder, names[i]));
        assert_int_equal(mkdir(temporary_path(folder, names[i]), 0700), 0);
        check_refused(names[i], "is a directory, not a file");
        remove(temporary_path(folder, names[i]));
        assert_int_equal(mkfifo(temporary_path(folder, names[i]), 0600), 0);
        check_refused(names[i], "is a FIFO, not a file");
        remove(temporary_path(folder, names[i]));
        if (i > 0)
            check_refused(names[i], "cannot open: No such file");
    }
}

static void a_huge_config(void **state)
{
    (void)state;
    write_text(UNET, "{}");
    assert_int_equal(truncate(temporary_path(folder, UNET), (off_t)1 << 40), 0); /* sparse */
    check_refused(UNET, "has 1099511627776 bytes, at most 16777216 are read");
}

/* ------------------------------------------------------------------------------------------- */

static int create_model(void **state)
{
    create_folder(state);
    mkdir(temporary_path(folder, "unet"), 0700);
    mkdir(temporary_path(folder, "scheduler"), 0700);
    write_base();
    return 0;
}

#define IN_MODEL(test) cmocka_unit_test_setup_teardown(test, create_model, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_MODEL(every_value_arrives),
        IN_MODEL(absent_keys_are_diffusers_defaults),
        IN_MODEL(these_load),
        IN_MODEL(openai_scheduler_loads),
        IN_MODEL(damaged_values_are_named),
        IN_MODEL(damaged_consistency_schedulers),
        IN_MODEL(things_that_do_not_fit_together),
        IN_MODEL(embeddings_of_times_and_labels),
        IN_MODEL(learned_times_are_whole),
        IN_MODEL(files_that_are_not_json),
        IN_MODEL(a_huge_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
