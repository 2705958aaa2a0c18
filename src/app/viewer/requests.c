#include "viewer/requests.h"

#include "viewer/clipboard.h"
#include "viewer/recall.h"
#include "viewer/save.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A picture of the batch, -1: all are shown. */
static int shown_alone(const loop *l)
{
    return l->readings.frame.count > 1 && l->layout->solo >= 0 ? l->layout->solo : -1;
}

static const char *save_to(loop *l, const char *folder)
{
    static char name[5000];
    const bool alone = l->readings.frame.count > 1 && l->layout->solo >= 0;
    const qs_status status = save_picture(&l->generator, &l->readings, &l->touch,
                                          alone ? l->layout->solo : -1, folder, name, sizeof name);
    if (status == QS_OK)
        return name;
    loop_note(l, true, "not saved: %s", app_error_message());
    return NULL;
}

static void save(loop *l)
{
    const char *name = save_to(l, NULL);
    if (name)
        loop_note(l, false, "saved %s", name);
}

static void save_times(loop *l)
{
    char name[600];
    if (save_timeline(&l->generator, &l->readings, name, sizeof name) == QS_OK)
        loop_note(l, false, "saved %s: ui.perfetto.dev opens it", name);
    else
        loop_note(l, true, "not saved: %s", app_error_message());
}

/* As a picture where another program can take it, or else as a file's path. */
static void copy(loop *l)
{
    uint8_t *png = NULL;
    size_t size = 0;
    char path[PATH_MAX];
    qs_status status = save_to_memory(&l->generator, &l->readings, shown_alone(l), &png, &size);
    if (status == QS_OK)
        status = clipboard_put_png(png, size);
    free(png);
    if (status == QS_OK) {
        loop_note(l, false, "copied as a picture");
        return;
    }
    const char *name = save_to(l, NULL);
    if (!name || !realpath(name, path))
        return;
    glfwSetClipboardString(l->window.handle, path);
    loop_note(l, false, "saved %s, whose path is copied: %s", name, app_error_message());
}

static void paste(loop *l)
{
    if (!clipboard_path(l->window.handle, l->window.dropped, sizeof l->window.dropped))
        loop_note(l, true, "there is no file's path on the clipboard");
}

qs_status requests_end_recording(loop *l)
{
    if (!l->recording.animation)
        return QS_OK;
    const double seconds = record_seconds(&l->recording);
    const qs_status status = record_end(&l->recording);
    l->readings.recording = false;
    if (status != QS_OK)
        loop_note(l, true, "not recorded: %s", app_error_message());
    else if (seconds > 0)
        loop_note(l, false, "recorded %.1f s: %s", seconds, l->recording.path);
    else
        loop_note(l, true, "nothing was played, so nothing is recorded");
    return status;
}

void requests_record(loop *l)
{
    bool full = false;
    if (!l->recording.animation ||
        generate_drawn(&l->generator, &l->readings)->controls.view != VIEW_PICTURES)
        return;
    const qs_status status =
        record_take(&l->recording, &l->readings, shown_alone(l), glfwGetTime(), &full);
    l->readings.recorded_s = record_seconds(&l->recording);
    if (status == QS_OK && !full)
        return;
    requests_end_recording(l);
    if (status != QS_OK)
        loop_note(l, true, "%s ends: %s", l->recording.path, app_error_message());
}

static void turn_recording(loop *l)
{
    if (l->recording.animation) {
        requests_end_recording(l);
        return;
    }
    qs_status status = l->controls.view == VIEW_PICTURES
                           ? QS_OK
                           : app_error(QS_ERROR_USAGE, "only the view with one number of steps is");
    if (status == QS_OK)
        status = record_begin(&l->recording, &l->readings, l->record_as ? l->record_as : ".png",
                              shown_alone(l), glfwGetTime());
    l->readings.recording = status == QS_OK;
    l->readings.recorded_s = 0;
    if (status != QS_OK)
        loop_note(l, true, "not recorded: %s", app_error_message());
    else
        l->controls.animate = true;
}

static viewer_recipe recipe_on_screen(const loop *l)
{
    const viewer_drawn *drawn = generate_drawn(&l->generator, &l->readings);
    const viewer_controls *c = &drawn->controls;
    return (viewer_recipe){ .model = c->model,
                            .steps = drawn->steps,
                            .batch = c->batch,
                            .seed = c->seed,
                            .place = drawn->place,
                            .label = c->label,
                            .label_to = c->label_to,
                            .words = c->words,
                            .sampler = c->sampler,
                            .precision = c->precision,
                            .canvas = c->canvas,
                            .canvas_revision = c->canvas_revision,
                            .strength = c->strength,
                            .colour = c->colour };
}

void requests_keep(loop *l, bool favourite)
{
    const qs_frame *frame = &l->readings.frame;
    const uint32_t index = favourite && l->layout->solo > 0 ? (uint32_t)l->layout->solo : 0;
    const viewer_recipe recipe = recipe_on_screen(l);
    if (frame->pixels && frame->check == QS_OK)
        film_push(&l->film, &recipe,
                  frame->pixels + (size_t)4 * index * frame->width * frame->height, frame->width,
                  frame->height, favourite);
}

static void keep_favourite(loop *l)
{
    char folder[4096];
    if (film_favourites_folder(folder, sizeof folder) != QS_OK) {
        loop_note(l, true, "not kept: %s", app_error_message());
        return;
    }
    const char *name = save_to(l, folder);
    if (!name)
        return;
    requests_keep(l, true);
    l->readings.film[0].path = strdup(name); /* what it was drawn from is beside it */
    loop_note(l, false, "kept as %s", name);
}

static uint32_t next_batch(uint32_t batch)
{
    return batch == 1 ? 4 : batch == 4 ? 9 : batch == 9 ? 16 : 1;
}

static viewer_motion next_motion(const viewer_controls *c)
{
    if (c->motion == MOTION_SEEDS)
        return MOTION_WALK;
    return c->motion == MOTION_WALK && c->words.blended ? MOTION_MIX : MOTION_SEEDS;
}

static void turn_pin(loop *l)
{
    viewer_controls *c = &l->controls;
    for (uint32_t i = 0; i < c->pin_count; i++)
        if (c->pins[i] == c->seed) {
            memmove(c->pins + i, c->pins + i + 1, (c->pin_count - i - 1) * sizeof *c->pins);
            c->pin_count--;
            return;
        }
    if (c->pin_count < PINS_MAX)
        c->pins[c->pin_count++] = c->seed;
    else
        loop_note(l, true, "%d seeds are pinned, there is no room for more", PINS_MAX);
}

static void turn_presentation(loop *l)
{
    l->readings.present = !l->readings.present;
    if (l->readings.present != window_is_full_screen(&l->window))
        window_turn_full_screen(&l->window);
    window_show_pointer(&l->window, !l->readings.present);
    l->controls.animate = l->controls.animate || l->readings.present;
}

void requests_follow_canvas(loop *l)
{
    viewer_controls *c = &l->controls;
    l->readings.canvas = touch_find(&l->touch, c, &l->readings.model);
    l->readings.canvas_revision = c->canvas_revision;
    if (!l->readings.canvas || !l->readings.model.reads_pictures) {
        l->readings.canvas = NULL;
        c->canvas = 0;
    }
}

static qs_status turn_canvas(loop *l)
{
    const qs_frame *frame = &l->readings.frame;
    const viewer_drawn *drawn = generate_drawn(&l->generator, &l->readings);
    const uint32_t index = l->layout && l->layout->solo > 0 ? (uint32_t)l->layout->solo : 0;
    if (l->controls.canvas) {
        l->controls.canvas = 0;
        return QS_OK;
    }
    if (!l->readings.model.reads_pictures)
        return app_error(QS_ERROR_USAGE, "this model's autoencoder has no encoder: nothing can be "
                                         "drawn from a picture");
    if (!frame->pixels || frame->check != QS_OK || drawn->controls.model != l->controls.model)
        return app_error(QS_ERROR_USAGE, "there is no good picture to draw from yet");
    return touch_take(&l->touch, frame->pixels + (size_t)4 * index * frame->width * frame->height,
                      &l->readings.model, &l->controls);
}

static void close_camera(loop *l)
{
    touch_keep(&l->touch, l->controls.canvas);
    camera_close(l->camera);
    l->camera = NULL;
    l->readings.live = false;
}

/* What it saw last stays. */
static qs_status turn_camera(loop *l)
{
    if (l->camera) {
        close_camera(l);
        return QS_OK;
    }
    const qs_status status = camera_open(l->options.camera, &l->camera);
    l->readings.live = status == QS_OK;
    if (status == QS_OK)
        loop_note(l, false, "pictures are drawn from %s", camera_name(l->camera));
    return status;
}

void requests_follow_camera(loop *l)
{
    uint8_t *rgba = NULL;
    uint32_t width = 0, height = 0;
    if (!l->camera || !generate_is_done(&l->generator, &l->controls, &l->readings))
        return;
    qs_status status = camera_take(l->camera, &rgba, &width, &height);
    if (status == QS_OK && rgba)
        status = touch_camera(&l->touch, rgba, width, height, &l->readings.model, &l->controls);
    if (status == QS_OK)
        return;
    close_camera(l);
    loop_note(l, true, "%s", app_error_message());
}

void requests_take_canvas(loop *l, const viewer_requests *requests)
{
    viewer_controls *c = &l->controls;
    qs_status status = QS_OK;
    if (requests->bits & REQUEST_CAMERA)
        status = turn_camera(l);
    if (requests->bits & (REQUEST_CANVAS | REQUEST_CANVAS_BLANK))
        close_camera(l);
    if (requests->bits & REQUEST_CANVAS)
        status = turn_canvas(l);
    if (requests->bits & REQUEST_CANVAS_BLANK) {
        c->brush.tool = TOOL_PAINT;
        status = touch_blank(&l->touch, &l->readings.model, c);
    }
    if (requests->bits & REQUEST_CANVAS_UNMASK)
        status = touch_clear_mask(&l->touch, c);
    if (requests->stroke.there)
        status = touch_stroke(&l->touch, &requests->stroke, c);
    if (status != QS_OK)
        loop_note(l, true, "%s", app_error_message());
    requests_follow_canvas(l);
}

void requests_take(loop *l, uint32_t bits)
{
    viewer_controls *c = &l->controls;
    if (bits & REQUEST_PLAY)
        c->animate = !c->animate;
    if ((bits & REQUEST_NEW_SEED) && !c->seed_locked)
        c->seed = generate_seed();
    if (bits & REQUEST_BATCH)
        c->batch = next_batch(c->batch);
    if ((bits & REQUEST_PRECISION) && l->readings.device.f16_storage)
        c->precision = c->precision == QS_F16 ? QS_F32 : QS_F16;
    if (bits & REQUEST_SMOOTH)
        c->smooth = !c->smooth;
    if (bits & REQUEST_MOTION)
        c->motion = next_motion(c);
    if (bits & REQUEST_VIEW)
        c->view = (viewer_view)((c->view + 1) % 3);
    if (bits & REQUEST_PIN)
        turn_pin(l);
    if (bits & REQUEST_SAVE)
        save(l);
    if (bits & REQUEST_COPY)
        copy(l);
    if (bits & REQUEST_PASTE)
        paste(l);
    if (bits & REQUEST_TIMELINE)
        save_times(l);
    if (bits & REQUEST_FAVOURITE)
        keep_favourite(l);
    if (bits & REQUEST_RECORD)
        turn_recording(l);
    if (bits & REQUEST_FULL_SCREEN)
        window_turn_full_screen(&l->window);
    if (bits & REQUEST_PRESENT)
        turn_presentation(l);
    if (bits & (REQUEST_UNDO | REQUEST_REDO))
        recall_travel(l, bits & REQUEST_UNDO);
}

uint32_t requests_take_keys(loop *l)
{
    window *w = &l->window;
    const viewer_controls before = l->controls;
    const int notch = (int)l->controls.notch + w->key_step;
    const uint32_t bits = w->requests;
    if (notch >= 0 && notch < (int)l->readings.slider.count)
        l->controls.notch = (uint32_t)notch;
    if (w->escape && l->readings.present)
        turn_presentation(l);
    else if (w->escape)
        glfwSetWindowShouldClose(w->handle, GLFW_TRUE);
    w->escape = false;
    w->key_step = 0;
    w->requests = 0;
    requests_take(l, bits);
    requests_take_canvas(l, &(viewer_requests){ .bits = bits });
    if (!(bits & (REQUEST_UNDO | REQUEST_REDO)))
        recall_remember(l, &before);
    return bits;
}
