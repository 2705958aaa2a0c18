#include "viewer/generate.h"

#include "common/montage.h"
#include "common/recipe.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNSEEN_MAX = 2 }; /* a third recipe in flight would make qs_session_begin wait */

void generate_init(generator *g, qs_device *device, VkQueue queue)
{
    *g = (generator){ .device = device, .queue = queue };
}

/* What is drawn of the session's frames comes to its end first. */
static void end_session(generator *g, viewer_readings *readings)
{
    if (g->session)
        vkQueueWaitIdle(g->queue);
    qs_session_destroy(g->session);
    g->session = NULL;
    g->begun = false;
    g->serial = 0;
    g->unseen = 0;
    g->arrival_count = 0;
    if (!readings)
        return;
    readings->progress = (qs_progress){ 0 };
    readings->frame.pixels = NULL; /* the picture itself stays on the screen */
    readings->ops = NULL;
    readings->op_count = 0;
}

void generate_finish(generator *g)
{
    end_session(g, NULL);
    free(g->ops);
    *g = (generator){ 0 };
}

static bool same_session(const viewer_controls *a, const viewer_controls *b)
{
    return a->model == b->model && a->batch == b->batch && a->precision == b->precision &&
           a->profile == b->profile;
}

bool generate_needs_session(const generator *g, const viewer_controls *controls)
{
    return !g->session || !same_session(controls, &g->asked);
}

static void ask_again(const generator *g, viewer_controls *controls)
{
    if (controls->model != g->asked.model) {
        controls->model = g->asked.model;
        controls->label = g->asked.label;
        controls->sampler = g->asked.sampler;
        controls->notch = g->asked.notch;
    }
    controls->batch = g->asked.batch;
    controls->precision = g->asked.precision;
    controls->profile = g->asked.profile;
}

qs_status generate_make_session(generator *g, viewer_controls *controls, viewer_readings *readings,
                                bool *again)
{
    end_session(g, readings);
    const viewer_controls wanted = *controls; /* they may be changed while it is made */
    qs_model *model = readings->models[wanted.model].model;
    const qs_session_options options = {
        .batch = wanted.batch,
        .precision = wanted.precision,
        .profile = wanted.profile,
    };
    const qs_status status =
        app_library(qs_session_create(g->device, model, &options, &g->session));
    if (status == QS_OK) {
        g->model = model;
        g->asked = wanted;
    }
    *again = status != QS_OK && g->model && !same_session(&wanted, &g->asked);
    if (*again)
        ask_again(g, controls);
    return status;
}

static bool same_picture(const viewer_controls *a, const viewer_controls *b)
{
    return a->notch == b->notch && a->seed == b->seed && a->label == b->label &&
           a->sampler == b->sampler;
}

static qs_status begin(generator *g, const viewer_controls *controls,
                       const viewer_readings *readings)
{
    qs_status status = QS_OK;
    int32_t labels[QS_BATCH_MAX];
    for (uint32_t i = 0; i < controls->batch; i++)
        labels[i] = controls->label;
    const qs_recipe recipe = {
        .steps = readings->slider.steps[controls->notch],
        .sampler = notch_sampler(readings, controls->notch, controls->sampler),
        .seed = controls->seed,
        .labels = labels,
    };
    QS(qs_session_begin(g->session, &recipe));
    g->asked = *controls;
    g->begun = true;
    g->unseen++;
    g->recipes[++g->serial % GENERATE_RECIPES] = *controls;
fail:
    return status;
}

static void note_arrival(generator *g, const viewer_controls *controls, viewer_readings *readings)
{
    const qs_frame *frame = &readings->frame;
    readings->picture_ms = frame->latency_ms;
    readings->step_ms = frame->latency_ms / (frame->steps ? frame->steps : 1);
    readings->pictures_per_second =
        frame->latency_ms > 0 ? 1000.0 * frame->count / frame->latency_ms : 0;
    if (!controls->animate) {
        g->arrival_count = 0;
        return;
    }
    /* played: what really came in the last two seconds, the pauses between them included */
    const double now = glfwGetTime();
    g->arrivals[g->arrival_count++ % GENERATE_ARRIVALS] = now;
    const uint32_t kept =
        g->arrival_count < GENERATE_ARRIVALS ? g->arrival_count : GENERATE_ARRIVALS;
    double first = now;
    uint32_t between = 0;
    for (uint32_t back = 1; back < kept; back++) {
        const double at = g->arrivals[(g->arrival_count - 1 - back) % GENERATE_ARRIVALS];
        if (now - at > 2.0 && between >= 2)
            break;
        first = at;
        between = back;
    }
    if (between >= 2 && now > first)
        readings->pictures_per_second = between * frame->count / (now - first);
}

static qs_status read_op_times(generator *g, viewer_readings *readings)
{
    qs_status status = QS_OK;
    size_t count = GENERATE_OPS_MAX;
    if (!g->asked.profile)
        return QS_OK;
    if (!g->ops)
        g->ops = calloc(GENERATE_OPS_MAX, sizeof *g->ops);
    if (!g->ops)
        return app_error(QS_ERROR_MEMORY, "out of memory");
    QS(qs_session_op_times(g->session, g->ops, &count));
    readings->ops = g->ops;
    readings->op_count = count < GENERATE_OPS_MAX ? count : GENERATE_OPS_MAX;
fail:
    return status;
}

qs_status generate_advance(generator *g, viewer_controls *controls, viewer_readings *readings,
                           bool *news, bool *new_frame)
{
    qs_status status = QS_OK;
    *news = *new_frame = false;
    qs_progress progress = { 0 };
    QS(qs_session_advance(g->session, &progress));
    const qs_progress before = readings->progress;
    readings->progress = progress;
    *news = progress.phase != before.phase || progress.steps_done != before.steps_done;
    if (progress.phase != QS_RUNNING || progress.steps_done > 0)
        g->unseen = 0;

    qs_frame frame;
    QS(qs_session_frame(g->session, &frame));
    const bool newer = frame.serial && (!readings->frame.pixels /* another session's */ ||
                                        frame.serial != readings->frame.serial);
    if (frame.serial)
        readings->frame = frame;
    if (newer) {
        const viewer_controls *drawn = &g->recipes[frame.serial % GENERATE_RECIPES];
        readings->frame_number++;
        readings->frame_sampler = notch_sampler(readings, drawn->notch, drawn->sampler);
        note_arrival(g, controls, readings);
        TRY(read_op_times(g, readings));
        *news = *new_frame = true;
    }

    const bool done = g->begun && progress.phase == QS_DONE;
    if (controls->animate && done && !controls->seed_locked && same_picture(controls, &g->asked))
        controls->seed += controls->batch;
    const bool wanted =
        !g->begun || !same_picture(controls, &g->asked) || (controls->animate && done);
    if (wanted && g->unseen < UNSEEN_MAX) {
        TRY(begin(g, controls, readings));
        QS(qs_session_advance(g->session, &readings->progress));
        *news = true;
    }
fail:
    return status;
}

bool generate_is_running(const generator *g, const viewer_readings *readings)
{
    return g->session && readings->progress.phase == QS_RUNNING;
}

qs_status generate_wait(generator *g, uint32_t timeout_ms)
{
    return app_library(qs_session_wait(g->session, timeout_ms));
}

/* "sprites-knight-4steps-seed42.png"; with copy 2 "...-seed42-2.png" */
static void file_name(const app_recipe *recipe, uint32_t copy, char *name, size_t size)
{
    char number[16] = "";
    if (copy > 1)
        snprintf(number, sizeof number, "-%u", copy);
    snprintf(name, size, "%s%s%s-%ssteps-seed%" PRIu64 "%s%s.png", recipe->model,
             recipe->label[0] ? "-" : "", recipe->label, recipe->steps, recipe->seed,
             recipe->count > 1 ? "-grid" : "", number);
    for (char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_.", *c) && (unsigned char)*c < 0x80)
            *c = '-';
}

/* The first such name that no file has. */
static void free_name(const app_recipe *recipe, char *name, size_t size)
{
    uint32_t copy = 0;
    do
        file_name(recipe, ++copy, name, size);
    while (copy < UINT32_MAX && access(name, F_OK) == 0);
}

qs_status generate_save(generator *g, const viewer_readings *readings, int solo, char *name,
                        size_t name_size)
{
    qs_status status = QS_OK;
    const qs_frame *frame = &readings->frame;
    char *json = NULL;
    app_image image = { 0 };
    qs_model_info info; /* readings->model may be the next one already */
    if (!frame->serial || !frame->pixels || frame->check != QS_OK)
        return app_error(QS_ERROR_USAGE, "there is no good picture to save");
    const uint32_t first = solo >= 0 ? (uint32_t)solo : 0;
    const uint32_t count = solo >= 0 ? 1 : frame->count;
    const viewer_controls *drawn = &g->recipes[frame->serial % GENERATE_RECIPES];
    const qs_recipe made = {
        .steps = frame->steps,
        .sampler = readings->frame_sampler,
        .seed = frame->seed + first,
    };
    app_recipe recipe;
    qs_model_get_info(g->model, &info);
    app_recipe_init(&recipe, g->model, g->device, g->asked.precision, &made, drawn->label);
    recipe.count = count;
    json = app_recipe_to_json(&recipe);
    if (!json)
        return app_error(QS_ERROR_MEMORY, "out of memory");
    const size_t picture_bytes = (size_t)frame->width * frame->height * 4;
    TRY(app_montage(frame->pixels + first * picture_bytes, count, frame->width, frame->height,
                    app_montage_columns(count), 1, &image));
    image.has_alpha = info.has_alpha;
    free_name(&recipe, name, name_size);
    TRY(app_png_write(name, &image, json));
fail:
    app_montage_free(&image);
    free(json);
    return status;
}
