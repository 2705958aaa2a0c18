/* What the published consistency models, and Stable Diffusion's autoencoder, take on a device, by
 * their plans alone: no device, no weights. */
#include "model/autoencoder.h"
#include "model/config_reader.h"
#include "model/model.h"
#include "plan/plan.h"

#include <math.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

/* openai/diffusers-cd_imagenet64_l2 and -cd_bedroom256_l2, without what is the default. */
#define COMMON                                                                                     \
    "\"_class_name\":\"UNet2DModel\",\"attention_head_dim\":64,\"attn_norm_num_groups\":32,"       \
    "\"downsample_type\":\"resnet\",\"upsample_type\":\"resnet\","
static const char imagenet64[] =
    "{" COMMON "\"sample_size\":64,\"block_out_channels\":[192,384,576,768],\"layers_per_block\":3,"
    "\"resnet_time_scale_shift\":\"scale_shift\",\"num_class_embeds\":1000,"
    "\"down_block_types\":[\"ResnetDownsampleBlock2D\",\"AttnDownBlock2D\",\"AttnDownBlock2D\","
    "\"AttnDownBlock2D\"],\"up_block_types\":[\"AttnUpBlock2D\",\"AttnUpBlock2D\","
    "\"AttnUpBlock2D\",\"ResnetUpsampleBlock2D\"]}";
static const char bedroom256[] =
    "{" COMMON "\"sample_size\":256,\"block_out_channels\":[256,256,512,512,1024,1024],"
    "\"down_block_types\":[\"ResnetDownsampleBlock2D\",\"ResnetDownsampleBlock2D\","
    "\"ResnetDownsampleBlock2D\",\"AttnDownBlock2D\",\"AttnDownBlock2D\",\"AttnDownBlock2D\"],"
    "\"up_block_types\":[\"AttnUpBlock2D\",\"AttnUpBlock2D\",\"AttnUpBlock2D\","
    "\"ResnetUpsampleBlock2D\",\"ResnetUpsampleBlock2D\",\"ResnetUpsampleBlock2D\"]}";

static const char autoencoder_kl[] =
    "{\"_class_name\":\"AutoencoderKL\",\"block_out_channels\":[128,256,512,512],"
    "\"down_block_types\":[\"DownEncoderBlock2D\",\"DownEncoderBlock2D\",\"DownEncoderBlock2D\","
    "\"DownEncoderBlock2D\"],\"up_block_types\":[\"UpDecoderBlock2D\",\"UpDecoderBlock2D\","
    "\"UpDecoderBlock2D\",\"UpDecoderBlock2D\"],\"layers_per_block\":2,\"latent_channels\":4}";

static const double MIB = 1048576;

/* The least that Vulkan asks of maxStorageBufferRange. */
static const gpu_limits limits = { .storage_range_bytes = 128 << 20,
                                   .subgroup_size = 32,
                                   .workgroup_invocations = 128,
                                   .workgroup_count = { 65535, 65535, 65535 },
                                   .f16 = true };

/* QS_OK and what it takes, or the plan's refusal. */
static qs_status plan_network(const char *json, dtype storage, uint32_t batch, double *weights_mib,
                              double *arena_mib)
{
    qs_model model = { 0 };
    json_t *root = json_loads(json, 0, NULL);
    graph g;
    plan p;
    assert_int_equal(config_parse_unet("config.json", root, &model.config.unet), QS_OK);
    json_decref(root);
    const unet_config *c = &model.config.unet;
    graph_init(&g, &limits, storage);
    g.pictures = batch;
    model_build_network(&g, &model, batch,
                        graph_state(&g, "sample", storage, batch, c->sample_height, c->sample_width,
                                    c->in_channels),
                        NO_TENSOR);
    const qs_status status = plan_create(&g, false, &p);
    *weights_mib = *arena_mib = 0;
    for (tensor_id id = 0; id < g.tensor_count; ++id)
        if (g.tensors[id].kind == TENSOR_WEIGHT)
            *weights_mib += (double)gpu_align(g.tensors[id].bytes) / MIB;
    if (status == QS_OK) {
        *arena_mib = (double)p.arena_bytes / MIB;
        fprintf(stderr, "# %u x %u, %u at a time, %s: weights %.1f MiB, arena %.1f MiB\n",
                c->sample_width, c->sample_height, batch, storage == DTYPE_F16 ? "f16" : "f32",
                *weights_mib, *arena_mib);
        assert_true(p.arena_bytes <= p.live_max_bytes * 11 / 10);
        plan_finish(&p);
    }
    graph_finish(&g);
    return status;
}

/* Packed weights are what the numbers take and, for padded widths and 32-bit vectors, a little. */
static void weights_in_half_precision(void **state)
{
    double weights, arena;
    (void)state;
    assert_int_equal(plan_network(imagenet64, DTYPE_F16, 1, &weights, &arena), QS_OK);
    assert_true(fabs(weights - 295899267.0 * 2 / MIB) < 48);
    assert_int_equal(plan_network(bedroom256, DTYPE_F16, 1, &weights, &arena), QS_OK);
    assert_true(fabs(weights - 526304771.0 * 2 / MIB) < 48);
}

/* The last concat of a 256 x 256 picture in float32 has 512 channels: 128 MiB to the byte, and of
 * more is made and read in bands. */
static void pictures_fit_the_smallest_binding(void **state)
{
    double weights, arena;
    (void)state;
    assert_int_equal(plan_network(bedroom256, DTYPE_F32, 1, &weights, &arena), QS_OK);
    assert_int_equal(plan_network(bedroom256, DTYPE_F16, 2, &weights, &arena), QS_OK);
    assert_int_equal(plan_network(bedroom256, DTYPE_F32, 4, &weights, &arena), QS_OK);
    assert_int_equal(plan_network(imagenet64, DTYPE_F32, 8, &weights, &arena), QS_OK);
}

/* MiB of the arena of one direction, in float32. */
static double plan_autoencoder(uint32_t width, uint32_t height, bool decode, bool cpu)
{
    gpu_limits device = limits;
    autoencoder_config c = { 0 };
    json_t *root = json_loads(autoencoder_kl, 0, NULL);
    graph g;
    plan p;
    device.cpu = cpu;
    assert_int_equal(config_parse_autoencoder("config.json", root, &c), QS_OK);
    json_decref(root);
    graph_init(&g, &device, DTYPE_F32);
    const tensor_id picture = graph_state(&g, "picture", DTYPE_F32, 1, height, width, 3);
    const tensor_id latent = graph_state(&g, "latent", DTYPE_F32, 1, height / 8, width / 8, 4);
    if (decode)
        autoencoder_build_decoder(&g, &c, LATENT_OF_ENCODER, latent, picture);
    else
        autoencoder_build_encoder(&g, &c, LATENT_OF_ENCODER, picture, latent);
    if (plan_create(&g, false, &p) != QS_OK)
        fail_msg("%s", qs_last_error());
    const double mib = (double)p.arena_bytes / MIB;
    fprintf(stderr, "# %s to %u x %u, f32: arena %.1f MiB\n", decode ? "decoder" : "encoder", width,
            height, mib);
    plan_finish(&p);
    graph_finish(&g);
    return mib;
}

/* 256 channels at 512 x 512 are 256 MiB in float32: twice what is bound at a time. */
static void an_autoencoder_works_in_bands(void **state)
{
    (void)state;
    for (int cpu = 0; cpu <= 1; ++cpu) {
        assert_true(plan_autoencoder(512, 512, true, cpu) < 700);
        plan_autoencoder(1024, 1024, true, cpu);
        plan_autoencoder(1024, 1024, false, cpu);
        /* as large as there are: q apart from k and v, which take 122 MiB */
        plan_autoencoder(1408, 1416, true, cpu);
        plan_autoencoder(1408, 1416, false, cpu);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_in_half_precision),
        cmocka_unit_test(pictures_fit_the_smallest_binding),
        cmocka_unit_test(an_autoencoder_works_in_bands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
