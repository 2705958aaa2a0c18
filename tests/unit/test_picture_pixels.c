/* What is read of PNG and JPEG: the pixels that Pillow reads (tests/golden/pictures, made by
 * tools/golden/pictures.py), and nothing of a file that is damaged, cut short or larger than it
 * looks. */
#include "../harness/temporary.h"
#include "../harness/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/picture_file.h"
#include "common/picture_pixels.h"

#include <quickstep/autoencoder.h>
#include <quickstep/safetensors.h>
#include <sys/resource.h>

enum { PIXELS_MAX = 1000, FILE_MAX = 4096 };

static char *folder;
static qs_safetensors *golden;

static const char *golden_path(const char *name)
{
    return source_path("tests/golden/pictures/%s", name);
}

static int open_golden(void **state)
{
    (void)state;
    folder = temporary_create();
    return qs_safetensors_open(golden_path("golden.safetensors"), &golden) == QS_OK ? 0 : -1;
}

static int close_golden(void **state)
{
    (void)state;
    qs_safetensors_close(golden);
    temporary_remove(folder);
    return 0;
}

static void ok(qs_status status)
{
    if (status != QS_OK)
        fail_msg("%s", app_error_message());
}

static bool is_jpeg(const char *name)
{
    return strstr(name, ".jpg") != NULL;
}

/* ---- what is right --------------------------------------------------------------------------- */

static void pixels_are_pillows(void **state)
{
    (void)state;
    assert_int_equal(qs_safetensors_count(golden), 19);
    for (size_t i = 0; i < qs_safetensors_count(golden); ++i) {
        const qs_tensor *t = qs_safetensors_at(golden, i);
        uint32_t width = 0, height = 0;
        uint8_t *rgba = NULL;
        ok(app_pixels_read(golden_path(t->name), PIXELS_MAX, &rgba, &width, &height));
        if (t->shape[0] != height || t->shape[1] != width)
            fail_msg("%s is %ux%u", t->name, width, height);
        for (size_t k = 0; k < t->size_bytes; ++k)
            if (rgba[k] != ((const uint8_t *)t->data)[k])
                fail_msg("%s: channel %zu of pixel %zu is %u, of Pillow %u", t->name, k % 4, k / 4,
                         rgba[k], ((const uint8_t *)t->data)[k]);
        free(rgba);
    }
}

/* [-1, 1], planes; and what has no room in three channels, or in one. */
static void floats_and_what_does_not_fit(void **state)
{
    (void)state;
    const qs_tensor *t = qs_safetensors_find(golden, "rgb.png");
    const uint8_t *rgba = t->data;
    float *values = NULL;
    uint32_t width = 0, height = 0;
    ok(app_picture_read(golden_path("rgb.png"), 3, APP_FIT_NONE, 1, &values, &width, &height));
    for (size_t c = 0; c < 3; ++c)
        for (size_t i = 0; i < (size_t)width * height; ++i)
            assert_float_equal(values[c * width * height + i], rgba[4 * i + c] / 127.5 - 1, 1e-6);
    free(values);
    static const struct {
        const char *name, *message;
        uint32_t channels;
    } rows[] = {
        { "rgba.png", "has transparent pixels", 3 },
        { "grey_alpha.png", "has transparent pixels", 1 },
        { "palette_transparent.png", "has transparent pixels", 3 },
        { "palette_interlaced.png", "has transparent pixels", 3 },
        { "rgb_key.png", "has transparent pixels", 3 },
        { "cmyk.jpg", "is in colour", 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        assert_int_equal(app_picture_read(golden_path(rows[i].name), rows[i].channels, APP_FIT_NONE,
                                          1, &values, &width, &height),
                         QS_ERROR_USAGE);
        if (!strstr(app_error_message(), rows[i].message))
            fail_msg("%s: %s", rows[i].name, app_error_message());
    }
    ok(app_picture_read(golden_path("grey.jpg"), 1, APP_FIT_NONE, 1, &values, &width, &height));
    free(values);
}

/* ---- what is not ----------------------------------------------------------------------------- */

static size_t load(const char *name, uint8_t *bytes)
{
    FILE *file = fopen(golden_path(name), "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, FILE_MAX, file);
    assert_true(size > 0 && size < FILE_MAX);
    fclose(file);
    return size;
}

/* The status of a file of these bytes; of QS_OK, whether it has the pixels of `t`. */
static qs_status read_bytes(const uint8_t *bytes, size_t size, const qs_tensor *t, bool *same)
{
    const char *path = temporary_path(folder, "picture");
    uint32_t width = 0, height = 0;
    uint8_t *rgba = NULL;
    temporary_write(path, bytes, size);
    const qs_status status = app_pixels_read(path, PIXELS_MAX, &rgba, &width, &height);
    *same = status == QS_OK && t->shape[0] == height && t->shape[1] == width &&
            memcmp(rgba, t->data, t->size_bytes) == 0;
    if (status != QS_OK)
        assert_null(rgba);
    free(rgba);
    return status;
}

static void every_stump_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < qs_safetensors_count(golden); ++i) {
        const qs_tensor *t = qs_safetensors_at(golden, i);
        uint8_t bytes[FILE_MAX];
        bool same;
        for (size_t size = load(t->name, bytes) - 1; size > 0; --size)
            if (read_bytes(bytes, size, t, &same) != QS_ERROR_USAGE)
                fail_msg("%zu bytes of %s are read as a picture", size, t->name);
    }
}

/* PNG has check sums: a flipped bit is an error, or (between IHDR and its length, say) nothing. */
static void every_flipped_bit_of_a_png_is_seen(void **state)
{
    (void)state;
    static const char *const names[] = { "palette_interlaced.png", "grey_alpha.png",
                                         "rgb_key.png" };
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        const qs_tensor *t = qs_safetensors_find(golden, names[i]);
        uint8_t bytes[FILE_MAX];
        const size_t size = load(names[i], bytes);
        for (size_t bit = 0; bit < 8 * size; bit += 3) {
            bool same;
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (read_bytes(bytes, size, t, &same) == QS_OK && !same)
                fail_msg("%s with bit %zu flipped is another picture", names[i], bit);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static uint32_t crc32_of(const uint8_t *bytes, size_t count)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < count; ++i) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; ++i)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* The file, but its header says other sides. */
static size_t claim(const char *name, uint32_t width, uint32_t height, uint8_t *bytes)
{
    const size_t size = load(name, bytes);
    if (is_jpeg(name)) {
        uint8_t *frame = bytes + 2; /* the first SOF: FF C0 or FF C2 */
        while (frame[1] != 0xc0 && frame[1] != 0xc2)
            frame += 2 + (frame[2] << 8 | frame[3]);
        frame[5] = (uint8_t)(height >> 8), frame[6] = (uint8_t)height;
        frame[7] = (uint8_t)(width >> 8), frame[8] = (uint8_t)width;
    } else {
        put_u32(bytes + 16, width);
        put_u32(bytes + 20, height);
        put_u32(bytes + 29, crc32_of(bytes + 12, 17));
    }
    return size;
}

static long peak_kib(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

/* 60,000 x 60,000 would be 14 GB; the largest that is read, 8 MB. */
static void bombs_are_refused_before_they_take_memory(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t width, height;
    } rows[] = {
        { "rgb.png", 60000, 60000 },      { "rgb_interlaced.png", 60000, 60000 },
        { "rgb.png", 1 << 20, 1 << 12 },  { "rgb_16_bits.png", 1000000, 3 },
        { "palette.png", 2147483647, 1 }, { "rgb_420.jpg", 60000, 60000 },
        { "cmyk.jpg", 65500, 65500 },     { "rgb_progressive.jpg", 40000, 60000 },
        { "grey.jpg", 1415, 1414 },
    };
    const long before = peak_kib();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        uint8_t bytes[FILE_MAX];
        const char *path = temporary_path(folder, "bomb");
        const size_t size = claim(rows[i].name, rows[i].width, rows[i].height, bytes);
        float *values = NULL;
        uint32_t width = 0, height = 0;
        temporary_write(path, bytes, size);
        assert_int_equal(app_picture_read(path, 4, APP_FIT_CROP, 8, &values, &width, &height),
                         QS_ERROR_USAGE);
        if (!strstr(app_error_message(), "at most 2000000 pixels"))
            fail_msg("%s of %ux%u: %s", rows[i].name, rows[i].width, rows[i].height,
                     app_error_message());
    }
    assert_in_range(peak_kib() - before, 0, 16 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_pillows),
        cmocka_unit_test(floats_and_what_does_not_fit),
        cmocka_unit_test(every_stump_is_refused),
        cmocka_unit_test(every_flipped_bit_of_a_png_is_seen),
        cmocka_unit_test(bombs_are_refused_before_they_take_memory),
    };
    return cmocka_run_group_tests_name("picture pixels", tests, open_golden, close_golden);
}
