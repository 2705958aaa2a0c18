#include "viewer/loop.h"

#include "viewer/readout.h"
#include "viewer/recall.h"
#include "viewer/save.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    BUSY_WAIT_MS = 4, /* the longest that the mouse waits while pictures are made */
};
static const double ASLEEP_S = 30, MINIMISED_S = 0.5, BLINK_S = 0.4, SOON_S = 0.002;
static const double PATIENCE_S = 0.4;

/* ------------------------------------------------------------------------------------------- */
/* For tests                                                                                    */

static void report_layout(loop *l)
{
    if (!l->options.report)
        return;
    char text[sizeof l->reported];
    size_t used = (size_t)snprintf(text, sizeof text, "layout %u %u\n", l->layout->extent.width,
                                   l->layout->extent.height);
    for (size_t i = 0; i < l->layout->widget_count && used < sizeof text; i++) {
        const ui_widget *widget = &l->layout->widgets[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "widget %s %.0f %.0f %.0f %.0f\n",
                                 widget->name, (double)widget->rect.x, (double)widget->rect.y,
                                 (double)widget->rect.width, (double)widget->rect.height);
    }
    if (strcmp(text, l->reported) == 0)
        return;
    memcpy(l->reported, text, sizeof text);
    printf("%slayout end\n", text);
    fflush(stdout);
}

static void report_picture(const loop *l)
{
    if (!l->options.report)
        return;
    const qs_frame *frame = &l->readings.frame;
    const viewer_drawn *drawn = generate_drawn(&l->generator, &l->readings);
    printf("picture %" PRIu32 " steps=%" PRIu32 " seed=%" PRIu64 " count=%" PRIu32 " size=%" PRIu32
           "x%" PRIu32 " sampler=%s precision=%s check=%s strength=%.3f at=%.4f\n",
           l->readings.frame_number, frame->steps, frame->seed, frame->count, frame->width,
           frame->height, qs_sampler_name(l->readings.frame_sampler),
           l->generator.asked.precision == QS_F16 ? "f16" : "f32", qs_status_name(frame->check),
           (double)(drawn->controls.canvas ? drawn->controls.strength : 0),
           l->readings.frame_place.at);
    fflush(stdout);
}

/* ------------------------------------------------------------------------------------------- */
/* What was asked for                                                                           */

static const char *save_to(loop *l, const char *folder)
{
    static char name[5000];
    const bool alone = l->readings.frame.count > 1 && l->layout->solo >= 0;
    const qs_status status = save_picture(&l->generator, &l->readings, alone ? l->layout->solo : -1,
                                          folder, name, sizeof name);
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
                            .words = c->words,
                            .sampler = c->sampler,
                            .precision = c->precision,
                            .canvas = c->canvas,
                            .canvas_revision = c->canvas_revision,
                            .strength = c->strength };
}

static void push_film(loop *l, bool favourite)
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
    push_film(l, true);
    loop_note(l, false, "kept as %s", name);
}

static uint32_t next_batch(uint32_t batch)
{
    return batch == 1 ? 4 : batch == 4 ? 9 : batch == 9 ? 16 : 1;
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

/* What is drawn from is the controls' canvas, as long as this model can. */
static void follow_canvas(loop *l)
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

static void take_canvas(loop *l, const viewer_requests *requests)
{
    viewer_controls *c = &l->controls;
    qs_status status = QS_OK;
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
    follow_canvas(l);
}

static void take_requests(loop *l, uint32_t bits)
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
        c->motion = c->motion == MOTION_WALK ? MOTION_SEEDS : MOTION_WALK;
    if (bits & REQUEST_VIEW)
        c->view = (viewer_view)((c->view + 1) % 3);
    if (bits & REQUEST_PIN)
        turn_pin(l);
    if (bits & REQUEST_SAVE)
        save(l);
    if (bits & REQUEST_TIMELINE)
        save_times(l);
    if (bits & REQUEST_FAVOURITE)
        keep_favourite(l);
    if (bits & REQUEST_FULL_SCREEN)
        window_turn_full_screen(&l->window);
    if (bits & REQUEST_PRESENT)
        turn_presentation(l);
    if (bits & (REQUEST_UNDO | REQUEST_REDO))
        recall_travel(l, bits & REQUEST_UNDO);
}

/* Returns what they ask of the user interface. */
static uint32_t take_keys(loop *l)
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
    take_requests(l, bits);
    take_canvas(l, &(viewer_requests){ .bits = bits });
    if (!(bits & (REQUEST_UNDO | REQUEST_REDO)))
        recall_remember(l, &before);
    return bits;
}

/* ------------------------------------------------------------------------------------------- */
/* One round                                                                                    */

/* Takes seconds where no pipeline is cached; show_preparing is called meanwhile. */
static qs_status make_session(loop *l)
{
    qs_status status = QS_OK;
    bool again = false;
    l->preparing_since = glfwGetTime();
    l->untaken = false;
    status = generate_make_session(&l->generator, &l->controls, &l->readings, &again);
    l->readings.preparing = false;
    l->redraw = LOOP_SETTLE;
    if (again && status != QS_ERROR_DEVICE_LOST) {
        loop_note(l, true, "%s", app_error_message());
        readout_model(l->catalog.models[l->controls.model].model, &l->readings);
        loop_show_title(l);
        return QS_OK; /* the one before is made again in the next round */
    }
    TRY(status);
    TRY(l->prepare_status);
fail:
    return status;
}

static qs_status generate(loop *l)
{
    qs_status status = QS_OK;
    if (l->readings.lost)
        return QS_OK;
    if (generate_needs_session(&l->generator, &l->controls)) {
        TRY(make_session(l));
        return QS_OK;
    }
    bool news = false, new_frame = false;
    l->generator.hold = l->untaken && l->controls.view != VIEW_PICTURES;
    TRY(generate_advance(&l->generator, &l->controls, &l->readings, &news, &new_frame));
    if (new_frame) {
        l->untaken = true;
        if (l->readings.frame_number == 1)
            window_set_icon(&l->window, &l->readings.frame);
        report_picture(l);
        const viewer_drawn *drawn = generate_drawn(&l->generator, &l->readings);
        if (drawn->controls.view == VIEW_PICTURES && drawn->place.at <= 0)
            push_film(l, false);
    }
    const int needed = new_frame ? 2 : news ? 1 : 0; /* a tooltip needs two layouts to appear */
    if (l->redraw < needed)
        l->redraw = needed;
fail:
    return status;
}

static void build_ui(loop *l, uint32_t asked)
{
    viewer_requests requests = { .bits = asked };
    l->building = true;
    const viewer_controls before = l->controls;
    l->readings.note = glfwGetTime() < l->note_until ? l->note : "";
    l->layout = ui_build(&l->readings, &l->controls, &requests);
    if (l->controls.model != before.model)
        loop_choose_model(l, &before);
    take_requests(l, requests.bits);
    take_canvas(l, &requests);
    if (!(requests.bits & (REQUEST_UNDO | REQUEST_REDO)))
        recall_remember(l, &before);
    if (requests.recall >= 0)
        recall_kept(l, (uint32_t)requests.recall);
    if (requests.start_again)
        l->readings.lost = NULL;
    if (requests.complaint)
        loop_note(l, true, "%s", requests.complaint);
    report_layout(l);
    l->redraw = memcmp(&before, &l->controls, sizeof before) ? LOOP_SETTLE
                : l->redraw > 0                              ? l->redraw - 1
                                                             : 0;
    l->unpresented = true;
    l->building = false;
}

/* window.on_input */
static void follow_mouse(void *user)
{
    loop *l = user;
    if (!l->building && l->layout)
        build_ui(l, 0);
}

static bool ui_fits(const loop *l)
{
    return l->layout && l->layout->extent.width == l->present.extent.width &&
           l->layout->extent.height == l->present.extent.height;
}

/* In a view with several columns the pictures of each have their own place. */
static qs_status take_frame(loop *l, VkCommandBuffer commands)
{
    const qs_frame *frame = &l->readings.frame;
    const viewer_drawn *drawn = generate_drawn(&l->generator, &l->readings);
    const bool several = drawn->controls.view != VIEW_PICTURES;
    return picture_take(&l->picture, commands, l->generator.session, frame,
                        several ? drawn->column * frame->count : 0,
                        several ? COLUMNS_MAX * frame->count : frame->count);
}

static qs_status draw(loop *l)
{
    qs_status status = QS_OK;
    TRY(present_fit(&l->present));
    if (!ui_fits(l)) /* resized since it was laid out */
        build_ui(l, 0);
    if (!ui_fits(l)) /* and once more; the event is on its way */
        return QS_OK;
    present_target target;
    TRY(present_begin(&l->present, &target));
    if (!target.commands)
        return QS_OK;
    if (l->untaken)
        TRY(take_frame(l, target.commands));
    l->untaken = false;
    if (l->readings.canvas)
        TRY(picture_canvas_put(&l->picture, l->readings.canvas, l->readings.canvas_revision));
    present_begin_pass(&l->present, &target, l->layout->background);
    for (uint32_t i = 0; i < l->layout->part_count; i++)
        picture_draw(&l->picture, target.commands, target.extent, &l->layout->parts[i]);
    TRY(ui_record(target.commands));
    TRY(present_end(&l->present, &target));
    l->unpresented = l->present.stale;
    if (l->options.report) {
        printf("drawn\n"); /* where presenting waits for the device, on the screen */
        fflush(stdout);
    }
fail:
    return status;
}

/* A qs_prepare_fn: the window lives on while a session is made. */
static void show_preparing(void *user, uint32_t done, uint32_t total)
{
    loop *l = user;
    const double patience = l->readings.frame_number == 0 ? 0 : PATIENCE_S;
    window_poll(&l->window, 0);
    if (glfwGetTime() - l->preparing_since < patience || window_is_hidden(&l->window))
        return;
    l->readings.preparing = true;
    l->readings.prepared = done;
    l->readings.to_prepare = total;
    build_ui(l, 0);
    if (l->prepare_status == QS_OK)
        l->prepare_status = draw(l);
}

static qs_status change_scale(loop *l)
{
    vkQueueWaitIdle(l->vulkan.queue);
    ui_finish();
    l->window.scale_changed = false;
    l->layout = NULL;
    l->redraw = LOOP_SETTLE;
    return ui_init(&l->window, &l->present, window_scale(&l->window));
}

/* How long the loop may sleep until an event. */
static double sleep_s(const loop *l, bool minimised)
{
    const double now = glfwGetTime();
    double seconds = ASLEEP_S;
    if (minimised)
        seconds = MINIMISED_S;
    else if (generate_is_running(&l->generator, &l->readings) || l->redraw > 0)
        seconds = 0; /* generate_wait sleeps */
    else if (l->unpresented || l->controls.animate)
        seconds = SOON_S;
    else if (l->layout && l->layout->animating)
        seconds = BLINK_S;
    if (l->note_until > now && l->note_until - now < seconds)
        seconds = l->note_until - now + 0.01;
    if (l->options.exit_after > 0 && l->options.exit_after - now < seconds)
        seconds = l->options.exit_after > now ? l->options.exit_after - now : 0;
    return seconds;
}

static qs_status round_once(loop *l)
{
    qs_status status = QS_OK;
    const uint32_t asked = take_keys(l);
    if (l->window.dropped[0] && l->generator.session)
        recall_dropped(l);
    follow_canvas(l);
    if (l->window.scale_changed)
        TRY(change_scale(l));
    TRY(generate(l));
    if (l->redraw > 0)
        build_ui(l, asked);
    if (l->unpresented)
        TRY(draw(l));
    if (l->redraw == 0 && generate_is_running(&l->generator, &l->readings))
        TRY(generate_wait(&l->generator, BUSY_WAIT_MS));
fail:
    return status;
}

qs_status loop_run(loop *l)
{
    qs_status status = QS_OK;
    l->redraw = LOOP_SETTLE;
    bool minimised = false;
    qs_device_on_prepare(l->generator.device, show_preparing, l);
    l->window.on_input = follow_mouse;
    l->window.user = l;
    while (!window_wants_close(&l->window)) {
        const double asleep = sleep_s(l, minimised);
        window_poll(&l->window, asleep);
        if (l->options.exit_after > 0 && glfwGetTime() >= l->options.exit_after)
            break;
        const bool blink = l->layout && l->layout->animating && asleep >= BLINK_S;
        const bool faded = l->readings.note[0] && glfwGetTime() >= l->note_until;
        if (l->window.event || blink || faded)
            l->redraw = LOOP_SETTLE;
        l->window.event = false;
        minimised = window_is_hidden(&l->window);
        if (!minimised) /* out of sight nothing is made and nothing is drawn */
            TRY(round_once(l));
    }
fail:
    return status;
}
