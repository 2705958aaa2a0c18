/* A folder of two text encoders that does not fit together, or has what is not supported, is an
 * error that names file and key: tests/golden/readers/xl with one thing changed. */
#include "../harness/folder.h"
#include "../harness/source.h"

#include <quickstep/quickstep.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "../harness/json_key.h"

#define INDEX "model_index.json"
#define UNET "unet/config.json"
#define FIRST "text_encoder/config.json"
#define SECOND "text_encoder_2/config.json"
#define SCHEDULER "scheduler/scheduler_config.json"
#define TOKENIZER_2 "tokenizer_2/tokenizer_config.json"

static const char *const files[] = {
    INDEX,
    UNET,
    FIRST,
    SECOND,
    TOKENIZER_2,
    "unet/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
    "text_encoder_2/model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    SCHEDULER,
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "tokenizer/merges.txt",
    "tokenizer_2/vocab.json",
    "tokenizer_2/merges.txt",
};

static const char *golden(const char *name)
{
    return source_path("tests/golden/readers/xl/%s", name);
}

static void link_all(void)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
        unlink(temporary_path(folder, files[i]));
        assert_int_equal(symlink(golden(files[i]), temporary_path(folder, files[i])), 0);
    }
}

/* One key set to a JSON value, or removed (NULL). */
static void patch(const char *name, const char *key, const char *value)
{
    unlink(temporary_path(folder, name));
    write_with_key(json_load_file(golden(name), 0, NULL), key, value, temporary_path(folder, name));
}

static void check_refused(const char *fragment)
{
    qs_model *model = NULL;
    const qs_status status = qs_model_open(folder, &model);
    if (status != QS_ERROR_MODEL || !strstr(qs_last_error(), fragment))
        fail_msg("status %d, wanted \"%s\", got \"%s\"", status, fragment,
                 status == QS_OK ? "(it opens)" : qs_last_error());
    assert_null(model);
}

static void check_opens(void)
{
    qs_model *model = NULL;
    if (qs_model_open(folder, &model) != QS_OK)
        fail_msg("%s", qs_last_error());
    qs_model_info info;
    qs_model_get_info(model, &info);
    assert_int_equal(info.prompt_tokens, 16);
    assert_true(info.default_guidance == 5);
    qs_model_destroy(model);
}

static const struct {
    const char *file, *key, *value, *fragment;
} damaged[] = {
    { INDEX, "requires_aesthetics_score", "true",
      "key \"requires_aesthetics_score\" is true, supported: false: a refiner draws nothing" },
    { INDEX, "_class_name", "\"StableDiffusionXLInpaintPipeline\"",
      "key \"_class_name\" is \"StableDiffusionXLInpaintPipeline\", supported: " },
    { INDEX, "force_zeros_for_empty_prompt", "1", "key \"force_zeros_for_empty_prompt\" is 1" },
    { INDEX, "text_encoder_2", "[\"transformers\",\"CLIPTextModel\"]",
      "key \"text_encoder_2\" is [\"transformers\",\"CLIPTextModel\"], needed: [library, "
      "\"CLIPTextModelWithProjection\"]" },
    { INDEX, "tokenizer_2", "[null,null]", "key \"tokenizer_2\" is [null,null], needed: " },
    { INDEX, "text_encoder_3", "[\"transformers\",\"T5EncoderModel\"]",
      "key \"text_encoder_3\" is [\"transformers\",\"T5EncoderModel\"], supported: null" },
    { UNET, "addition_embed_type", "\"image\"",
      "key \"addition_embed_type\" is \"image\", supported: \"text_time\"" },
    { UNET, "addition_embed_type", "null",
      "key \"addition_time_embed_dim\" is 8, supported: null" },
    { UNET, "addition_time_embed_dim", "null",
      "key \"addition_time_embed_dim\" is null, needed with addition_embed_type" },
    { UNET, "projection_class_embeddings_input_dim", "48",
      "key \"projection_class_embeddings_input_dim\" is 48, needed: more than 6 times" },
    { UNET, "projection_class_embeddings_input_dim", "52", /* a refiner's: five sizes */
      "has room for 4 channels of the text's pooled state, but " },
    { UNET, "class_embed_type", "\"simple_projection\"",
      "supported: null with class_embed_type \"simple_projection\"" },
    { UNET, "transformer_layers_per_block", "[1,2]",
      "key \"transformer_layers_per_block\" is [1,2], there are 3 blocks" },
    { UNET, "transformer_layers_per_block", "[1,[2,2],3]",
      "key \"transformer_layers_per_block\" is [2,2], in a block of 1 layers" },
    { UNET, "transformer_layers_per_block", "[1,[2],3]",
      "key \"reverse_transformer_layers_per_block\" is null, needed where" },
    { UNET, "transformer_layers_per_block", "[1,2,0]",
      "key \"transformer_layers_per_block\" is 0, supported: 1 to 64" },
    { UNET, "reverse_transformer_layers_per_block", "true",
      "key \"reverse_transformer_layers_per_block\" is true, supported: null" },
    { UNET, "cross_attention_dim", "44",
      "key \"hidden_size\" is 24, and 16 of text_encoder/, needed together: 44" },
    { SECOND, "projection_dim", "16", "has room for 12 channels of the text's pooled state, but " },
    { SECOND, "projection_dim", "0", "key \"projection_dim\" is 0, supported: 1 to 16384" },
    { SECOND, "num_hidden_layers", "2", "tensors that config.json has no place for" },
    { FIRST, "num_hidden_layers", "3", "tensors missing" },
    { TOKENIZER_2, "model_max_length", "12", "12 tokens a prompt, but " },
};

static void damaged_values_are_named(void **state)
{
    (void)state;
    check_opens();
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; ++i) {
        link_all();
        patch(damaged[i].file, damaged[i].key, damaged[i].value);
        check_refused(damaged[i].fragment);
    }
    link_all();
    check_opens();
}

static void parts_that_are_missing(void **state)
{
    static const char *const parts[] = { "text_encoder", "text_encoder_2", "tokenizer",
                                         "tokenizer_2" };
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
        char fragment[64];
        snprintf(fragment, sizeof fragment, "there is no %s/ beside unet/", parts[i]);
        assert_int_equal(rename(temporary_path(folder, parts[i]), temporary_path(folder, "gone")),
                         0);
        check_refused(fragment);
        assert_int_equal(rename(temporary_path(folder, "gone"), temporary_path(folder, parts[i])),
                         0);
    }
    unlink(temporary_path(folder, INDEX)); /* which may be absent */
    qs_model *model = NULL;
    assert_int_equal(qs_model_open(folder, &model), QS_OK);
    qs_model_destroy(model);
}

/* No file says how many steps a model wants; its scheduler does. */
static void steps_and_guidance_by_default(void **state)
{
    static const struct {
        const char *scheduler, *spacing;
        uint32_t steps;
        float guidance;
    } rows[] = {
        { "EulerDiscreteScheduler", "\"trailing\"", 1, 1 },          /* SD-Turbo */
        { "EulerAncestralDiscreteScheduler", "\"trailing\"", 1, 1 }, /* SDXL-Turbo */
        { "EulerDiscreteScheduler", "\"leading\"", 50, 5 }, /* stable-diffusion-xl-base-1.0 */
        { "DDIMScheduler", "\"trailing\"", 50, 5 },
        { "DPMSolverMultistepScheduler", "\"linspace\"", 50, 5 },
        { "LCMScheduler", "\"leading\"", 4, 1 }, /* merged LCM-LoRA */
        { "TCDScheduler", "\"leading\"", 4, 1 }, /* Hyper-SD */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        char text[160];
        qs_model_info info;
        qs_model *model = NULL;
        snprintf(text, sizeof text,
                 "{\"_class_name\":\"%s\",\"timestep_spacing\":%s,\"steps_offset\":1}",
                 rows[i].scheduler, rows[i].spacing);
        unlink(temporary_path(folder, SCHEDULER));
        temporary_write(temporary_path(folder, SCHEDULER), text, strlen(text));
        snprintf(text, sizeof text, "[\"diffusers\",\"%s\"]", rows[i].scheduler);
        patch(INDEX, "scheduler", text);
        if (qs_model_open(folder, &model) != QS_OK)
            fail_msg("%s: %s", rows[i].scheduler, qs_last_error());
        qs_model_get_info(model, &info);
        if (info.default_steps != rows[i].steps || info.default_guidance != rows[i].guidance)
            fail_msg("%s %s: %u steps, guidance %g", rows[i].scheduler, rows[i].spacing,
                     info.default_steps, (double)info.default_guidance);
        qs_model_destroy(model);
    }
}

static int create_model(void **state)
{
    static const char *const dirs[] = { "unet",           "vae",       "scheduler",  "text_encoder",
                                        "text_encoder_2", "tokenizer", "tokenizer_2" };
    create_folder(state);
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; ++i)
        mkdir(temporary_path(folder, dirs[i]), 0700);
    link_all();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(damaged_values_are_named, create_model, remove_folder),
        cmocka_unit_test_setup_teardown(parts_that_are_missing, create_model, remove_folder),
        cmocka_unit_test_setup_teardown(steps_and_guidance_by_default, create_model, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
