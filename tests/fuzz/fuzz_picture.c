/* libFuzzer: a PNG or JPEG, as `encode` reads it: its pixels, its tags, and turned as these say;
 * and as a picture of ours, with its recipe. In a PNG of an odd size check sums are made right
 * first, which no mutation would find. */
#include "common/picture_pixels.h"
#include "common/picture_tags.h"
#include "common/png_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

enum {
    PIXELS_MAX = 1 << 16,
    SIGNATURE = 8,
    AROUND = 12 /* a chunk's length, name and check sum */
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; ++i)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void mend_chunks(uint8_t *png, size_t count)
{
    for (size_t at = SIGNATURE; at + AROUND <= count;) {
        const size_t size = get_u32(png + at);
        if (size > count - at - AROUND)
            return;
        const uLong crc = crc32(0, png + at + 4, (uInt)(size + 4));
        put_u32(png + at + 8 + size, (uint32_t)crc);
        at += size + AROUND;
    }
}

static void read_own(const char *path, const uint8_t *png, size_t size)
{
    enum { IHDR_SIZES = 16, IHDR_END = 33 };
    char *recipe = NULL;
    uint8_t *rgba = NULL;
    uint32_t width = 0, height = 0;
    const qs_status status = app_png_read_recipe(path, &recipe);
    if ((status == QS_OK) != (recipe != NULL) || (status != QS_OK && status != QS_ERROR_OTHER))
        abort();
    free(recipe);
    if (size < IHDR_END || get_u32(png + IHDR_SIZES) > 256 || get_u32(png + IHDR_SIZES + 4) > 256)
        return; /* 4096 x 4096 take long */
    const qs_status read = app_png_read_pixels(path, &rgba, &width, &height);
    if ((read == QS_OK) != (rgba != NULL) || (read != QS_OK && read != QS_ERROR_OTHER))
        abort();
    free(rgba);
}

static void read_picture(const char *path)
{
    uint32_t width = 0, height = 0;
    uint8_t *rgba = NULL, *turned = NULL;
    const app_picture_tags tags = app_picture_tags_read(path);
    const qs_status status = app_pixels_read(path, PIXELS_MAX, &rgba, &width, &height);
    if ((status == QS_OK) != (rgba != NULL) || (status != QS_OK && status != QS_ERROR_USAGE))
        abort();
    if (tags.orientation < 1 || tags.orientation > 8)
        abort();
    if (rgba) {
        for (size_t i = 0; i < (size_t)4 * width * height; ++i)
            (void)((const volatile uint8_t *)rgba)[i];
        turned = app_picture_turn(rgba, tags.orientation, &width, &height);
    }
    free(turned);
    free(rgba);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    uint8_t *file = malloc(count + 1);
    memcpy(file, bytes, count);
    if (count % 2 == 1)
        mend_chunks(file, count);
    const int fd = memfd_create("fuzz", 0);
    if (write(fd, file, count) != (ssize_t)count)
        abort();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_picture(path);
    read_own(path, file, count);
    close(fd);
    free(file);
    return 0;
}
