/* safetensors: values of every type are read as floats, and what is written comes back. What is
 * refused: test_safetensors.c. */
#include "../harness/folder.h"

#include "core/half.h"

#include <quickstep/safetensors.h>

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <cmocka.h>

/* ------------------------------------------------------------------------------------------- */
/* Values                                                                                       */

static void read_one(qs_dtype dtype, const void *bytes, size_t count, const float *wanted)
{
    const char *path = temporary_path(folder, "values.safetensors");
    const qs_tensor tensor = { .name = "x",
                               .dtype = dtype,
                               .rank = 1,
                               .shape = { count },
                               .data = bytes,
                               .size_bytes = count * qs_dtype_size_bytes(dtype) };
    qs_safetensors *file = NULL;
    float values[16];
    assert_int_equal(qs_safetensors_write(path, &tensor, 1, NULL), QS_OK);
    assert_int_equal(qs_safetensors_open(path, &file), QS_OK);
    assert_int_equal(qs_safetensors_read_floats(file, qs_safetensors_at(file, 0), values), QS_OK);
    for (size_t i = 0; i < count; i++)
        if (!(values[i] == wanted[i] || (isnan(values[i]) && isnan(wanted[i]))))
            fail_msg("%s[%zu] is %g, wanted %g", qs_dtype_name(dtype), i, values[i], wanted[i]);
    qs_safetensors_close(file);
}

#define READ(dtype, type, ...)                                                                     \
    do {                                                                                           \
        const type stored[] = { __VA_ARGS__ };                                                     \
        float wanted[sizeof stored / sizeof stored[0]];                                            \
        for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++)                              \
            wanted[i] = (float)stored[i];                                                          \
        read_one(dtype, stored, sizeof stored / sizeof stored[0], wanted);                         \
    } while (0)

static void every_type_as_floats(void **state)
{
    (void)state;
    READ(QS_DTYPE_F64, double, 0.1, -1e300, 1e-300, (double)NAN, (double)INFINITY);
    READ(QS_DTYPE_F32, float, 0.1f, -0.0f, 1e-40f, NAN, INFINITY);
    READ(QS_DTYPE_I64, int64_t, INT64_MIN, -1, 16777217, INT64_MAX);
    READ(QS_DTYPE_I32, int32_t, INT32_MIN, -1, INT32_MAX);
    READ(QS_DTYPE_I16, int16_t, INT16_MIN, -1, INT16_MAX);
    READ(QS_DTYPE_I8, int8_t, INT8_MIN, -1, INT8_MAX);
    READ(QS_DTYPE_U64, uint64_t, 0, UINT64_MAX);
    READ(QS_DTYPE_U32, uint32_t, 0, UINT32_MAX);
    READ(QS_DTYPE_U16, uint16_t, 0, UINT16_MAX);
    READ(QS_DTYPE_U8, uint8_t, 0, UINT8_MAX);
    read_one(QS_DTYPE_F16, (const uint16_t[]){ 0x3c00, 0xc000, 0x0001, 0x7c00 }, 4,
             (const float[]){ 1, -2, 0x1p-24f, INFINITY });
    read_one(QS_DTYPE_BF16, (const uint16_t[]){ 0x3f80, 0xc000, 0x7f80 }, 3,
             (const float[]){ 1, -2, INFINITY });
}

/* Longer than one piece of the reader, and not a multiple of it. */
static void long_tensors_as_floats(void **state)
{
    (void)state;
    enum { COUNT = 100003 };
    uint16_t *halves = malloc(COUNT * sizeof *halves);
    double *doubles = malloc(COUNT * sizeof *doubles);
    float *values = malloc(COUNT * sizeof *values);
    for (int i = 0; i < COUNT; i++) {
        halves[i] = (uint16_t)(i % 31744);
        doubles[i] = i * 0.5;
    }
    const qs_tensor tensors[] = {
        { .name = "byte", .dtype = QS_DTYPE_U8, .rank = 0, .data = "x", .size_bytes = 1 },
        { .name = "half",
          .dtype = QS_DTYPE_F16,
          .rank = 1,
          .shape = { COUNT },
          .data = halves,
          .size_bytes = 2 * COUNT },
        { .name = "double",
          .dtype = QS_DTYPE_F64,
          .rank = 1,
          .shape = { COUNT },
          .data = doubles,
          .size_bytes = 8 * COUNT },
    };
    const char *path = temporary_path(folder, "long.safetensors");
    qs_safetensors *file = NULL;
    assert_int_equal(qs_safetensors_write(path, tensors, 3, NULL), QS_OK);
    assert_int_equal(qs_safetensors_open(path, &file), QS_OK);
    assert_int_equal(qs_safetensors_read_floats(file, qs_safetensors_find(file, "half"), values),
                     QS_OK);
    for (int i = 0; i < COUNT; i++)
        assert_true(values[i] == float_from_half(halves[i]));
    assert_int_equal(qs_safetensors_read_floats(file, qs_safetensors_find(file, "double"), values),
                     QS_OK);
    for (int i = 0; i < COUNT; i++)
        assert_true(values[i] == (float)doubles[i]);
    assert_memory_equal(qs_safetensors_find(file, "double")->data, doubles, 8 * COUNT);
    qs_tensor foreign = *qs_safetensors_find(file, "half");
    foreign.data = halves;
    assert_int_equal(qs_safetensors_read_floats(file, &foreign, values), QS_ERROR_USAGE);
    qs_safetensors_close(file);
    free(halves);
    free(doubles);
    free(values);
}

static void types_that_are_not_numbers(void **state)
{
    (void)state;
    static const qs_dtype dtypes[] = { QS_DTYPE_BOOL, QS_DTYPE_F8_E4M3, QS_DTYPE_F8_E5M2 };
    for (size_t i = 0; i < 3; i++) {
        const char *path = temporary_path(folder, "flags.safetensors");
        const qs_tensor tensor = {
            .name = "flag", .dtype = dtypes[i], .data = "x", .size_bytes = 1
        };
        qs_safetensors *file = NULL;
        float value;
        assert_int_equal(qs_safetensors_write(path, &tensor, 1, NULL), QS_OK);
        assert_int_equal(qs_safetensors_open(path, &file), QS_OK);
        assert_int_equal(qs_safetensors_read_floats(file, qs_safetensors_at(file, 0), &value),
                         QS_ERROR_MODEL);
        assert_non_null(strstr(qs_last_error(), "flags.safetensors"));
        assert_non_null(strstr(qs_last_error(), "tensor \"flag\" is "));
        qs_safetensors_close(file);
    }
}

/* ------------------------------------------------------------------------------------------- */
/* Writing                                                                                      */

static void what_was_written_comes_back(void **state)
{
    (void)state;
    const float weights[6] = { 1, 2, 3, 4, 5, 6 };
    const char *const metadata[] = { "format", "pt", "quote", "\"\\\n\t\xc3\xa9", NULL };
    const qs_tensor tensors[] = {
        { .name = "b",
          .dtype = QS_DTYPE_F32,
          .rank = 2,
          .shape = { 2, 3 },
          .data = weights,
          .size_bytes = 24 },
        { .name = "a", .dtype = QS_DTYPE_F32, .rank = 0, .data = weights, .size_bytes = 4 },
        { .name = "none", .dtype = QS_DTYPE_F16, .rank = 3, .shape = { 1, 0, 2 } },
    };
    const char *path = temporary_path(folder, "back.safetensors");
    qs_safetensors *file = NULL;
    unsigned char length[8];
    assert_int_equal(qs_safetensors_write(path, tensors, 3, metadata), QS_OK);
    FILE *raw = fopen(path, "rb");
    assert_int_equal(fread(length, 1, 8, raw), 8);
    fclose(raw);
    assert_int_equal(length[0] % 8, 0);

    assert_int_equal(qs_safetensors_open(path, &file), QS_OK);
    assert_int_equal(qs_safetensors_count(file), 3);
    assert_string_equal(qs_safetensors_at(file, 0)->name, "b"); /* in the order of the data */
    const qs_tensor *b = qs_safetensors_find(file, "b");
    assert_int_equal(b->rank, 2);
    assert_int_equal(b->shape[1], 3);
    assert_memory_equal(b->data, weights, 24);
    assert_int_equal(qs_safetensors_find(file, "none")->size_bytes, 0);
    assert_null(qs_safetensors_find(file, "c"));
    assert_null(qs_safetensors_find(file, "__metadata__"));
    assert_null(qs_safetensors_at(file, 3));
    assert_string_equal(qs_safetensors_metadata(file, "format"), "pt");
    assert_string_equal(qs_safetensors_metadata(file, "quote"), metadata[3]);
    assert_null(qs_safetensors_metadata(file, "absent"));
    qs_safetensors_close(file);
}

static void wrong_tensors_are_not_written(void **state)
{
    (void)state;
    const float value = 1;
    const qs_tensor good = { .name = "a", .dtype = QS_DTYPE_F32, .data = &value, .size_bytes = 4 };
    const char *path = temporary_path(folder, "never.safetensors");
    qs_tensor bad[8];
    for (int i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].name = NULL;
    bad[1].name = "__metadata__";
    bad[2].name = "line\n";
    bad[3].name = "\xff";
    bad[4].size_bytes = 8;
    bad[5].data = NULL;
    bad[6].rank = 9;
    bad[7].dtype = (qs_dtype)99;
    for (int i = 0; i < 8; i++)
        if (qs_safetensors_write(path, &bad[i], 1, NULL) != QS_ERROR_USAGE)
            fail_msg("bad[%d] was written", i);
    const qs_tensor twice[] = { good, good };
    assert_int_equal(qs_safetensors_write(path, twice, 2, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_safetensors_write(path, NULL, 1, NULL), QS_ERROR_USAGE);
    assert_int_not_equal(access(path, F_OK), 0);
}

static int count_entries(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)path, (void)info, (void)where;
    return type == FTW_F;
}

static void a_failed_write_leaves_nothing(void **state)
{
    (void)state;
    static const unsigned char data[65536];
    const qs_tensor tensor = { .name = "a",
                               .dtype = QS_DTYPE_U8,
                               .rank = 1,
                               .shape = { sizeof data },
                               .data = data,
                               .size_bytes = sizeof data };
    char *own = temporary_create();
    const char *path = temporary_path(own, "x.safetensors");

    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small); /* like a full disk: the write stops in the middle */
    const qs_status status = qs_safetensors_write(path, &tensor, 1, NULL);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(status, QS_ERROR_WRITE);
    assert_non_null(strstr(qs_last_error(), "x.safetensors: cannot write: "));
    assert_non_null(strstr(qs_last_error(), strerror(EFBIG)));
    assert_int_equal(nftw(own, count_entries, 8, FTW_PHYS), 0);

    assert_int_equal(mkdir(path, 0700), 0); /* the rename fails */
    assert_int_equal(qs_safetensors_write(path, &tensor, 1, NULL), QS_ERROR_WRITE);
    assert_int_equal(nftw(own, count_entries, 8, FTW_PHYS), 0);
    assert_int_equal(qs_safetensors_write(temporary_path(own, "no/x"), &tensor, 1, NULL),
                     QS_ERROR_WRITE);
    temporary_remove(own);
}

static void an_old_file_is_replaced(void **state)
{
    (void)state;
    const char *path = temporary_path(folder, "replaced.safetensors");
    const qs_tensor tensor = { .name = "new", .dtype = QS_DTYPE_U8, .data = "x", .size_bytes = 1 };
    qs_safetensors *file = NULL;
    temporary_write(path, "old", 3);
    const mode_t mask = umask(022);
    assert_int_equal(qs_safetensors_write(path, &tensor, 1, NULL), QS_OK);
    umask(mask);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    assert_int_equal(qs_safetensors_open(path, &file), QS_OK);
    assert_non_null(qs_safetensors_find(file, "new"));
    qs_safetensors_close(file);
}

static void type_names(void **state)
{
    (void)state;
    assert_string_equal(qs_dtype_name(QS_DTYPE_BF16), "BF16");
    assert_int_equal(qs_dtype_size_bytes(QS_DTYPE_F64), 8);
    assert_string_equal(qs_dtype_name((qs_dtype)99), "unknown");
    assert_int_equal(qs_dtype_size_bytes((qs_dtype)-1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_as_floats),
        cmocka_unit_test(long_tensors_as_floats),
        cmocka_unit_test(types_that_are_not_numbers),
        cmocka_unit_test(what_was_written_comes_back),
        cmocka_unit_test(wrong_tensors_are_not_written),
        cmocka_unit_test(a_failed_write_leaves_nothing),
        cmocka_unit_test(an_old_file_is_replaced),
        cmocka_unit_test(type_names),
    };
    return cmocka_run_group_tests(tests, create_folder, remove_folder);
}
