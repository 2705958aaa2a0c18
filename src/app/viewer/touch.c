#include "viewer/touch.h"

#include "common/picture_file.h"
#include "common/recipe_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void release(viewer_canvas *c)
{
    free(c->pixels);
    free(c->mask);
    *c = (viewer_canvas){ 0 };
}

void touch_finish(touch *t)
{
    for (uint32_t i = 0; i < TOUCH_CANVASES; i++)
        release(&t->canvases[i]);
}

static viewer_canvas *find(const touch *t, uint32_t id)
{
    for (uint32_t i = 0; id != 0 && i < TOUCH_CANVASES; i++)
        if (t->canvases[i].id == id)
            return (viewer_canvas *)&t->canvases[i];
    return NULL;
}

/* Where the next one goes: in place of a camera's, once there are a few, or else of the oldest. */
static viewer_canvas *next_place(touch *t)
{
    viewer_canvas *oldest = &t->canvases[0], *oldest_live = NULL;
    uint32_t live_count = 0;
    for (uint32_t i = 0; i < TOUCH_CANVASES; i++) {
        viewer_canvas *c = &t->canvases[i]; /* id 0: it is free */
        if (c->id < oldest->id)
            oldest = c;
        if (c->live && (live_count++ == 0 || c->id < oldest_live->id))
            oldest_live = c;
    }
    return live_count < TOUCH_LIVE ? oldest : oldest_live;
}

const viewer_canvas *touch_find(const touch *t, const viewer_controls *controls,
                                const qs_model_info *model)
{
    const viewer_canvas *c = find(t, controls->canvas);
    return c && c->width == model->width && c->height == model->height ? c : NULL;
}

/* The next one, into the controls. pixels and mask, which it keeps, or NULL: there was no memory.
 */
static qs_status add(touch *t, uint32_t width, uint32_t height, uint8_t *pixels, uint8_t *mask,
                     viewer_controls *controls)
{
    if (!pixels || !mask) {
        free(pixels);
        free(mask);
        return app_error(QS_ERROR_MEMORY, "no memory for a picture of %ux%u", width, height);
    }
    const uint32_t id = ++t->last_id;
    viewer_canvas *c = next_place(t);
    release(c);
    *c = (viewer_canvas){
        .id = id, .width = width, .height = height, .pixels = pixels, .mask = mask
    };
    controls->canvas = id;
    controls->canvas_revision = 0;
    return QS_OK;
}

static qs_status check_encoder(const qs_model_info *model, const char *path)
{
    return model->reads_pictures
               ? QS_OK
               : app_error(QS_ERROR_USAGE, "%s: the autoencoder of the model %s has no encoder",
                           path, model->name);
}

qs_status touch_open(touch *t, const char *path, const qs_model_info *model,
                     viewer_controls *controls)
{
    uint8_t *pixels = NULL;
    qs_status status = QS_OK;
    TRY(check_encoder(model, path));
    TRY(app_photo_read(path, model->channels, APP_FIT_CROP, model->width, model->height, &pixels));
    TRY(add(t, model->width, model->height, pixels, calloc((size_t)model->width * model->height, 1),
            controls));
fail:
    return status;
}

qs_status touch_recall(touch *t, const char *png, const app_recipe *recipe,
                       const qs_model_info *model, viewer_controls *controls)
{
    const uint32_t width = model->width, height = model->height;
    qs_status status = QS_OK;
    uint8_t *pixels = NULL, *mask = NULL;
    char path[4096];
    app_fit fit;
    TRY(check_encoder(model, png));
    TRY(app_fit_parse(recipe->fit[0] ? recipe->fit : NULL, &fit));
    TRY(app_recipe_find_file(png, recipe->init, recipe->init_hash, path, sizeof path));
    TRY(app_photo_read(path, model->channels, fit, width, height, &pixels));
    if (recipe->mask[0]) {
        TRY(app_recipe_find_file(png, recipe->mask, recipe->mask_hash, path, sizeof path));
        TRY(app_mask_read(path, fit, width, height, &mask));
    }
    const bool masked = mask != NULL;
    if (!masked)
        mask = calloc((size_t)width * height, 1);
    status = add(t, width, height, pixels, mask, controls);
    if (status == QS_OK)
        find(t, controls->canvas)->masked = masked;
    return status;
fail:
    free(pixels);
    free(mask);
    return status;
}

static void *copy_of(const void *from, size_t size)
{
    void *copy = malloc(size);
    return copy ? memcpy(copy, from, size) : NULL;
}

qs_status touch_take(touch *t, const uint8_t *rgba, const qs_model_info *model,
                     viewer_controls *controls)
{
    const size_t count = (size_t)model->width * model->height;
    return add(t, model->width, model->height, copy_of(rgba, 4 * count), calloc(count, 1),
               controls);
}

static void turn_grey(uint8_t *rgba, size_t count)
{
    for (size_t i = 0; i < count; i++, rgba += 4)
        memset(rgba, (299 * rgba[0] + 587 * rgba[1] + 114 * rgba[2] + 500) / 1000, 3);
}

qs_status touch_camera(touch *t, uint8_t *rgba, uint32_t width, uint32_t height,
                       const qs_model_info *model, viewer_controls *controls)
{
    const size_t count = (size_t)model->width * model->height;
    const viewer_canvas *before = touch_find(t, controls, model);
    const bool masked = before && before->masked;
    qs_status status = QS_OK;
    TRY(check_encoder(model, "camera"));
    TRY(app_photo_crop("camera", model->width, model->height, &rgba, width, height));
    if (model->channels == 1)
        turn_grey(rgba, count);
    status = add(t, model->width, model->height, rgba,
                 before ? copy_of(before->mask, count) : calloc(count, 1), controls);
    if (status == QS_OK) {
        viewer_canvas *c = find(t, controls->canvas);
        c->masked = masked;
        c->live = true;
    }
    return status;
fail:
    free(rgba);
    return status;
}

void touch_keep(touch *t, uint32_t canvas)
{
    viewer_canvas *c = find(t, canvas);
    if (c)
        c->live = false;
}

qs_status touch_blank(touch *t, const qs_model_info *model, viewer_controls *controls)
{
    const size_t count = (size_t)model->width * model->height;
    uint8_t *pixels = malloc(4 * count);
    if (pixels)
        memset(pixels, model->has_alpha ? 0 : 255, 4 * count);
    return add(t, model->width, model->height, pixels, calloc(count, 1), controls);
}

/* ---- the brush ---------------------------------------------------------------------------------
 */

/* Of the pixel whose middle is x, y: how much of it the stroke covers. The edge is one pixel wide,
 * and with a feather so much of the radius. */
static float coverage(const viewer_stroke *s, float radius, float feather, float x, float y)
{
    const float dx = s->x1 - s->x0, dy = s->y1 - s->y0, length2 = dx * dx + dy * dy;
    const float along = length2 > 0 ? ((x - s->x0) * dx + (y - s->y0) * dy) / length2 : 0;
    const float at = fminf(fmaxf(along, 0), 1);
    const float distance = hypotf(x - s->x0 - at * dx, y - s->y0 - at * dy);
    const float edge = 1 + feather * (radius - 0.5f);
    return fminf(fmaxf((radius - distance + 0.5f) / edge, 0), 1);
}

/* The colour over straight alpha. */
static void paint(uint8_t *pixel, const float colour[3], float part)
{
    const float below = (float)pixel[3] / 255 * (1 - part), alpha = part + below;
    for (int c = 0; c < 3; c++)
        pixel[c] = (uint8_t)((255 * colour[c] * part + (float)pixel[c] * below) / alpha + 0.5f);
    pixel[3] = (uint8_t)(255 * alpha + 0.5f);
}

static void touch_pixel(viewer_canvas *c, const viewer_brush *brush, size_t pixel, float part)
{
    const uint8_t covered = (uint8_t)(255 * part + 0.5f);
    uint8_t *mask = &c->mask[pixel];
    switch (brush->tool) {
    case TOOL_PAINT: paint(c->pixels + 4 * pixel, brush->colour, part); break;
    case TOOL_ANEW: *mask = *mask > covered ? *mask : covered; break;
    case TOOL_KEEP: *mask = *mask < 255 - covered ? *mask : (uint8_t)(255 - covered); break;
    }
}

static void apply(viewer_canvas *c, const viewer_brush *brush, const viewer_stroke *s)
{
    const float radius = fmaxf(0.5f, 0.5f * brush->size * (float)c->width), reach = radius + 1;
    const float feather = brush->tool == TOOL_PAINT ? 0 : brush->feather;
    const uint32_t x0 = (uint32_t)fmaxf(fminf(s->x0, s->x1) - reach, 0);
    const uint32_t y0 = (uint32_t)fmaxf(fminf(s->y0, s->y1) - reach, 0);
    const float x1 = fminf(fmaxf(s->x0, s->x1) + reach, (float)c->width);
    const float y1 = fminf(fmaxf(s->y0, s->y1) + reach, (float)c->height);
    for (uint32_t y = y0; (float)y < y1; y++)
        for (uint32_t x = x0; (float)x < x1; x++) {
            const float part = coverage(s, radius, feather, (float)x + 0.5f, (float)y + 0.5f);
            if (part > 0)
                touch_pixel(c, brush, (size_t)y * c->width + x, part);
        }
    c->masked = false;
    for (size_t i = 0; i < (size_t)c->width * c->height && !c->masked; i++)
        c->masked = c->mask[i] != 0;
}

/* Another canvas that is the same so far. */
static qs_status begin_change(touch *t, viewer_controls *controls)
{
    const viewer_canvas *c = find(t, controls->canvas);
    const size_t count = c ? (size_t)c->width * c->height : 0;
    const bool masked = c && c->masked;
    if (!c)
        return app_error(QS_ERROR_USAGE, "there is no picture to paint on");
    const qs_status status = add(t, c->width, c->height, copy_of(c->pixels, 4 * count),
                                 copy_of(c->mask, count), controls);
    if (status == QS_OK)
        find(t, controls->canvas)->masked = masked;
    return status;
}

qs_status touch_stroke(touch *t, const viewer_stroke *stroke, viewer_controls *controls)
{
    const qs_status status = stroke->begins ? begin_change(t, controls) : QS_OK;
    viewer_canvas *c = find(t, controls->canvas);
    if (status != QS_OK || !c)
        return status;
    apply(c, &controls->brush, stroke);
    c->revision = ++controls->canvas_revision;
    return QS_OK;
}

qs_status touch_clear_mask(touch *t, viewer_controls *controls)
{
    const qs_status status = begin_change(t, controls);
    if (status != QS_OK)
        return status;
    viewer_canvas *c = find(t, controls->canvas);
    memset(c->mask, 0, (size_t)c->width * c->height);
    c->masked = false;
    return QS_OK;
}
