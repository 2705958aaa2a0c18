/*
 * What pictures are drawn from: canvases that were dropped on the window, taken from the screen or
 * painted, each with a mask. Every change makes another one, so that undo finds what was; a stroke
 * is one change. No device: bytes only.
 */
#ifndef VIEWER_TOUCH_H
#define VIEWER_TOUCH_H

#include "common/recipe.h"
#include "viewer/viewer.h"

/* Those that undo can come back to; so many of them at most are a camera's and not kept: what it
 * sees now, what was drawn last and what is being drawn. */
enum { TOUCH_CANVASES = 48, TOUCH_LIVE = 4 };

typedef struct touch {
    viewer_canvas canvases[TOUCH_CANVASES];
    uint32_t last_id;
} touch;

void touch_finish(touch *t);

/* The controls' canvas, if it has the size of the model's pictures; NULL: there is none. */
const viewer_canvas *touch_find(const touch *t, const viewer_controls *controls,
                                const qs_model_info *model);

/* Another canvas, nothing of which is masked, into the controls: a PNG or JPEG, its middle as large
 * as the model draws; a picture; nothing but white, clear where the model has alpha.
 * QS_ERROR_USAGE. */
qs_status touch_open(touch *t, const char *path, const qs_model_info *model,
                     viewer_controls *controls);
/* What a PNG was begun from, as its recipe says, with its mask. QS_ERROR_USAGE: it is not there, or
 * not what it was. */
qs_status touch_recall(touch *t, const char *png, const app_recipe *recipe,
                       const qs_model_info *model, viewer_controls *controls);
qs_status touch_take(touch *t, const uint8_t *rgba, const qs_model_info *model,
                     viewer_controls *controls);
/* What a camera sees, rgba [height, width, 4], which it frees; masked as the canvas before. It goes
 * when a few others have come, unless it is kept. */
qs_status touch_camera(touch *t, uint8_t *rgba, uint32_t width, uint32_t height,
                       const qs_model_info *model, viewer_controls *controls);
void touch_keep(touch *t, uint32_t canvas);
qs_status touch_blank(touch *t, const qs_model_info *model, viewer_controls *controls);

/* Of the controls' canvas, with their brush. */
qs_status touch_stroke(touch *t, const viewer_stroke *stroke, viewer_controls *controls);
qs_status touch_clear_mask(touch *t, viewer_controls *controls);

#endif
