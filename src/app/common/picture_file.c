#include "common/picture_file.h"

#include "common/log.h"
#include "common/picture_resize.h"
#include "common/picture_tags.h"

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

/* The file's pixels the right way up, or NULL and an error. */
static uint8_t *load_upright(const char *path, uint32_t *width, uint32_t *height)
{
    const app_picture_tags tags = app_picture_tags_read(path);
    int w = 0, h = 0;
    uint8_t *rgba = load(path, &w, &h);
    *width = (uint32_t)w;
    *height = (uint32_t)h;
    if (rgba && tags.colours)
        app_warning("%s has %s, which is not applied: its colours are taken as sRGB", path,
                    tags.colours);
    if (!rgba || tags.orientation == 1)
        return rgba;
    uint8_t *turned = app_picture_turn(rgba, tags.orientation, width, height);
    stbi_image_free(rgba);
    if (!turned)
        app_error(QS_ERROR_MEMORY, "no memory for %s", path);
    return turned;
}

static uint8_t *crop(const uint8_t *rgba, uint32_t width, uint32_t height, uint32_t to_width,
                     uint32_t to_height)
{
    const uint32_t left = (width - to_width) / 2, top = (height - to_height) / 2;
    uint8_t *cropped = malloc((size_t)4 * to_width * to_height);
    for (uint32_t y = 0; cropped && y < to_height; ++y)
        memcpy(cropped + (size_t)4 * y * to_width, rgba + 4 * ((size_t)(top + y) * width + left),
               (size_t)4 * to_width);
    return cropped;
}

static uint8_t *resize(const uint8_t *rgba, uint32_t width, uint32_t height, uint32_t to_width,
                       uint32_t to_height)
{
    uint8_t *resized = malloc((size_t)4 * to_width * to_height);
    if (resized && !app_resize(rgba, width, height, resized, to_width, to_height)) {
        free(resized);
        return NULL;
    }
    return resized;
}

static uint32_t nearest(uint32_t side, uint32_t multiple)
{
    const uint32_t rounded = (side + multiple / 2) / multiple * multiple;
    return rounded ? rounded : multiple;
}

/* *rgba, [*height, *width, 4], is replaced where its sides are not multiples. */
static qs_status fit_size(const char *path, app_fit fit, uint32_t multiple, uint8_t **rgba,
                          uint32_t *width, uint32_t *height)
{
    const uint32_t w = *width, h = *height;
    const uint32_t crop_w = w / multiple * multiple, crop_h = h / multiple * multiple;
    const uint32_t near_w = nearest(w, multiple), near_h = nearest(h, multiple);
    if (crop_w == w && crop_h == h)
        return QS_OK;
    if (fit == APP_FIT_CROP && (crop_w == 0 || crop_h == 0))
        return app_error(QS_ERROR_USAGE, "%s is %ux%u: the smallest is %ux%u", path, w, h, multiple,
                         multiple);
    if (fit == APP_FIT_NONE)
        return app_error(QS_ERROR_USAGE,
                         "%s is %ux%u: width and height must be multiples of %u; --fit crop makes "
                         "it %ux%u, --fit resize %ux%u",
                         path, w, h, multiple, crop_w, crop_h, near_w, near_h);
    *width = fit == APP_FIT_CROP ? crop_w : near_w;
    *height = fit == APP_FIT_CROP ? crop_h : near_h;
    uint8_t *fitted = (fit == APP_FIT_CROP ? crop : resize)(*rgba, w, h, *width, *height);
    if (!fitted)
        return app_error(QS_ERROR_MEMORY, "no memory for %s", path);
    free(*rgba);
    *rgba = fitted;
    return QS_OK;
}

qs_status app_picture_read(const char *path, uint32_t channels, app_fit fit, uint32_t multiple,
                           float **values, uint32_t *width, uint32_t *height)
{
    qs_status status = QS_OK;
    uint32_t w = 0, h = 0;
    uint8_t *rgba = load_upright(path, &w, &h);
    if (!rgba)
        return QS_ERROR_USAGE;
    TRY(check_content(path, channels, rgba, (size_t)w * h));
    TRY(fit_size(path, fit, multiple, &rgba, &w, &h));
    *values = to_floats(rgba, (size_t)w * h, channels);
    if (!*values)
        TRY(app_error(QS_ERROR_MEMORY, "no memory for %s", path));
    *width = w;
    *height = h;
fail:
    free(rgba);
    return status;
}
