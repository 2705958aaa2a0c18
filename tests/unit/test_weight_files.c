/* A component's folder: one file, shards with an index, variants, and what is refused. */
#include "../harness/folder.h"

#include "weights/weights.h"

#include <setjmp.h>
#include <cmocka.h>

static void write_shard(const char *name, const char *first, const char *second, float value)
{
    const float values[2] = { value, value + 1 };
    const qs_tensor tensors[2] = {
        { .name = first, .dtype = QS_DTYPE_F32, .data = &values[0], .size_bytes = 4 },
        { .name = second, .dtype = QS_DTYPE_F32, .data = &values[1], .size_bytes = 4 },
    };
    assert_int_equal(
        qs_safetensors_write(temporary_path(folder, name), tensors, second ? 2 : 1, NULL), QS_OK);
}

static void write_text(const char *name, const char *text)
{
    temporary_write(temporary_path(folder, name), text, strlen(text));
}

static float read_value(const weight_files *files, const char *name)
{
    float value = -1;
    const qs_tensor *tensor = weight_files_find(files, name);
    assert_non_null(tensor);
    assert_int_equal(weight_files_read_floats(files, tensor, &value), QS_OK);
    return value;
}

static void check_variant_refused(const char *variant, const char *fragment)
{
    weight_files *files = NULL;
    const qs_status status = weight_files_open(folder, WEIGHTS_DIFFUSERS, variant, &files);
    if (status != QS_ERROR_MODEL || files || !strstr(qs_last_error(), fragment))
        fail_msg("status %d, wanted \"%s\", got \"%s\"", status, fragment, qs_last_error());
}

static void check_refused(const char *fragment)
{
    check_variant_refused(NULL, fragment);
}

/* The value of tensor "x" in what is opened. */
static void check_opened(const char *variant, float value)
{
    weight_files *files = NULL;
    if (weight_files_open(folder, WEIGHTS_DIFFUSERS, variant, &files) != QS_OK)
        fail_msg("%s", qs_last_error());
    assert_true(read_value(files, "x") == value);
    weight_files_close(files);
}

#define INDEX "diffusion_pytorch_model.safetensors.index.json"
#define SHARD1 "diffusion_pytorch_model-00001-of-00002.safetensors"
#define SHARD2 "diffusion_pytorch_model-00002-of-00002.safetensors"

static void one_file(void **state)
{
    (void)state;
    weight_files *files = NULL;
    write_shard("diffusion_pytorch_model.safetensors", "z", "a", 5);
    write_shard("diffusion_pytorch_model.fp16.safetensors", "other", NULL, 9);
    assert_int_equal(weight_files_open(folder, WEIGHTS_DIFFUSERS, NULL, &files), QS_OK);
    assert_string_equal(weight_files_dir(files), folder);
    assert_int_equal(weight_files_count(files), 2);
    assert_string_equal(weight_files_at(files, 0)->name, "a");
    assert_string_equal(weight_files_at(files, 1)->name, "z");
    assert_null(weight_files_at(files, 2));
    assert_null(weight_files_find(files, "other"));
    assert_true(read_value(files, "z") == 5 && read_value(files, "a") == 6);
    const qs_tensor stranger = *weight_files_at(files, 0);
    float value;
    assert_int_equal(weight_files_read_floats(files, &stranger, &value), QS_ERROR_USAGE);
    weight_files_close(files);
    weight_files_close(NULL);
}

static void variants(void **state)
{
    (void)state;
    write_shard("diffusion_pytorch_model.fp16.safetensors", "x", NULL, 3);
    check_opened(NULL, 3); /* the only one */
    check_opened("fp16", 3);
    check_variant_refused("bf16", "has no variant \"bf16\" "
                                  "(diffusion_pytorch_model.bf16.safetensors), only fp16");
    write_shard("diffusion_pytorch_model.non_ema-00001-of-00001.safetensors", "x", NULL, 4);
    check_opened(NULL, 3); /* a shard is no variant */
    write_text("diffusion_pytorch_model.safetensors.index.non_ema.json",
               "{\"weight_map\":{\"x\":"
               "\"diffusion_pytorch_model.non_ema-00001-of-00001.safetensors\"}}");
    check_opened("non_ema", 4);
    check_refused("but the variants fp16, non_ema: choose one (--variant)");
    write_shard("diffusion_pytorch_model.safetensors", "x", NULL, 5);
    check_opened(NULL, 5);
    check_opened("fp16", 3);
    weight_files *files = NULL;
    static const char *const words[] = { "", "../x", "a.b", "\x1b" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_int_equal(weight_files_open(folder, WEIGHTS_DIFFUSERS, words[i], &files),
                         QS_ERROR_USAGE);
}

/* An attention block of before diffusers 0.15. */
static void old_attention_names(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        { "mid.0.query.weight", "mid.0.to_q.weight" },
        { "mid.0.key.bias", "mid.0.to_k.bias" },
        { "mid.0.value.weight", "mid.0.to_v.weight" },
        { "mid.0.proj_attn.bias", "mid.0.to_out.0.bias" },
    };
    tensor_name old;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        weight_files *files = NULL;
        write_shard("diffusion_pytorch_model.safetensors", names[i][0], "other.query", 7);
        assert_int_equal(weight_files_open(folder, WEIGHTS_DIFFUSERS, NULL, &files), QS_OK);
        assert_true(read_value(files, names[i][1]) == 7 && read_value(files, names[i][0]) == 7);
        assert_string_equal(weight_files_name(files, 0), names[i][1]);
        assert_string_equal(weight_files_at(files, 0)->name, names[i][0]);
        assert_string_equal(weight_files_name(files, 1), "other.query");
        assert_null(weight_files_name(files, 2));
        assert_true(weight_old_name(names[i][1], &old));
        assert_string_equal(old.text, names[i][0]);
        weight_files_close(files);
    }
    assert_false(weight_old_name("conv_in.weight", &old));
    write_shard("diffusion_pytorch_model.safetensors", "a.query.bias", "a.to_q.bias", 7);
    check_refused("which are names of one tensor");
}

/* What all names begin with is left out, in one file or in shards, and the values are found. */
static void common_prefixes(void **state)
{
    (void)state;
    weight_files *files = NULL;
    write_shard(SHARD1, "module.unet.d", "module.unet.mid.0.query.bias", 1);
    write_shard(SHARD2, "module.unet.a", NULL, 3);
    write_text(INDEX, "{\"weight_map\":{\"module.unet.d\":\"" SHARD1
                      "\",\"module.unet.mid.0.query.bias\":\"" SHARD1
                      "\",\"module.unet.a\":\"" SHARD2 "\"}}");
    assert_int_equal(weight_files_open(folder, WEIGHTS_DIFFUSERS, NULL, &files), QS_OK);
    assert_true(read_value(files, "d") == 1 && read_value(files, "mid.0.to_q.bias") == 2 &&
                read_value(files, "a") == 3);
    assert_string_equal(weight_files_at(files, 0)->name, "module.unet.a");
    assert_string_equal(weight_files_name(files, 0), "a");
    assert_null(weight_files_find(files, "module.unet.a"));
    weight_files_close(files);

    write_shard("diffusion_pytorch_model.safetensors", "model.d", "a", 5); /* not of all */
    assert_int_equal(weight_files_open(folder, WEIGHTS_DIFFUSERS, NULL, &files), QS_OK);
    assert_true(read_value(files, "model.d") == 5 && read_value(files, "a") == 6);
    weight_files_close(files);
}

static void shards(void **state)
{
    (void)state;
    weight_files *files = NULL;
    write_shard(SHARD1, "d", "b", 1);
    write_shard(SHARD2, "c", "a", 3);
    write_text(INDEX, "{\"metadata\":{\"total_size\":16},\"weight_map\":{\"a\":\"" SHARD2
                      "\",\"b\":\"" SHARD1 "\",\"c\":\"" SHARD2 "\",\"d\":\"" SHARD1 "\"}}");
    assert_int_equal(weight_files_open(folder, WEIGHTS_DIFFUSERS, NULL, &files), QS_OK);
    assert_int_equal(weight_files_count(files), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(weight_files_at(files, i)->name[0], "abcd"[i]);
    assert_true(read_value(files, "a") == 4 && read_value(files, "b") == 2 &&
                read_value(files, "c") == 3 && read_value(files, "d") == 1);
    weight_files_close(files);
}

static void damaged_shards(void **state)
{
    (void)state;
    static const struct {
        const char *index, *fragment;
    } rows[] = {
        { "", "index.json: not valid JSON" },
        { "[]", "index.json: is a JSON array" },
        { "{}", "key \"weight_map\" is missing" },
        { "{\"weight_map\":{}}", "key \"weight_map\" is missing or not an object of names" },
        { "{\"weight_map\":[]}", "key \"weight_map\" is missing or not" },
        { "{\"weight_map\":{\"a\":7}}", "tensor \"a\" is in \"(not a string)\"" },
        { "{\"weight_map\":{\"a\":\"../x.safetensors\"}}",
          "tensor \"a\" is in \"../x.safetensors\", which is not the name" },
        { "{\"weight_map\":{\"a\":\"/etc/x.safetensors\"}}",
          "\"/etc/x.safetensors\", which is not the name" },
        { "{\"weight_map\":{\"a\":\"..\\\\x.safetensors\"}}", "which is not the name" },
        { "{\"weight_map\":{\"a\":\".safetensors\"}}", "which is not the name" },
        { "{\"weight_map\":{\"a\":\"x.bin\"}}", "\"x.bin\", which is not the name" },
        { "{\"weight_map\":{\"a\":\"x\\u001b[2J.safetensors\"}}",
          "\"x?[2J.safetensors\", which is not the name" },
        { "{\"weight_map\":{\"a\":\"absent.safetensors\"}}",
          "absent.safetensors: cannot open: No such file" },
        { "{\"weight_map\":{\"a\":\"broken.safetensors\"}}",
          "broken.safetensors: 3 bytes are too few" },
        { "{\"weight_map\":{\"a\":\"" SHARD1 "\",\"q\":\"" SHARD1 "\"}}",
          "tensor \"q\" is not in " SHARD1 },
        { "{\"weight_map\":{\"a\":\"" SHARD1 "\"}}",
          "tensor \"b\" is in " SHARD1 ", weight_map says it is in no shard" },
        { "{\"weight_map\":{\"a\":\"" SHARD1 "\",\"b\":\"" SHARD2 "\"}}",
          "tensor \"b\" is in " SHARD1 ", weight_map says it is in " SHARD2 },
        { "{\"weight_map\":{\"a\":\"" SHARD1 "\",\"a\":\"" SHARD1 "\"}}",
          "duplicate object key near '\"a\"'" },
    };
    write_shard(SHARD1, "a", "b", 1);
    write_shard(SHARD2, "b", NULL, 3);
    write_text("broken.safetensors", "abc");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        write_text(INDEX, rows[i].index);
        check_refused(rows[i].fragment);
    }
}

static void folders_without_safetensors(void **state)
{
    (void)state;
    static const char *const pickles[] = { "diffusion_pytorch_model.pt", "a.pth", "Z.ckpt",
                                           "diffusion_pytorch_model.bin" };
    check_refused("has no diffusion_pytorch_model.safetensors");
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        char fragment[128];
        write_text(pickles[i], "pickle");
        snprintf(fragment, sizeof fragment, "/%s: is a Python pickle", pickles[i]);
        check_refused(fragment);
        snprintf(fragment, sizeof fragment, "/%s' '%s/diffusion_pytorch_model.safetensors'",
                 pickles[i], folder);
        check_refused(fragment); /* the command that converts it */
        remove(temporary_path(folder, pickles[i]));
    }
    write_shard("unet.safetensors", "x", NULL, 1);
    check_refused("unet.safetensors is not a name that diffusers gives");
    weight_files *files = NULL;
    assert_int_equal(weight_files_open("/nonexistent/folder", WEIGHTS_DIFFUSERS, NULL, &files),
                     QS_ERROR_MODEL);
    assert_non_null(strstr(qs_last_error(), "/nonexistent/folder"));
    assert_int_equal(mkdir(temporary_path(folder, "diffusion_pytorch_model.safetensors"), 0700), 0);
    check_refused("is a directory, not a file");
    remove(temporary_path(folder, "diffusion_pytorch_model.safetensors"));
    assert_int_equal(
        symlink("../blobs/1", temporary_path(folder, "diffusion_pytorch_model.safetensors")), 0);
    check_refused("is a link to a file that is not there: an incomplete download?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(one_file),
        IN_FOLDER(variants),
        IN_FOLDER(shards),
        IN_FOLDER(old_attention_names),
        IN_FOLDER(damaged_shards),
        IN_FOLDER(common_prefixes),
        IN_FOLDER(folders_without_safetensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
