#include "viewer/generate.h"

#include "viewer/readout.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { UNSEEN_MAX = 2 }; /* a third recipe in flight would make qs_session_begin wait */

void generate_init(generator *g, qs_device *device, VkQueue queue, bool offload)
{
    *g = (generator){ .device = device, .queue = queue, .offload = offload };
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
    readings->time_count = 0;
}

void generate_finish(generator *g)
{
    end_session(g, NULL);
    free(g->ops);
    walk_finish(&g->walk);
    for (uint32_t i = 0; i < COLUMNS_MAX; i++)
        free(g->columns[i]);
    *g = (generator){ 0 };
}

static bool same_session(const generator *g, const viewer_controls *a)
{
    const viewer_controls *b = &g->asked;
    const bool same_way = (!g->guides || (a->words.guidance > 1) == (b->words.guidance > 1)) &&
                          (!g->reads || a->words.blended == b->words.blended);
    return a->model == b->model && a->batch == b->batch && a->precision == b->precision &&
           a->profile == b->profile && same_way && (!a->canvas || g->edits);
}

bool generate_needs_session(const generator *g, const viewer_controls *controls)
{
    return !g->session || !same_session(g, controls);
}

static void ask_again(const generator *g, viewer_controls *controls)
{
    if (controls->model != g->asked.model) {
        controls->model = g->asked.model;
        controls->label = g->asked.label;
        controls->label_to = g->asked.label_to;
        controls->words = g->asked.words;
        controls->sampler = g->asked.sampler;
        controls->notch = g->asked.notch;
    }
    controls->batch = g->asked.batch;
    controls->precision = g->asked.precision;
    controls->profile = g->asked.profile;
    if (!g->edits)
        controls->canvas = 0;
    controls->words.blended = g->asked.words.blended;
    if (g->guides)
        controls->words.guidance = g->asked.words.guidance;
}

qs_status generate_make_session(generator *g, viewer_controls *controls, viewer_readings *readings,
                                bool *again)
{
    end_session(g, readings);
    if (controls->profile && readings->roofline.gflops <= 0 &&
        qs_bench_roofline(g->device, &readings->roofline) != QS_OK)
        readings->roofline = (qs_roofline){ 0 }; /* then bars have no share of it */
    const viewer_controls wanted = *controls;    /* they may be changed while it is made */
    qs_model *model = readings->models[wanted.model].model;
    const qs_session_options options = {
        .batch = wanted.batch,
        .precision = wanted.precision,
        .profile = wanted.profile,
        .guided = guided(&readings->model, &wanted.words),
        .blended = wanted.words.blended && readings->model.prompt_tokens > 0,
        .offload = g->offload && readings->model.prompt_tokens > 0,
        .edits = wanted.canvas != 0,
    };
    const qs_status status =
        app_library(qs_session_create(g->device, model, &options, &g->session));
    if (status == QS_OK) {
        g->model = model;
        g->asked = wanted;
        g->edits = options.edits;
        g->reads = readings->model.prompt_tokens > 0;
        g->guides = g->reads && !readings->model.embeds_guidance;
    }
    *again = status != QS_OK && g->model && !same_session(g, &wanted);
    if (*again)
        ask_again(g, controls);
    return status;
}

static bool same_canvas(const viewer_controls *a, const viewer_controls *b)
{
    return a->canvas == b->canvas &&
           (a->canvas == 0 || (a->canvas_revision == b->canvas_revision &&
                               a->strength == b->strength && a->colour == b->colour));
}

/* Of the same seeds and on the same place of the way, whatever the number of steps. */
static bool same_subject(const generator *g, const viewer_controls *c)
{
    const viewer_controls *a = &g->asked;
    const viewer_place *x = &g->place, *y = &g->walk.place;
    const bool to = !c->words.blended || a->label_to == c->label_to;
    return a->seed == c->seed && a->label == c->label && to && same_words(&a->words, &c->words) &&
           a->sampler == c->sampler && same_canvas(a, c) && x->at == y->at &&
           (x->at <= 0 || x->to == y->to);
}

static bool same_picture(const generator *g, const viewer_controls *controls)
{
    const bool steps = controls->view != VIEW_PICTURES || g->asked.notch == controls->notch;
    return same_subject(g, controls) && steps &&
           (g->asked.view == VIEW_PICTURES) == (controls->view == VIEW_PICTURES);
}

static bool needed(const viewer_controls *controls, uint32_t column)
{
    return controls->view == VIEW_COLUMNS || column == controls->wipe_left ||
           column == controls->wipe_right;
}

/* The next column that does not show what is asked for; column_count: all do. */
static uint32_t next_column(const viewer_controls *controls, const viewer_readings *readings)
{
    uint32_t column = 0;
    while (column < readings->column_count &&
           (readings->columns[column].ready || !needed(controls, column)))
        column++;
    return column;
}

void generate_tell(const qs_model_info *model, const viewer_words *words, qs_recipe *recipe)
{
    recipe->mix = words->blended ? words->mix : 0;
    if (model->prompt_tokens == 0)
        return;
    recipe->prompt = words->prompt;
    recipe->negative = guided(model, words) && words->negative[0] ? words->negative : NULL;
    recipe->guidance = words->guidance;
    recipe->prompt_to = words->blended ? words->prompt_to : NULL;
}

/* Of all threads, those of a software driver too. */
static double cpu_ms(void)
{
    struct timespec now = { 0 };
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e3 * (double)now.tv_sec + 1e-6 * (double)now.tv_nsec;
}

static qs_status begin(generator *g, const viewer_controls *controls, uint32_t column,
                       const viewer_readings *readings)
{
    qs_status status = QS_OK;
    int32_t labels[QS_BATCH_MAX], labels_to[QS_BATCH_MAX];
    const float *noise = NULL;
    viewer_drawn drawn = { *controls, g->walk.place, column, 0, cpu_ms() };
    if (controls->view != VIEW_PICTURES)
        drawn.controls.notch = readings->columns[column].notch;
    for (uint32_t i = 0; i < controls->batch; i++) {
        labels[i] = controls->label;
        labels_to[i] = controls->label_to;
    }
    TRY(walk_noise(&g->walk, g->model, controls->batch, controls->seed, &noise));
    if (!noise)
        drawn.place.at = 0;
    drawn.steps = readings->slider.steps[drawn.controls.notch];
    const viewer_canvas *canvas = readings->canvas;
    qs_recipe recipe = {
        .steps = drawn.steps,
        .sampler = notch_sampler(readings, drawn.controls.notch, controls->sampler),
        .seed = controls->seed,
        .labels = labels,
        .labels_to = controls->words.blended ? labels_to : NULL,
        .noise = noise,
        .init = canvas ? canvas->pixels : NULL,
        .mask = canvas && canvas->masked ? canvas->mask : NULL,
        .keep_luminance = canvas && controls->colour && can_colour(&readings->model),
        .strength =
            canvas ? readout_strength(&readings->model, drawn.steps, controls->strength) : 0,
    };
    generate_tell(&readings->model, &controls->words, &recipe);
    QS(qs_session_begin(g->session, &recipe));
    g->asked = *controls;
    g->place = g->walk.place;
    g->begun = true;
    g->unseen++;
    g->recipes[++g->serial % GENERATE_RECIPES] = drawn;
fail:
    return status;
}

/* Of colours times alpha, 0 .. 255, over all channels; infinity: equal. */
static double psnr_of(const uint8_t *a, const uint8_t *b, size_t pixels)
{
    double sum = 0;
    for (size_t i = 0; i < pixels; i++, a += 4, b += 4) {
        for (int c = 0; c < 3; c++) {
            const double difference = (double)(a[c] * a[3] - b[c] * b[3]) / 255;
            sum += difference * difference;
        }
        const double difference = a[3] - b[3];
        sum += difference * difference;
    }
    return sum > 0 ? 10 * log10(255.0 * 255.0 * 4 * (double)pixels / sum) : INFINITY;
}

static void compare_columns(generator *g, viewer_readings *readings)
{
    const uint32_t last = readings->column_count - 1;
    for (uint32_t i = 0; i < last; i++) {
        viewer_column *column = &readings->columns[i];
        const bool both = column->ready && readings->columns[last].ready;
        column->psnr = both ? psnr_of(g->columns[i], g->columns[last], g->column_bytes / 4) : 0;
    }
}

static qs_status take_column(generator *g, uint32_t column, viewer_readings *readings)
{
    const qs_frame *frame = &readings->frame;
    const size_t bytes = (size_t)4 * frame->width * frame->height * frame->count;
    for (uint32_t i = 0; i < COLUMNS_MAX && bytes != g->column_bytes; i++) {
        free(g->columns[i]);
        g->columns[i] = malloc(bytes);
        readings->columns[i].ready = readings->columns[i].shown = false;
        if (!g->columns[i])
            return app_error(QS_ERROR_MEMORY, "no memory for %u columns", COLUMNS_MAX);
    }
    g->column_bytes = bytes;
    memcpy(g->columns[column], frame->pixels, bytes);
    readings->columns[column].ready = readings->columns[column].shown = true;
    readings->columns[column].ms = frame->latency_ms;
    compare_columns(g, readings);
    return QS_OK;
}

static void note_arrival(generator *g, const viewer_controls *controls, viewer_readings *readings)
{
    const qs_frame *frame = &readings->frame;
    readings->picture_ms = frame->latency_ms;
    readings->picture_times[readings->time_count++ % TIMES_MAX] = (float)frame->latency_ms;
    readings->cpu_ms = cpu_ms() - generate_drawn(g, readings)->cpu_ms;
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
    QS(qs_session_decode_times(g->session, g->ops, &count));
    readings->device_ms =
        readout_total_ms(g->ops, count < GENERATE_OPS_MAX ? count : GENERATE_OPS_MAX);
    count = GENERATE_OPS_MAX;
    QS(qs_session_op_times(g->session, g->ops, &count));
    readings->ops = g->ops;
    readings->op_count = count < GENERATE_OPS_MAX ? count : GENERATE_OPS_MAX;
    readings->device_ms += readings->frame.steps * readout_total_ms(g->ops, readings->op_count);
fail:
    return status;
}

/* The seeds of the next picture, where it is played and the last one is there. */
static void move_on(generator *g, viewer_controls *controls)
{
    if (plays_mix(controls))
        walk_mix(&g->walk, controls, glfwGetTime());
    else if (controls->motion != MOTION_SEEDS)
        walk_move(&g->walk, controls, glfwGetTime(), generate_seed);
    else
        controls->seed += controls->batch;
}

static void forget_columns(viewer_readings *readings, bool pictures_too)
{
    for (uint32_t i = 0; i < readings->column_count; i++) {
        readings->columns[i].ready = false;
        readings->columns[i].psnr = 0;
        if (pictures_too)
            readings->columns[i].shown = false;
    }
}

static qs_status take_frame(generator *g, const viewer_controls *controls,
                            viewer_readings *readings)
{
    qs_status status = QS_OK;
    const viewer_drawn *drawn = generate_drawn(g, readings);
    readings->frame_number++;
    readings->frame_sampler =
        notch_sampler(readings, drawn->controls.notch, drawn->controls.sampler);
    readings->frame_place = drawn->place;
    note_arrival(g, controls, readings);
    if (drawn->controls.view != VIEW_PICTURES && same_subject(g, &drawn->controls))
        TRY(take_column(g, drawn->column, readings));
    TRY(read_op_times(g, readings));
fail:
    return status;
}

static bool all_columns(const viewer_controls *controls, const viewer_readings *readings)
{
    return controls->view == VIEW_PICTURES ||
           next_column(controls, readings) == readings->column_count;
}

static bool is_drawn(const generator *g, const viewer_controls *controls,
                     const viewer_readings *readings)
{
    return g->begun && readings->progress.phase == QS_DONE && same_picture(g, controls) &&
           all_columns(controls, readings);
}

bool generate_is_done(const generator *g, const viewer_controls *controls,
                      const viewer_readings *readings)
{
    return g->session && !generate_needs_session(g, controls) &&
           (!g->begun || is_drawn(g, controls, readings));
}

/* What is played goes on. What a camera has seen since the last picture does not hold it up: there
 * is always something. */
static bool can_move(const generator *g, const viewer_controls *controls,
                     const viewer_readings *readings)
{
    viewer_controls drawn = *controls;
    if (readings->live) {
        drawn.canvas = g->asked.canvas;
        drawn.canvas_revision = g->asked.canvas_revision;
    }
    return controls->animate && (plays_mix(controls) || !controls->seed_locked) &&
           is_drawn(g, &drawn, readings);
}

/* Begins what is asked for and not being drawn yet. */
static qs_status begin_next(generator *g, viewer_controls *controls, viewer_readings *readings,
                            bool *news)
{
    qs_status status = QS_OK;
    const bool done = g->begun && readings->progress.phase == QS_DONE;
    const bool several = controls->view != VIEW_PICTURES;
    if (can_move(g, controls, readings))
        move_on(g, controls);
    if (!controls->animate)
        walk_stop(&g->walk);
    const bool same = g->begun && same_picture(g, controls);
    if (several && !same)
        forget_columns(readings, g->begun && g->asked.view == VIEW_PICTURES);
    const uint32_t column = several ? next_column(controls, readings) : 0;
    const bool next = several && done && !g->hold && column < readings->column_count;
    const bool masked = readings->canvas && readings->canvas->masked;
    const bool can = !readings->model.fills_in || masked;
    const bool wanted = can && (!same || next);
    if (!wanted || column == COLUMNS_MAX || g->unseen >= UNSEEN_MAX)
        return QS_OK;
    TRY(begin(g, controls, column, readings));
    QS(qs_session_advance(g->session, &readings->progress));
    *news = true;
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
        TRY(take_frame(g, controls, readings));
        *news = *new_frame = true;
    }
    if (!newer || !readings->live) /* what a camera sees now is taken first */
        TRY(begin_next(g, controls, readings, news));
fail:
    return status;
}

const viewer_drawn *generate_drawn(const generator *g, const viewer_readings *readings)
{
    return &g->recipes[readings->frame.serial % GENERATE_RECIPES];
}

uint64_t generate_seed(void)
{
    uint32_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        bits = (uint32_t)(glfwGetTime() * 1e6);
    return bits & 0x7fffffff;
}

bool generate_is_running(const generator *g, const viewer_readings *readings)
{
    return g->session && readings->progress.phase == QS_RUNNING;
}

qs_status generate_wait(generator *g, uint32_t timeout_ms)
{
    return app_library(qs_session_wait(g->session, timeout_ms));
}
