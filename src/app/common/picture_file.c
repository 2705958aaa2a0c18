#include "common/picture_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_MAX_DIMENSIONS 16384
#include <stb/stb_image.h>

/* What the channels cannot carry must not be there. */
static qs_status check_content(const char *path, uint32_t channels, const uint8_t *rgba,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = rgba + 4 * i;
        if (channels < 4 && p[3] != 255)
            return app_error(QS_ERROR_USAGE,
                             "%s has transparent pixels, and the model takes none: lay it over a "
                             "background first",
                             path);
        if (channels == 1 && (p[0] != p[1] || p[0] != p[2]))
            return app_error(QS_ERROR_USAGE,
                             "%s is in colour, and the model takes grey pictures: convert it first",
                             path);
    }
    return QS_OK;
}

static float *to_floats(const uint8_t *rgba, size_t count, uint32_t channels)
{
    float *values = calloc(count * channels, sizeof *values);
    for (size_t c = 0; values && c < channels; c++)
        for (size_t i = 0; i < count; i++)
            values[c * count + i] = (float)rgba[4 * i + c] / 255.0f * 2.0f - 1.0f;
    return values;
}

static uint8_t *load(const char *path, int *width, int *height)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        app_error(QS_ERROR_USAGE, "%s: %s", path, strerror(errno));
        return NULL;
    }
    int unused;
    uint8_t *rgba = stbi_load_from_file(file, width, height, &unused, 4);
    fclose(file);
    if (!rgba)
        app_error(QS_ERROR_USAGE, "%s cannot be read as PNG or JPEG: %s", path,
                  stbi_failure_reason());
    return rgba;
}

qs_status app_picture_read(const char *path, uint32_t channels, float **values, uint32_t *width,
                           uint32_t *height)
{
    int w = 0, h = 0;
    uint8_t *rgba = load(path, &w, &h);
    if (!rgba)
        return QS_ERROR_USAGE;
    const size_t count = (size_t)w * (size_t)h;
    qs_status status = check_content(path, channels, rgba, count);
    if (status == QS_OK) {
        *values = to_floats(rgba, count, channels);
        *width = (uint32_t)w;
        *height = (uint32_t)h;
        if (!*values)
            status = app_error(QS_ERROR_MEMORY, "no memory for %s", path);
    }
    stbi_image_free(rgba);
    return status;
}
