#include "viewer/loop.h"

#include "common/signals.h"
#include "viewer/readout.h"
#include "viewer/recall.h"
#include "viewer/requests.h"

#include <inttypes.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <string.h>

enum {
    BUSY_WAIT_MS = 4, /* the longest that the mouse waits while pictures are made */
};
/* A signal does not wake GLFW, and has half a second. */
static const double ASLEEP_S = 0.2, BLINK_S = 0.4, SOON_S = 0.002;
static const double PATIENCE_S = 0.4, GIVE_BACK_S = 30;

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
    const bool first = l->generator.model == NULL;
    const viewer_controls before = l->controls;
    if (first && loop_offer_another(l, &l->catalog.models[before.model], status)) {
        const char *cannot = l->readings.cannot;
        loop_choose_model(l, &before);
        l->readings.cannot = cannot;
        return QS_OK;
    }
    TRY(status);
    TRY(l->prepare_status);
fail:
    return status;
}

static qs_status generate(loop *l)
{
    qs_status status = QS_OK;
    if (l->readings.lost || l->readings.cannot)
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
        requests_record(l);
        const viewer_drawn *drawn = generate_drawn(&l->generator, &l->readings);
        if (drawn->controls.view == VIEW_PICTURES && drawn->place.at <= 0 &&
            !plays_mix(&drawn->controls) && !l->camera)
            requests_keep(l, false);
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
    if (requests.record_as)
        l->record_as = requests.record_as;
    requests_take(l, requests.bits);
    requests_take_canvas(l, &requests);
    if (!(requests.bits & (REQUEST_UNDO | REQUEST_REDO)))
        recall_remember(l, &before);
    if (requests.recall >= 0)
        recall_kept(l, (uint32_t)requests.recall);
    if (requests.go_on)
        l->readings.lost = l->readings.cannot = NULL;
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

/* All that was asked for is drawn and presented. */
static bool is_at_rest(const loop *l)
{
    return l->redraw == 0 && !l->unpresented && !l->controls.animate && !l->camera &&
           !generate_is_running(&l->generator, &l->readings);
}

static void report_rest(loop *l)
{
    const bool rests = is_at_rest(l);
    if (l->options.report && rests && !l->rested) {
        printf("rest\n");
        fflush(stdout);
    }
    l->rested = rests;
}

/* A software driver compiles shaders whenever one is first used, on threads of its own. What its
 * compiler has freed stays spread over their arenas, which would go on growing for an hour. */
static void give_memory_back(loop *l)
{
#ifdef __GLIBC__
    if (glfwGetTime() < l->gave_back + GIVE_BACK_S)
        return;
    l->gave_back = glfwGetTime();
    malloc_trim(0);
#else
    (void)l;
#endif
}

/* Until there is something to do. */
static double rest_s(const loop *l)
{
    if (generate_is_running(&l->generator, &l->readings) || l->redraw > 0)
        return 0; /* generate_wait sleeps */
    if (l->unpresented || l->controls.animate || l->camera)
        return SOON_S;
    return l->layout && l->layout->animating ? BLINK_S : ASLEEP_S;
}

/* How long the loop may sleep until an event. */
static double sleep_s(const loop *l, bool minimised)
{
    const double now = glfwGetTime();
    double seconds = minimised ? ASLEEP_S : rest_s(l);
    if (l->note_until > now && l->note_until - now < seconds)
        seconds = l->note_until - now + 0.01;
    if (l->options.exit_after > 0 && l->options.exit_after - now < seconds)
        seconds = l->options.exit_after > now ? l->options.exit_after - now : 0;
    return seconds;
}

static qs_status round_once(loop *l)
{
    qs_status status = QS_OK;
    const uint32_t asked = requests_take_keys(l);
    if (l->window.dropped[0] && (l->generator.session || l->readings.cannot))
        recall_dropped(l);
    requests_follow_camera(l);
    requests_follow_canvas(l);
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
    while (!window_wants_close(&l->window) && !app_signals_pending()) {
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
        give_memory_back(l);
        report_rest(l);
    }
fail:
    return status;
}
