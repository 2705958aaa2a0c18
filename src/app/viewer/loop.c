#include "viewer/loop.h"

#include "viewer/readout.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum {
    SETTLE = 3, /* Dear ImGui needs a few layouts after an event until everything has reacted */
    BUSY_WAIT_MS = 4, /* the longest that the mouse waits while pictures are made */
};
static const double ASLEEP_S = 30, MINIMISED_S = 0.5, BLINK_S = 0.4, SOON_S = 0.002;
static const double NOTE_S = 6, PATIENCE_S = 0.4;

static void set_note(loop *l, bool is_error, const char *format, ...)
    __attribute__((format(QS_PRINTF_FORMAT, 3, 4)));
static void set_note(loop *l, bool is_error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(l->note, sizeof l->note, format, args);
    va_end(args);
    l->readings.note_is_error = is_error;
    l->note_until = glfwGetTime() + NOTE_S;
    l->redraw = SETTLE;
    if (l->options.report) {
        printf("note %s\n", l->note);
        fflush(stdout);
    }
}

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
    printf("picture %" PRIu32 " steps=%" PRIu32 " seed=%" PRIu64 " count=%" PRIu32 " size=%" PRIu32
           "x%" PRIu32 " sampler=%s precision=%s check=%s\n",
           l->readings.frame_number, frame->steps, frame->seed, frame->count, frame->width,
           frame->height, qs_sampler_name(l->readings.frame_sampler),
           l->generator.asked.precision == QS_F16 ? "f16" : "f32", qs_status_name(frame->check));
    fflush(stdout);
}

/* ------------------------------------------------------------------------------------------- */
/* What was asked for                                                                           */

static uint64_t new_seed(void)
{
    uint32_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        bits = (uint32_t)(glfwGetTime() * 1e6);
    return bits & 0x7fffffff; /* short enough to read out */
}

static void save(loop *l)
{
    char name[300];
    const bool alone = l->readings.frame.count > 1 && l->layout->solo >= 0;
    const qs_status status =
        generate_save(&l->generator, &l->readings, alone ? l->layout->solo : -1, name, sizeof name);
    if (status == QS_OK)
        set_note(l, false, "saved %s", name);
    else
        set_note(l, true, "not saved: %s", app_error_message());
}

static uint32_t next_batch(uint32_t batch)
{
    return batch == 1 ? 4 : batch == 4 ? 9 : batch == 9 ? 16 : 1;
}

static void take_requests(loop *l, uint32_t bits)
{
    viewer_controls *c = &l->controls;
    if (bits & REQUEST_PLAY)
        c->animate = !c->animate;
    if ((bits & REQUEST_NEW_SEED) && !c->seed_locked)
        c->seed = new_seed();
    if (bits & REQUEST_BATCH)
        c->batch = next_batch(c->batch);
    if ((bits & REQUEST_PRECISION) && l->readings.device.f16_storage)
        c->precision = c->precision == QS_F16 ? QS_F32 : QS_F16;
    if (bits & REQUEST_SMOOTH)
        c->smooth = !c->smooth;
    if (bits & REQUEST_SAVE)
        save(l);
}

/* Returns what they ask of the user interface. */
static uint32_t take_keys(loop *l)
{
    window *w = &l->window;
    const int notch = (int)l->controls.notch + w->key_step;
    const uint32_t bits = w->requests;
    if (notch >= 0 && notch < (int)l->readings.slider.count)
        l->controls.notch = (uint32_t)notch;
    w->key_step = 0;
    w->requests = 0;
    take_requests(l, bits);
    return bits;
}

static void show_title(const loop *l)
{
    char title[READOUT_TITLE_SIZE];
    window_set_title(&l->window, readout_title(&l->readings, title));
}

static void choose_model(loop *l, const viewer_controls *before)
{
    if (catalog_choose(&l->catalog, before, &l->controls, &l->readings) == QS_OK)
        show_title(l);
    else
        set_note(l, true, "%s", app_error_message());
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
    l->redraw = SETTLE;
    if (again && status != QS_ERROR_DEVICE_LOST) {
        set_note(l, true, "%s", app_error_message());
        readout_model(l->catalog.models[l->controls.model].model, &l->readings);
        show_title(l);
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
    if (generate_needs_session(&l->generator, &l->controls)) {
        TRY(make_session(l));
        return QS_OK;
    }
    bool news = false, new_frame = false;
    TRY(generate_advance(&l->generator, &l->controls, &l->readings, &news, &new_frame));
    if (new_frame) {
        l->untaken = true;
        if (l->readings.frame_number == 1)
            window_set_icon(&l->window, &l->readings.frame);
        report_picture(l);
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
    const viewer_controls before = l->controls;
    l->readings.note = glfwGetTime() < l->note_until ? l->note : "";
    l->layout = ui_build(&l->readings, &l->controls, &requests);
    if (l->controls.model != before.model)
        choose_model(l, &before);
    take_requests(l, requests.bits);
    if (requests.complaint)
        set_note(l, true, "%s", requests.complaint);
    report_layout(l);
    l->redraw = memcmp(&before, &l->controls, sizeof before) ? SETTLE
                : l->redraw > 0                              ? l->redraw - 1
                                                             : 0;
    l->unpresented = true;
}

static bool ui_fits(const loop *l)
{
    return l->layout && l->layout->extent.width == l->present.extent.width &&
           l->layout->extent.height == l->present.extent.height;
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
        TRY(picture_take(&l->picture, target.commands, l->generator.session, &l->readings.frame, 0,
                         l->readings.frame.count));
    l->untaken = false;
    present_begin_pass(&l->present, &target, l->layout->background);
    for (uint32_t i = 0; i < l->layout->part_count; i++)
        picture_draw(&l->picture, target.commands, target.extent, &l->layout->parts[i]);
    ui_record(target.commands);
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
    l->redraw = SETTLE;
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
    l->redraw = SETTLE;
    bool minimised = false;
    qs_device_on_prepare(l->generator.device, show_preparing, l);
    while (!window_wants_close(&l->window)) {
        const double asleep = sleep_s(l, minimised);
        window_poll(&l->window, asleep);
        if (l->options.exit_after > 0 && glfwGetTime() >= l->options.exit_after)
            break;
        const bool blink = l->layout && l->layout->animating && asleep >= BLINK_S;
        const bool faded = l->readings.note[0] && glfwGetTime() >= l->note_until;
        if (l->window.event || blink || faded)
            l->redraw = SETTLE;
        l->window.event = false;
        minimised = window_is_hidden(&l->window);
        if (!minimised) /* out of sight nothing is made and nothing is drawn */
            TRY(round_once(l));
    }
fail:
    return status;
}
