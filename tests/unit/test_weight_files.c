/* A component's folder: one file, shards with an index, variants, and what is refused. */
#include "../harness/temporary.h"

#include "weights/weights.h"

#include <setjmp.h>
#include <cmocka.h>

static char *folder;

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

static void check_refused(const char *fragment)
{
    weight_files *files = NULL;
    const qs_status status = weight_files_open(folder, &files);
    if (status != QS_ERROR_MODEL || files || !strstr(qs_last_error(), fragment))
        fail_msg("status %d, wanted \"%s\", got \"%s\"", status, fragment, qs_last_error());
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
    assert_int_equal(weight_files_open(folder, &files), QS_OK);
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

static void the_fp16_variant_alone(void **state)
{
    (void)state;
    weight_files *files = NULL;
    write_shard("diffusion_pytorch_model.fp16.safetensors", "x", NULL, 3);
    assert_int_equal(weight_files_open(folder, &files), QS_OK);
    assert_true(read_value(files, "x") == 3);
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
    assert_int_equal(weight_files_open(folder, &files), QS_OK);
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
    check_refused("has no diffusion_pytorch_model.safetensors");
    write_text("diffusion_pytorch_model.bin", "pickle");
    check_refused("diffusion_pytorch_model.bin: is a Python pickle");
    check_refused("convert it to safetensors");
    weight_files *files = NULL;
    assert_int_equal(weight_files_open("/nonexistent/folder", &files), QS_ERROR_MODEL);
    assert_non_null(strstr(qs_last_error(), "/nonexistent/folder"));
    assert_int_equal(mkdir(temporary_path(folder, "diffusion_pytorch_model.safetensors"), 0700), 0);
    check_refused("is a directory, not a file");
}

static int create_folder(void **state)
{
    (void)state;
    folder = temporary_create();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temporary_remove(folder);
    return 0;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, create_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(one_file),       IN_FOLDER(the_fp16_variant_alone),      IN_FOLDER(shards),
        IN_FOLDER(damaged_shards), IN_FOLDER(folders_without_safetensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
