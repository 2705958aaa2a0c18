/* safetensors: every way to be malformed is a named error, every legal oddity loads. Values, and
 * files that are written: test_safetensors_values.c. */
#include "../harness/folder.h"
#include "../harness/skip.h"

#include <quickstep/safetensors.h>

#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* Writes length (or that of the header), header and data_bytes of data, and opens the file. */
static qs_status open_bytes(const char *header, size_t header_bytes, uint64_t length,
                            size_t data_bytes, qs_safetensors **file)
{
    const char *path = temporary_path(folder, "made.safetensors");
    unsigned char *bytes = calloc(1, 8 + header_bytes + data_bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(length >> (8 * i));
    memcpy(bytes + 8, header, header_bytes);
    for (size_t i = 0; i < data_bytes; i++)
        bytes[8 + header_bytes + i] = (unsigned char)i;
    temporary_write(path, bytes, 8 + header_bytes + data_bytes);
    free(bytes);
    return qs_safetensors_open(path, file);
}

static void check_refused(const char *label, qs_status status, const qs_safetensors *file,
                          const char *fragment)
{
    if (status != QS_ERROR_MODEL || file || !strstr(qs_last_error(), fragment) ||
        !strstr(qs_last_error(), "made.safetensors"))
        fail_msg("%s: status %d, wanted \"%s\", got \"%s\"", label, status, fragment,
                 qs_last_error());
}

/* ------------------------------------------------------------------------------------------- */
/* Headers                                                                                      */

#define REAL UINT64_MAX /* the header's own length */
#define A(dtype, shape, offsets)                                                                   \
    "\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define B(dtype, shape, offsets)                                                                   \
    "\"b\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

typedef struct header_row {
    const char *label, *header;
    uint64_t length;
    size_t data_bytes;
    const char *fragment;
} header_row;

static const header_row malformed[] = {
    { "N = 0", "", 0, 0, "header length 0" },
    { "N = 0 with data", "", 0, 16, "header length 0" },
    { "N > file", "{}", 3, 0, "header length 3, but the file has only 10 bytes" },
    { "N = 2^63", "{}", (uint64_t)1 << 63, 0, "header length 9223372036854775808 is over" },
    { "N = 2^64 - 1", "{}", UINT64_MAX - 1, 0, "is over the format's limit of 100000000" },
    { "N = 2^64 - 8, wraps", "{}", UINT64_MAX - 7, 0, "is over the format's limit of 100000000" },
    { "N = 100,000,001", "{}", 100000001, 0, "header length 100000001 is over" },
    { "N = 100,000,000 > file", "{}", 100000000, 0, "but the file has only 10 bytes" },
    { "not UTF-8", "{\"\xff\xfe\":1}", REAL, 0, "not valid JSON: unable to decode byte 0xff" },
    { "overlong UTF-8", "{\"\xc0\xaf\":1}", REAL, 0, "not valid JSON: unable to decode" },
    { "UTF-16 surrogate", "{\"\xed\xa0\x80\":1}", REAL, 0, "not valid JSON: unable to decode" },
    { "not JSON", "hello, world", REAL, 0, "not valid JSON" },
    { "JSON cut short", "{" A("F32", "[2]", "[0,8]"), REAL, 8, "not valid JSON" },
    { "white space only", "        ", REAL, 0, "not valid JSON" },
    { "JSON array", "[]", REAL, 0, "header is a JSON array" },
    { "JSON number", "17", REAL, 0, "not valid JSON" },
    { "text after the JSON", "{} {}", REAL, 0, "not valid JSON: end of file expected" },
    { "NaN", "{\"a\":NaN}", REAL, 0, "not valid JSON" },
    { "duplicate tensor", "{" A("U8", "[1]", "[0,1]") "," A("U8", "[1]", "[1,2]") "}", REAL, 2,
      "duplicate object key near '\"a\"'" },
    { "duplicate key in a tensor", "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", REAL, 0,
      "duplicate object key near '\"dtype\"'" },
    { "tensor is a list", "{\"a\":[]}", REAL, 0, "tensor \"a\": is not described by an object" },
    { "unknown dtype", "{" A("F31", "[2]", "[0,8]") "}", REAL, 8,
      "tensor \"a\": unknown dtype \"F31\"" },
    { "dtype in lower case", "{" A("f32", "[2]", "[0,8]") "}", REAL, 8, "unknown dtype \"f32\"" },
    { "4-bit dtype", "{" A("F4", "[2]", "[0,1]") "}", REAL, 1, "unknown dtype \"F4\"" },
    { "dtype missing", "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", REAL, 8,
      "tensor \"a\": \"dtype\" is missing" },
    { "dtype a number", "{\"a\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,1]}}", REAL, 1,
      "tensor \"a\": \"dtype\" is missing or not a string" },
    { "shape missing", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", REAL, 1,
      "tensor \"a\": \"shape\" is missing" },
    { "offsets missing", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", REAL, 1,
      "tensor \"a\": \"data_offsets\" is missing" },
    { "unknown key", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"scale\":2}}",
      REAL, 1, "tensor \"a\": unknown key \"scale\"" },
    { "one offset", "{" A("U8", "[1]", "[0]") "}", REAL, 1,
      "\"data_offsets\" is missing or not two" },
    { "three offsets", "{" A("U8", "[1]", "[0,1,2]") "}", REAL, 1, "not two integers" },
    { "negative offset", "{" A("U8", "[1]", "[-1,0]") "}", REAL, 1, "not two integers" },
    { "fractional offset", "{" A("U8", "[1]", "[0,1.0]") "}", REAL, 1, "not two integers" },
    { "negative dim", "{" A("U8", "[-1]", "[0,1]") "}", REAL, 1,
      "tensor \"a\": shape[0] is not an integer of 0 or more" },
    { "fractional dim", "{" A("U8", "[1,1.5]", "[0,1]") "}", REAL, 1,
      "tensor \"a\": shape[1] is not" },
    { "1e30 dim", "{" A("U8", "[1e30]", "[0,1]") "}", REAL, 1, "tensor \"a\": shape[0] is not" },
    { "2^64 dim", "{" A("U8", "[18446744073709551616]", "[0,1]") "}", REAL, 1, "too big integer" },
    { "text dim", "{" A("U8", "[\"1\"]", "[0,1]") "}", REAL, 1, "tensor \"a\": shape[0] is not" },
    { "[2^32, 2^32] wraps to 0", "{" A("U8", "[4294967296,4294967296]", "[0,0]") "}", REAL, 0,
      "tensor \"a\": the size of its shape overflows" },
    { "[2^62] x 4 bytes wraps to 0", "{" A("F32", "[4611686018427387904]", "[0,0]") "}", REAL, 0,
      "tensor \"a\": the size of its shape overflows" },
    { "rank 9", "{" A("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", REAL, 1, "tensor \"a\": rank 9" },
    { "shape x dtype too small", "{" A("F32", "[2]", "[0,12]") "}", REAL, 12,
      "tensor \"a\": data_offsets [0, 12] hold 12 bytes, shape and dtype F32 need 8" },
    { "shape x dtype too large", "{" A("F32", "[4]", "[0,12]") "}", REAL, 12, "need 16" },
    { "begin > end", "{" A("U8", "[1]", "[1,0]") "}", REAL, 1,
      "tensor \"a\": data_offsets [1, 0] go backwards" },
    { "begin > end by 2^63", "{" A("U8", "[1]", "[9223372036854775807,0]") "}", REAL, 1,
      "backwards" },
    { "hole at the start", "{" A("U8", "[4]", "[4,8]") "}", REAL, 8,
      "tensor \"a\" starts at byte 4 of the data, a hole of 4 bytes" },
    { "hole", "{" A("U8", "[4]", "[0,4]") "," B("U8", "[4]", "[5,9]") "}", REAL, 9,
      "tensor \"b\" starts at byte 5 of the data, a hole of 1 bytes" },
    { "overlap", "{" A("U8", "[4]", "[0,4]") "," B("U8", "[4]", "[3,7]") "}", REAL, 7,
      "tensor \"b\" starts at byte 3 of the data and overlaps \"a\"" },
    { "same range twice", "{" A("U8", "[4]", "[0,4]") "," B("U8", "[4]", "[0,4]") "}", REAL, 4,
      "overlaps" },
    { "zero-size tensor inside another",
      "{" A("U8", "[4]", "[0,4]") "," B("U8", "[0]", "[2,2]") "}", REAL, 4,
      "tensor \"b\" starts at" },
    { "zero-size tensor past the end", "{" A("U8", "[0]", "[8,8]") "}", REAL, 4,
      "tensor \"a\" ends at byte 8 of the data, the file has only 4" },
    { "end < file", "{" A("U8", "[4]", "[0,4]") "}", REAL, 5,
      "last tensor \"a\" ends at byte 4 of the data, the file has 5" },
    { "data without a tensor", "{}", REAL, 1, "ends at byte 0 of the data, the file has 1" },
    { "truncated in the data", "{" A("U8", "[4]", "[0,4]") "," B("F32", "[8]", "[4,36]") "}", REAL,
      20, "tensor \"b\" ends at byte 36 of the data, the file has only 20: truncated" },
    { "__metadata__ a list", "{\"__metadata__\":[]}", REAL, 0, "__metadata__ is not an object" },
    { "__metadata__ with a number", "{\"__metadata__\":{\"format\":1}}", REAL, 0,
      "__metadata__: \"format\" is not a string" },
    { "NUL in a name", "{\"a\\u0000b\":{}}", REAL, 0, "not valid JSON: NUL byte in object key" },
    { "escape in a name", "{\"a\\u001b[31m\":{}}", REAL, 0,
      "tensor \"a?[31m\": the name has a control character" },
    { "C1 control in a name", "{\"a\xc2\x9b\":{}}", REAL, 0, "the name has a control character" },
    { "raw line feed in a name", "{\"a\nb\":{}}", REAL, 0, "not valid JSON: unexpected newline" },
};

static void malformed_headers_are_named_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        const header_row *row = &malformed[i];
        const size_t bytes = strlen(row->header);
        qs_safetensors *file = NULL;
        const qs_status status = open_bytes(
            row->header, bytes, row->length == REAL ? bytes : row->length, row->data_bytes, &file);
        check_refused(row->label, status, file, row->fragment);
    }
}

static const header_row legal[] = {
    { "empty", "{}", REAL, 0, NULL },
    { "trailing padding", "{}      ", REAL, 0, NULL },
    { "leading padding", "  \t\r\n {} \n", REAL, 0, NULL },
    { "rank 0", "{" A("F32", "[]", "[0,4]") "}", REAL, 4, NULL },
    { "zero size", "{" A("F32", "[3,0,5]", "[0,0]") "}", REAL, 0, NULL },
    { "zero size first", "{" A("F32", "[0,4611686018427387904]", "[0,0]") "}", REAL, 0, NULL },
    { "zero sizes between", "{" A("U8", "[0]", "[2,2]") "," B("U8", "[2]", "[0,2]") "}", REAL, 2,
      NULL },
    { "zero size at the next one's start",
      "{" A("U8", "[2]", "[0,2]") "," B("U8", "[0]", "[0,0]") "}", REAL, 2, NULL },
    { "rank 8", "{" A("U8", "[1,1,1,1,1,1,1,2]", "[0,2]") "}", REAL, 2, NULL },
    { "header in another order", "{" A("U8", "[2]", "[1,3]") "," B("U8", "[1]", "[0,1]") "}", REAL,
      3, NULL },
    { "unaligned", "{" A("U8", "[1]", "[0,1]") "," B("F32", "[1]", "[1,5]") "}", REAL, 5, NULL },
    { "metadata", "{\"__metadata__\":{\"format\":\"pt\",\"note\":\"a\\nb\"}}", REAL, 0, NULL },
    { "keys in another order", "{\"a\":{\"data_offsets\":[0,1],\"shape\":[1],\"dtype\":\"BOOL\"}}",
      REAL, 1, NULL },
    { "name with a brace and a quote",
      "{\"a\\\"{,,\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", REAL, 1, NULL },
};

static void legal_oddities_load(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof legal / sizeof legal[0]; i++) {
        const header_row *row = &legal[i];
        qs_safetensors *file = NULL;
        const size_t bytes = strlen(row->header);
        if (open_bytes(row->header, bytes, bytes, row->data_bytes, &file) != QS_OK)
            fail_msg("%s: %s", row->label, qs_last_error());
        qs_safetensors_close(file);
    }
}

static void files_shorter_than_a_length(void **state)
{
    (void)state;
    const char *path = temporary_path(folder, "made.safetensors");
    for (size_t bytes = 0; bytes < 8; bytes++) {
        char fragment[32];
        qs_safetensors *file = NULL;
        temporary_write(path, "\2\0\0\0\0\0\0\0", bytes);
        snprintf(fragment, sizeof fragment, "%zu bytes are too few", bytes);
        check_refused("short", qs_safetensors_open(path, &file), file, fragment);
    }
}

/* ------------------------------------------------------------------------------------------- */
/* Headers that are too much                                                                    */

static void deep_nesting(void **state)
{
    (void)state;
    const size_t depth = 10000;
    char *header = malloc(5 + 2 * depth + 1);
    memcpy(header, "{\"a\":", 5);
    memset(header + 5, '[', depth);
    memset(header + 5 + depth, ']', depth);
    header[5 + 2 * depth] = '}';
    qs_safetensors *file = NULL;
    const size_t bytes = 5 + 2 * depth + 1;
    check_refused("deep", open_bytes(header, bytes, bytes, 0, &file), file,
                  "maximum parsing depth reached");
    free(header);
}

/* count one-byte tensors, "0" .. */
static char *many_tensors(size_t count, size_t *bytes)
{
    char *header = malloc(count * 80 + 2);
    *bytes = 0;
    for (size_t i = 0; i < count; i++)
        *bytes += (size_t)sprintf(
            header + *bytes, "%c\"%zu\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[%zu,%zu]}",
            i ? ',' : '{', i, i, i + 1);
    header[(*bytes)++] = '}';
    return header;
}

static void a_million_tensors(void **state)
{
    (void)state;
    qs_safetensors *file = NULL;
    size_t bytes = 0;
    char *header = many_tensors(1000000, &bytes);
    check_refused("1 M", open_bytes(header, bytes, bytes, 0, &file), file,
                  "at most 4194304 are supported");
    free(header);
    header = many_tensors(10000, &bytes); /* small enough by bytes */
    check_refused("10,000", open_bytes(header, bytes, bytes, 0, &file), file,
                  "tensors, at most 8192 are supported");
    free(header);
}

static void as_many_tensors_as_supported(void **state)
{
    (void)state;
    qs_safetensors *file = NULL;
    size_t bytes = 0;
    char *header = many_tensors(8192, &bytes);
    assert_int_equal(open_bytes(header, bytes, bytes, 8192, &file), QS_OK);
    assert_int_equal(qs_safetensors_count(file), 8192);
    const qs_tensor *tensor = qs_safetensors_find(file, "5432");
    assert_non_null(tensor);
    assert_int_equal(*(const unsigned char *)tensor->data, 5432 % 256);
    assert_ptr_equal(qs_safetensors_at(file, 5432), tensor);
    qs_safetensors_close(file);
    free(header);
}

static void half_a_million_numbers(void **state)
{
    (void)state;
    const size_t count = 500000;
    char *header = malloc(2 * count + 64);
    size_t bytes = (size_t)sprintf(header, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1");
    for (size_t i = 0; i < count; i++, bytes += 2)
        memcpy(header + bytes, ",1", 2);
    bytes += (size_t)sprintf(header + bytes, "],\"data_offsets\":[0,1]}}");
    qs_safetensors *file = NULL;
    check_refused("numbers", open_bytes(header, bytes, bytes, 1, &file), file,
                  "not a list of tensors");
    free(header);
}

static void braces_in_text_are_no_tensors(void **state)
{
    (void)state;
    const size_t count = 200000;
    char *header = malloc(count + 64);
    size_t bytes = (size_t)sprintf(header, "{\"__metadata__\":{\"note\":\"\\\"");
    for (size_t i = 0; i < count; i++)
        header[bytes++] = i % 2 ? '{' : ',';
    bytes += (size_t)sprintf(header + bytes, "\"}}");
    qs_safetensors *file = NULL;
    if (open_bytes(header, bytes, bytes, 0, &file) != QS_OK)
        fail_msg("%s", qs_last_error());
    assert_int_equal(strlen(qs_safetensors_metadata(file, "note")), count + 1);
    qs_safetensors_close(file);
    free(header);
}

static void a_long_name(void **state)
{
    (void)state;
    char header[1024] = "{\"";
    memset(header + 2, 'x', 513);
    strcpy(header + 515, "\":{}}");
    qs_safetensors *file = NULL;
    const size_t bytes = strlen(header);
    check_refused("name", open_bytes(header, bytes, bytes, 0, &file), file,
                  "x...\": the name has 513 bytes");
}

/* ------------------------------------------------------------------------------------------- */
/* Things that are not files                                                                    */

static void not_files(void **state)
{
    (void)state;
    qs_safetensors *file = NULL;
    const char *path = temporary_path(folder, "made.safetensors");
    remove(path);
    check_refused("absent", qs_safetensors_open(path, &file), file, "No such file");
    assert_int_equal(mkdir(path, 0700), 0);
    check_refused("folder", qs_safetensors_open(path, &file), file, "is a directory, not a file");
    remove(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    check_refused("FIFO", qs_safetensors_open(path, &file), file, "is a FIFO, not a file");
    remove(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    check_refused("device", qs_safetensors_open(path, &file), file, "is a device, not a file");
    remove(path);
    assert_int_equal(symlink("made.safetensors", path), 0);
    check_refused("loop", qs_safetensors_open(path, &file), file, "cannot open: ");
    remove(path);
    assert_int_equal(qs_safetensors_open(NULL, &file), QS_ERROR_USAGE);
    assert_int_equal(qs_safetensors_open(path, NULL), QS_ERROR_USAGE);
    qs_safetensors_close(NULL);
}

static void no_permission(void **state)
{
    (void)state;
    qs_safetensors *file = NULL;
    const char *path = temporary_path(folder, "made.safetensors");
    remove(path); /* a FIFO, where the test before failed: it would block */
    temporary_write(path, "", 0);
    chmod(path, 0);
    const uid_t user = geteuid();
    if (user == 0 && seteuid(65534) != 0) /* root may read everything */
        skip_test("root stays root here");
    const qs_status status = qs_safetensors_open(path, &file);
    assert_int_equal(seteuid(user), 0);
    check_refused("permission", status, file, "Permission denied");
}

static void truncated_while_open(void **state)
{
    (void)state;
    qs_safetensors *file = NULL;
    const char *header = "{" A("F16", "[65536]", "[0,131072]") "}";
    float *values = malloc(65536 * sizeof *values);
    assert_int_equal(open_bytes(header, strlen(header), strlen(header), 131072, &file), QS_OK);
    const qs_tensor *tensor = qs_safetensors_find(file, "a");
    assert_int_equal(qs_safetensors_read_floats(file, tensor, values), QS_OK);
    assert_int_equal(truncate(temporary_path(folder, "made.safetensors"), 70000), 0);
    assert_int_equal(qs_safetensors_read_floats(file, tensor, values), QS_ERROR_MODEL);
    assert_non_null(strstr(qs_last_error(), "tensor \"a\""));
    assert_non_null(strstr(qs_last_error(), "shrunk"));
    assert_int_equal(truncate(temporary_path(folder, "made.safetensors"), 0), 0);
    assert_int_equal(qs_safetensors_read_floats(file, tensor, values), QS_ERROR_MODEL);
    qs_safetensors_close(file);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_headers_are_named_errors),
        cmocka_unit_test(legal_oddities_load),
        cmocka_unit_test(files_shorter_than_a_length),
        cmocka_unit_test(deep_nesting),
        cmocka_unit_test(a_million_tensors),
        cmocka_unit_test(as_many_tensors_as_supported),
        cmocka_unit_test(half_a_million_numbers),
        cmocka_unit_test(braces_in_text_are_no_tensors),
        cmocka_unit_test(a_long_name),
        cmocka_unit_test(not_files),
        cmocka_unit_test(no_permission),
        cmocka_unit_test(truncated_while_open),
    };
    return cmocka_run_group_tests(tests, create_folder, remove_folder);
}
