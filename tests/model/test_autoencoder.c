/* Autoencoders against diffusers: the folders of tests/golden/autoencoders, made by
 * tools/golden/autoencoders.py, and the folder $QUICKSTEP_TAESD of real weights with the
 * golden.safetensors that the same tool makes. */
#include "../harness/temporary.h" /* first: it defines _GNU_SOURCE */

#include <quickstep/autoencoder.h>
#include <quickstep/safetensors.h>

#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "../harness/device.h"
#include "../harness/source.h"
#include "../harness/status.h" /* wants cmocka.h */

static const double LIMITS[] = { [QS_F32] = 1e-5, [QS_F16] = 1e-2 };
static const char WEIGHTS[] = "diffusion_pytorch_model.safetensors";

static void refused(qs_status status, qs_status expected, const char *text)
{
    if (status != expected || !strstr(qs_last_error(), text))
        fail_msg("%s (%s), expected %s with \"%s\"", qs_status_name(status), qs_last_error(),
                 qs_status_name(expected), text);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    assert_non_null(memory);
    return memory;
}

static const char *golden_folder(const char *name)
{
    return source_path("tests/golden/autoencoders/%s", name);
}

static qs_autoencoder *open_folder(const char *folder)
{
    qs_autoencoder *autoencoder = NULL;
    ok(qs_autoencoder_open(folder, &autoencoder));
    return autoencoder;
}

static qs_coder *make_coder(qs_autoencoder *autoencoder, qs_coder_options options)
{
    qs_coder *coder = NULL;
    ok(qs_coder_create(device, autoencoder, &options, &coder));
    return coder;
}

/* ---- against the golden file ----------------------------------------------------------------- */

typedef struct values {
    float *data; /* NULL: the file has no such tensor */
    size_t count;
    uint32_t h, w;
} values;

static values read_values(const qs_safetensors *golden, const char *name)
{
    const qs_tensor *t = qs_safetensors_find(golden, name);
    if (!t)
        return (values){ 0 };
    assert_int_equal(t->rank, 4);
    assert_int_equal(t->shape[0], 1);
    values v = { .count = (size_t)(t->shape[1] * t->shape[2] * t->shape[3]),
                 .h = (uint32_t)t->shape[2],
                 .w = (uint32_t)t->shape[3] };
    v.data = allocate(v.count, sizeof *v.data);
    ok(qs_safetensors_read_floats(golden, t, v.data));
    return v;
}

/* A NaN anywhere is a difference of infinity. */
static double relative_error(const float *a, const float *b, size_t count)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; ++i) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return isfinite(difference) ? sqrt(difference / size) : INFINITY;
}

static void run(qs_coder *coder, qs_direction direction, const float *input, float *output)
{
    ok(direction == QS_DECODE ? qs_coder_decode(coder, input, output, NULL)
                              : qs_coder_encode(coder, input, output));
}

/* Twice: a coder is replayed. */
static void check_direction(qs_autoencoder *autoencoder, const char *folder,
                            const qs_safetensors *golden, qs_direction direction,
                            qs_precision precision)
{
    const bool decode = direction == QS_DECODE;
    values in = read_values(golden, decode ? "latent" : "picture");
    values expected = read_values(golden, decode ? "decoded" : "encoded");
    if (in.data) {
        const values *picture = decode ? &expected : &in;
        qs_coder *coder = make_coder(autoencoder, (qs_coder_options){ .direction = direction,
                                                                      .precision = precision,
                                                                      .width = picture->w,
                                                                      .height = picture->h });
        float *first = allocate(expected.count, sizeof *first);
        float *again = allocate(expected.count, sizeof *again);
        run(coder, direction, in.data, first);
        run(coder, direction, in.data, again);
        assert_memory_equal(first, again, expected.count * sizeof *first);
        const double error = relative_error(first, expected.data, expected.count);
        fprintf(stderr, "# %s %s %s: relative L2 %.2e, limit %.0e\n", strrchr(folder, '/') + 1,
                decode ? "decode" : "encode", precision == QS_F16 ? "f16" : "f32", error,
                LIMITS[precision]);
        assert_true(error <= LIMITS[precision]);
        free(first);
        free(again);
        qs_coder_destroy(coder);
    }
    free(in.data);
    free(expected.data);
}

static void check_folder(const char *folder)
{
    char path[4400];
    qs_safetensors *golden = NULL;
    qs_autoencoder *autoencoder = open_folder(folder);
    snprintf(path, sizeof path, "%s/golden.safetensors", folder);
    ok(qs_safetensors_open(path, &golden));
    for (qs_precision precision = QS_F32; precision <= QS_F16; ++precision) {
        check_direction(autoencoder, folder, golden, QS_ENCODE, precision);
        check_direction(autoencoder, folder, golden, QS_DECODE, precision);
    }
    qs_safetensors_close(golden);
    qs_autoencoder_destroy(autoencoder);
    assert_int_equal(qs_device_validation_messages(device), 0);
}

static void golden(void **state)
{
    check_folder(golden_folder(*state));
}

static void real_weights(void **state)
{
    (void)state;
    check_folder(getenv("QUICKSTEP_TAESD"));
}

/* ---- what a caller can do wrong -------------------------------------------------------------- */

/* A copy of a golden folder. from, to: a text of config.json and what takes its place, or NULL;
 * without: tensors whose names begin so are left out, or NULL; zero: all weights are 0. */
static char *changed_copy(const char *name, const char *from, const char *to, const char *without,
                          bool zero)
{
    char config[4096] = "", path[4400];
    char *folder = temporary_create();
    snprintf(path, sizeof path, "%s/config.json", golden_folder(name));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    config[fread(config, 1, sizeof config - 1, file)] = '\0';
    fclose(file);
    char *place = from ? strstr(config, from) : config + strlen(config);
    assert_non_null(place);
    char text[4352];
    snprintf(text, sizeof text, "%.*s%s%s", (int)(place - config), config, to ? to : "",
             place + (from ? strlen(from) : 0));
    temporary_write(temporary_path(folder, "config.json"), text, strlen(text));

    qs_safetensors *weights = NULL;
    snprintf(path, sizeof path, "%s/%s", golden_folder(name), WEIGHTS);
    ok(qs_safetensors_open(path, &weights));
    const size_t count = qs_safetensors_count(weights);
    qs_tensor *tensors = allocate(count, sizeof *tensors);
    size_t kept = 0;
    void *zeros = allocate(1 << 20, 1);
    for (size_t i = 0; i < count; ++i) {
        qs_tensor t = *qs_safetensors_at(weights, i);
        if (zero)
            t.data = zeros;
        if (!without || strncmp(t.name, without, strlen(without)) != 0)
            tensors[kept++] = t;
    }
    ok(qs_safetensors_write(temporary_path(folder, WEIGHTS), tensors, kept, NULL));
    free(zeros);
    free(tensors);
    qs_safetensors_close(weights);
    return folder;
}

typedef struct config_case {
    const char *from, *to, *message;
} config_case;

/* Of a golden folder. */
static void refuse_configs(const char *name, const config_case *cases, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        char *folder = changed_copy(name, cases[i].from, cases[i].to, NULL, false);
        qs_autoencoder *autoencoder = NULL;
        refused(qs_autoencoder_open(folder, &autoencoder), QS_ERROR_MODEL, cases[i].message);
        assert_null(autoencoder);
        temporary_remove(folder);
    }
}

static void configs_refused(void **state)
{
    (void)state;
    static const config_case cases[] = {
        { "\"relu\"", "\"silu\"", "\"act_fn\" is \"silu\", supported: \"relu\"" },
        { "\"nearest\"", "\"bilinear\"", "\"upsample_fn\"" },
        { "\"upsampling_scaling_factor\": 2", "\"upsampling_scaling_factor\": 4", "2 to 2" },
        { "\"out_channels\": 3", "\"out_channels\": 4", "out_channels 4, supported: both" },
        { "\"in_channels\": 3", "\"in_channels\": 2", "in_channels is 2" },
        { "\"latent_channels\": 4", "\"latent_channels\": 5", "config.json says [5,16,3,3]" },
        { "\"AutoencoderTiny\"", "\"AutoencoderKL\"", "\"DownEncoderBlock2D\" for each of" },
        { "\"AutoencoderTiny\"", "\"AutoencoderDC\"",
          "supported: \"AutoencoderTiny\", \"AutoencoderKL\"" },
        { "\"AutoencoderTiny\"", "\"UNet2DModel\"", "qs_model_open" },
        { "\"num_decoder_blocks\": [\n    1,", "\"num_decoder_blocks\": [", "another size" },
        { "\"num_decoder_blocks\": [\n    1,", "\"num_decoder_blocks\": [\n    2,", "missing" },
        { "\"num_encoder_blocks\": [\n    1,", "\"num_encoder_blocks\": [\n    0,", "missing" },
        { "\"encoder_block_out_channels\": [\n    16,", "\"encoder_block_out_channels\": [\n 8,",
          "equal numbers" },
        { "\"encoder_block_out_channels\": [\n    16,", "\"encoder_block_out_channels\": [",
          "there are 4 stages" },
        { "\"latent_magnitude\": 3", "\"use_midblock_gn\": true", "missing" },
    };
    refuse_configs("taesd", cases, sizeof cases / sizeof *cases);
}

static void kl_configs_refused(void **state)
{
    (void)state;
    static const config_case cases[] = {
        { "\"silu\"", "\"mish\"", "\"act_fn\" is \"mish\", supported: \"silu\", \"swish\"" },
        { "\"DownEncoderBlock2D\"", "\"AttnDownEncoderBlock2D\"",
          "\"down_block_types\" is [\"AttnDownEncoderBlock2D\"" },
        { "\"UpDecoderBlock2D\"", "\"AttnUpDecoderBlock2D\"", "\"up_block_types\" is" },
        { "\"UpDecoderBlock2D\",", "", "supported: \"UpDecoderBlock2D\" for each of the 2" },
        { "\"block_out_channels\": [\n    8,", "\"block_out_channels\": [\n    6,",
          "\"norm_num_groups\" is 4, which does not divide the 6 block_out_channels of stage 0" },
        { "\"layers_per_block\": 1", "\"layers_per_block\": 2", "tensors missing" },
        { "\"latents_mean\": null", "\"latents_mean\": [0.5]", "\"latents_mean\" is [0.5]" },
        { "\"latents_std\": null", "\"latents_std\": [1]", "supported: null" },
        { "\"use_quant_conv\": false", "\"use_quant_conv\": true", "quant_conv.weight" },
        { "\"use_post_quant_conv\": false", "\"use_post_quant_conv\": true", "post_quant_conv." },
        { "\"mid_block_add_attention\": true", "\"mid_block_add_attention\": false",
          "config.json has no place for: decoder.mid_block.attentions.0." },
        { "\"out_channels\": 3", "\"out_channels\": 2", "supported: both" },
        { "\"scaling_factor\": 0.3611", "\"scaling_factor\": 0", "scaling_factor" },
        { "\"force_upcast\": false", "\"force_upcast\": 0", "supported: true, false" },
    };
    refuse_configs("kl_flux", cases, sizeof cases / sizeof *cases);
}

/* ---- force_upcast ---------------------------------------------------------------------------- */

static uint32_t notices;

static void count_notice(void *user, qs_log_level level, const char *line)
{
    (void)user;
    notices += level == QS_LOG_INFO && strstr(line, "computes in float32") != NULL;
}

static void decode_once(qs_autoencoder *autoencoder, qs_precision precision, float *picture)
{
    float latent[16 * 2 * 2];
    for (size_t i = 0; i < sizeof latent / sizeof *latent; ++i)
        latent[i] = (float)(i % 7) / 3.0f - 1.0f;
    qs_coder *coder = make_coder(
        autoencoder, (qs_coder_options){ QS_DECODE, precision, .width = 4, .height = 4 });
    ok(qs_coder_decode(coder, latent, picture, NULL));
    qs_coder_destroy(coder);
}

/* With force_upcast float16 gives float32's numbers, and says so; without it others. */
static void force_upcast_is_float32(void **state)
{
    (void)state;
    static const char key[] = "\"force_upcast\": false,";
    static const char *const texts[] = { NULL, key, "\"force_upcast\": true," };
    for (int i = 0; i < 3; ++i) {
        const bool upcast = i == 2;
        char *folder = changed_copy("kl_flux", key, texts[i], NULL, false);
        qs_autoencoder *autoencoder = open_folder(folder);
        qs_autoencoder_info info;
        float single[3 * 16], half[3 * 16];
        qs_autoencoder_get_info(autoencoder, &info);
        assert_int_equal(info.force_upcast, upcast);
        assert_string_equal(info.class_name, "AutoencoderKL");
        notices = 0;
        qs_set_log(count_notice, NULL);
        decode_once(autoencoder, QS_F32, single);
        assert_int_equal(notices, 0);
        decode_once(autoencoder, QS_F16, half);
        qs_set_log(NULL, NULL);
        assert_int_equal(notices, upcast);
        assert_int_equal(memcmp(single, half, sizeof single) == 0, upcast);
        qs_autoencoder_destroy(autoencoder);
        temporary_remove(folder);
    }
}

/* Either kind of folder says what opens the other. */
static void kinds_refused(void **state)
{
    (void)state;
    qs_model *model = NULL;
    qs_autoencoder *autoencoder = NULL;
    refused(qs_model_open(golden_folder("taesd"), &model), QS_ERROR_MODEL, "quickstep decode");
    refused(qs_autoencoder_open(source_path("tests/golden/networks/ddpm"), &autoencoder),
            QS_ERROR_MODEL, "quickstep sample");
    refused(qs_autoencoder_open(source_path("tests/golden/networks/ddpm/unet"), &autoencoder),
            QS_ERROR_MODEL, "quickstep sample");
    refused(qs_autoencoder_open(source_path("tests"), &autoencoder), QS_ERROR_MODEL, "config.json");
    assert_true(qs_autoencoder_probe(golden_folder("taef2")));
    assert_false(qs_autoencoder_probe(source_path("tests/golden/networks/ddpm")));
    assert_false(qs_autoencoder_probe(source_path("tests/nosuch")));
}

static void sizes_refused(void **state)
{
    (void)state;
    qs_autoencoder *autoencoder = open_folder(golden_folder("taesd"));
    qs_coder *coder = NULL;
    static const struct {
        uint32_t width, height;
        const char *message;
    } cases[] = {
        { 12, 8, "multiples of 8; crop it to 8x8" },
        { 8, 0, "the smallest is 8x8" },
        { 2048, 1024, "at most 2000000 pixels" },
        { 4294967288u, 4294967288u, "at most 2000000 pixels" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
        refused(qs_coder_create(
                    device, autoencoder,
                    &(qs_coder_options){ .width = cases[i].width, .height = cases[i].height },
                    &coder),
                QS_ERROR_USAGE, cases[i].message);
    refused(qs_coder_create(device, autoencoder,
                            &(qs_coder_options){ .direction = (qs_direction)2, 0, 8, 8 }, &coder),
            QS_ERROR_USAGE, "direction 2");
    refused(qs_coder_create(device, autoencoder,
                            &(qs_coder_options){ QS_DECODE, (qs_precision)7, 8, 8 }, &coder),
            QS_ERROR_USAGE, "precision 7");
    assert_null(coder);
    qs_autoencoder_destroy(autoencoder);
}

static void half_missing(void **state)
{
    (void)state;
    char *folder = changed_copy("taef2", NULL, NULL, "encoder.", false);
    qs_autoencoder *autoencoder = open_folder(folder);
    qs_autoencoder_info info;
    qs_autoencoder_get_info(autoencoder, &info);
    assert_true(info.has_decoder && !info.has_encoder);
    qs_coder *coder = NULL;
    refused(qs_coder_create(device, autoencoder, &(qs_coder_options){ QS_ENCODE, QS_F32, 8, 8 },
                            &coder),
            QS_ERROR_USAGE, "has no encoder");
    coder = make_coder(autoencoder, (qs_coder_options){ QS_DECODE, QS_F32, 8, 8 });
    qs_coder_destroy(coder);
    qs_autoencoder_destroy(autoencoder);
    temporary_remove(folder);
}

/* The network has ReLUs and a tanh that could hide a NaN. */
static void bad_pictures(void **state)
{
    (void)state;
    enum { SIDE = 9, COUNT = SIDE * SIDE };
    char *folder = changed_copy("grey_flat", NULL, NULL, NULL, true);
    qs_autoencoder *autoencoder = open_folder(folder);
    float latent[COUNT] = { 0 }, picture[COUNT];
    uint8_t pixels[4 * COUNT];
    qs_coder *coder = make_coder(autoencoder, (qs_coder_options){ QS_DECODE, QS_F32, SIDE, SIDE });
    refused(qs_coder_decode(coder, latent, picture, pixels), QS_ERROR_PICTURE, "one flat colour");
    assert_true(picture[COUNT - 1] == -1.0f);
    assert_true(pixels[0] == 0 && pixels[3] == 255);
    latent[17] = NAN;
    refused(qs_coder_decode(coder, latent, picture, NULL), QS_ERROR_PICTURE, "1 of 81 numbers");
    refused(qs_coder_encode(coder, picture, latent), QS_ERROR_USAGE, "this coder decodes");
    qs_coder_destroy(coder);
    coder = make_coder(autoencoder, (qs_coder_options){ QS_ENCODE, QS_F32, SIDE, SIDE });
    picture[5] = INFINITY;
    refused(qs_coder_encode(coder, picture, latent), QS_ERROR_PICTURE, "of the picture");
    refused(qs_coder_decode(coder, latent, picture, NULL), QS_ERROR_USAGE, "this coder encodes");
    qs_coder_destroy(coder);
    qs_autoencoder_destroy(autoencoder);
    temporary_remove(folder);
}

/* Numbers that float16 does not hold, and large enough weights: what comes out is looked at. */
static void overflow_is_seen(void **state)
{
    (void)state;
    qs_autoencoder *autoencoder = open_folder(golden_folder("taesd"));
    qs_coder *coder = make_coder(autoencoder, (qs_coder_options){ QS_ENCODE, QS_F16, 8, 8 });
    float picture[3 * 64], latent[4];
    for (int i = 0; i < 3 * 64; ++i)
        picture[i] = 1e6f;
    refused(qs_coder_encode(coder, picture, latent), QS_ERROR_PICTURE, "latent that came out");
    qs_coder_destroy(coder);
    qs_autoencoder_destroy(autoencoder);
}

static void null_refused(void **state)
{
    (void)state;
    qs_autoencoder *autoencoder = open_folder(golden_folder("taesd"));
    const qs_coder_options options = { QS_DECODE, QS_F32, 8, 8 };
    qs_coder *coder = NULL;
    float numbers[4] = { 0 };
    refused(qs_autoencoder_open(NULL, &autoencoder), QS_ERROR_USAGE, "NULL");
    refused(qs_autoencoder_open("x", NULL), QS_ERROR_USAGE, "NULL");
    refused(qs_coder_create(NULL, autoencoder, &options, &coder), QS_ERROR_USAGE, "NULL");
    refused(qs_coder_create(device, NULL, &options, &coder), QS_ERROR_USAGE, "NULL");
    refused(qs_coder_create(device, autoencoder, NULL, &coder), QS_ERROR_USAGE, "NULL");
    refused(qs_coder_create(device, autoencoder, &options, NULL), QS_ERROR_USAGE, "NULL");
    refused(qs_coder_decode(NULL, numbers, NULL, NULL), QS_ERROR_USAGE, "NULL");
    refused(qs_coder_encode(NULL, numbers, numbers), QS_ERROR_USAGE, "NULL");
    qs_coder_destroy(NULL);
    qs_autoencoder_destroy(NULL);
    qs_autoencoder_destroy(autoencoder);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Two sizes, one copy of the weights; the arena is near the largest set alive. */
static void weights_are_shared(void **state)
{
    (void)state;
    qs_autoencoder *autoencoder = open_folder(golden_folder("taesd"));
    qs_session_memory one, two;
    qs_coder *small = make_coder(autoencoder, (qs_coder_options){ QS_DECODE, QS_F32, 64, 64 });
    qs_coder_get_memory(small, &one);
    qs_coder *large = make_coder(autoencoder, (qs_coder_options){ QS_DECODE, QS_F32, 256, 128 });
    qs_coder_get_memory(large, &two);
    assert_int_equal(one.weights_bytes, two.weights_bytes);
    assert_true(two.arena_bytes > one.arena_bytes);
    assert_true((double)two.arena_bytes <= 1.05 * (double)two.live_max_bytes);
    qs_coder_destroy(small);
    qs_coder_destroy(large);
    qs_autoencoder_destroy(autoencoder);
}

/* The frame is the picture's floats, clipped and rounded. */
static void pixels_are_the_picture(void **state)
{
    (void)state;
    enum { W = 16, H = 24, PIXELS = W * H };
    qs_autoencoder *autoencoder = open_folder(golden_folder("taesd"));
    qs_coder *coder = make_coder(autoencoder, (qs_coder_options){ QS_DECODE, QS_F32, W, H });
    float latent[4 * (W / 8) * (H / 8)], picture[3 * PIXELS];
    uint8_t pixels[4 * PIXELS];
    for (size_t i = 0; i < sizeof latent / sizeof *latent; ++i)
        latent[i] = (float)i / 4.0f - 3.0f;
    ok(qs_coder_decode(coder, latent, picture, pixels));
    for (size_t i = 0; i < PIXELS; ++i)
        for (size_t c = 0; c < 3; ++c) {
            const double value = fmin(fmax(picture[c * PIXELS + i], -1), 1);
            assert_true(fabs((value + 1) * 127.5 - pixels[4 * i + c]) <= 0.501);
        }
    qs_coder_destroy(coder);
    qs_autoencoder_destroy(autoencoder);
}

/* ---------------------------------------------------------------------------------------------- */

int main(void)
{
    const struct CMUnitTest tests[] = {
        { .name = "taesd", .test_func = golden, .initial_state = (void *)"taesd" },
        { .name = "taef2", .test_func = golden, .initial_state = (void *)"taef2" },
        { .name = "rgba_odd", .test_func = golden, .initial_state = (void *)"rgba_odd" },
        { .name = "grey_flat", .test_func = golden, .initial_state = (void *)"grey_flat" },
        { .name = "kl_sd", .test_func = golden, .initial_state = (void *)"kl_sd" },
        { .name = "kl_flux", .test_func = golden, .initial_state = (void *)"kl_flux" },
        { .name = "kl_flat", .test_func = golden, .initial_state = (void *)"kl_flat" },
        { .name = "kl_rgba", .test_func = golden, .initial_state = (void *)"kl_rgba" },
        cmocka_unit_test(configs_refused),
        cmocka_unit_test(kl_configs_refused),
        cmocka_unit_test(force_upcast_is_float32),
        cmocka_unit_test(kinds_refused),
        cmocka_unit_test(sizes_refused),
        cmocka_unit_test(half_missing),
        cmocka_unit_test(bad_pictures),
        cmocka_unit_test(overflow_is_seen),
        cmocka_unit_test(null_refused),
        cmocka_unit_test(weights_are_shared),
        cmocka_unit_test(pixels_are_the_picture),
    };
    const struct CMUnitTest with_real_weights[] = { cmocka_unit_test(real_weights) };
    if (getenv("QUICKSTEP_TAESD"))
        return cmocka_run_group_tests_name("real weights", with_real_weights, open_device,
                                           close_device);
    return cmocka_run_group_tests_name("autoencoder", tests, open_device, close_device);
}
