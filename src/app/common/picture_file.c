#include "common/picture_file.h"

#include "common/log.h"
#include "common/picture_pixels.h"
#include "common/picture_resize.h"
#include "common/picture_tags.h"

#include <quickstep/autoencoder.h>

#include <stdlib.h>
#include <string.h>

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

/* The file's pixels the right way up. */
static qs_status load_upright(const char *path, uint8_t **rgba, uint32_t *width, uint32_t *height)
{
    const app_picture_tags tags = app_picture_tags_read(path);
    uint8_t *lying = NULL;
    const qs_status status = app_pixels_read(path, QS_CODER_PIXELS_MAX, &lying, width, height);
    if (status != QS_OK)
        return status;
    if (tags.colours)
        app_warning("%s has %s, which is not applied: its colours are taken as sRGB", path,
                    tags.colours);
    *rgba = lying;
    if (tags.orientation == 1)
        return QS_OK;
    *rgba = app_picture_turn(lying, tags.orientation, width, height);
    free(lying);
    return *rgba ? QS_OK : app_error(QS_ERROR_MEMORY, "no memory for %s", path);
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
    uint8_t *rgba = NULL;
    TRY(load_upright(path, &rgba, &w, &h));
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

/* ---- a picture to begin from, and a mask ----------------------------------------------------- */

/* The largest middle of *rgba that has the shape of to_width x to_height. */
static qs_status crop_to_shape(const char *path, uint32_t to_width, uint32_t to_height,
                               uint8_t **rgba, uint32_t *width, uint32_t *height)
{
    const uint64_t w = *width, h = *height;
    const bool wide = w * to_height > h * to_width;
    const uint32_t cut_w = wide ? (uint32_t)((h * to_width + to_height / 2) / to_height) : *width;
    const uint32_t cut_h = wide ? *height : (uint32_t)((w * to_height + to_width / 2) / to_width);
    uint8_t *cut = crop(*rgba, *width, *height, cut_w ? cut_w : 1, cut_h ? cut_h : 1);
    if (!cut)
        return app_error(QS_ERROR_MEMORY, "no memory for %s", path);
    free(*rgba);
    *rgba = cut;
    *width = cut_w ? cut_w : 1;
    *height = cut_h ? cut_h : 1;
    return QS_OK;
}

/* *rgba, [height, width, 4], is replaced where it has another size. */
static qs_status fit_exactly(const char *path, app_fit fit, uint32_t to_width, uint32_t to_height,
                             uint8_t **rgba, uint32_t width, uint32_t height)
{
    qs_status status = QS_OK;
    if (width == to_width && height == to_height)
        return QS_OK;
    if (fit == APP_FIT_NONE)
        return app_error(QS_ERROR_USAGE,
                         "%s is %ux%u and the model draws %ux%u: --fit crop takes its middle, "
                         "scaled, --fit resize stretches it",
                         path, width, height, to_width, to_height);
    if (fit == APP_FIT_CROP)
        TRY(crop_to_shape(path, to_width, to_height, rgba, &width, &height));
    uint8_t *resized = resize(*rgba, width, height, to_width, to_height);
    if (!resized)
        return app_error(QS_ERROR_MEMORY, "no memory for %s", path);
    free(*rgba);
    *rgba = resized;
fail:
    return status;
}

qs_status app_photo_crop(const char *path, uint32_t to_width, uint32_t to_height, uint8_t **rgba,
                         uint32_t width, uint32_t height)
{
    return fit_exactly(path, APP_FIT_CROP, to_width, to_height, rgba, width, height);
}

qs_status app_photo_read(const char *path, uint32_t channels, app_fit fit, uint32_t width,
                         uint32_t height, uint8_t **rgba)
{
    uint32_t w = 0, h = 0;
    uint8_t *read = NULL;
    qs_status status = QS_OK;
    TRY(load_upright(path, &read, &w, &h));
    TRY(check_content(path, channels, read, (size_t)w * h));
    TRY(fit_exactly(path, fit, width, height, &read, w, h));
    *rgba = read;
    return QS_OK;
fail:
    free(read);
    return status;
}

qs_status app_mask_read(const char *path, app_fit fit, uint32_t width, uint32_t height,
                        uint8_t **mask)
{
    const size_t count = (size_t)width * height;
    uint8_t *rgba = NULL, *made = NULL;
    qs_status status = QS_OK;
    TRY(app_photo_read(path, 4, fit, width, height, &rgba));
    made = malloc(count);
    if (!made)
        TRY(app_error(QS_ERROR_MEMORY, "no memory for %s", path));
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p = rgba + 4 * i;
        if (p[3] && (p[0] != p[1] || p[0] != p[2]))
            TRY(app_error(QS_ERROR_USAGE,
                          "%s is in colour: a mask is white where the picture is drawn anew, and "
                          "black where it is kept",
                          path));
        made[i] = (uint8_t)((p[0] * p[3] + 127) / 255);
    }
    *mask = made;
    free(rgba);
    return QS_OK;
fail:
    free(rgba);
    free(made);
    return status;
}

qs_status app_fit_parse(const char *name, app_fit *fit)
{
    *fit = APP_FIT_NONE;
    if (!name)
        return QS_OK;
    if (strcmp(name, "crop") == 0)
        *fit = APP_FIT_CROP;
    else if (strcmp(name, "resize") == 0)
        *fit = APP_FIT_RESIZE;
    else
        return app_error(QS_ERROR_USAGE, "--fit wants crop or resize, not '%s'", name);
    return QS_OK;
}
