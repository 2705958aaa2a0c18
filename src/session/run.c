#include "core/clock.h"
#include "core/debug.h"
#include "session/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- submissions in flight ------------------------------------------------------------------- */

enum { FLIGHTS = sizeof((qs_session){ 0 }.flights) / sizeof(flight) };

static qs_status retire(qs_session *s)
{
    uint64_t done = 0;
    const qs_status status = gpu_poll(s->device, &done);
    if (status != QS_OK)
        return status;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->flight_count; ++i)
        if (s->flights[i].ticket > done)
            s->flights[kept++] = s->flights[i];
    s->flight_count = kept;
    if (s->writing_slot >= 0 && s->frames[s->writing_slot].ticket <= done) {
        s->ready_slot = s->writing_slot;
        s->writing_slot = -1;
    }
    return QS_OK;
}

qs_status session_submit(qs_session *s, const gpu_commands *commands, uint32_t steps_before,
                         uint64_t *ticket)
{
    qs_status status = QS_OK;
    if (s->flight_count == FLIGHTS) {
        TRY(gpu_wait(s->device, s->flights[0].ticket, UINT32_MAX));
        TRY(retire(s));
    }
    TRY(gpu_submit(s->device, commands, ticket));
    s->flights[s->flight_count++] = (flight){ *ticket, s->serial, steps_before };
    s->last_ticket = *ticket;
fail:
    return status;
}

qs_status session_drain(qs_session *s)
{
    if (s->last_ticket == 0)
        return QS_OK;
    const qs_status status = gpu_wait(s->device, s->last_ticket, UINT32_MAX);
    return status == QS_OK ? retire(s) : status;
}

/* ---- begin: recipe -> state, seed -> noise ---------------------------------------------- */

qs_status session_label(const qs_session *s, int32_t label, uint32_t *id)
{
    const model_config *c = &s->model->config;
    if (label != -1 && (label < 0 || (uint32_t)label >= c->label_count))
        return qs_error(QS_ERROR_USAGE, "label %d: this model has %u labels", (int)label,
                        c->label_count);
    *id = label == -1 ? c->default_label : (uint32_t)label;
    return QS_OK;
}

/* Before anything of the picture in progress is touched. */
static qs_status check_recipe(const qs_session *s, const qs_recipe *r)
{
    qs_status status = QS_OK;
    uint32_t id;
    if (r->rng != QS_RNG_PHILOX && r->rng != QS_RNG_TORCH)
        return qs_error(QS_ERROR_USAGE, "rng %d is neither QS_RNG_PHILOX nor QS_RNG_TORCH",
                        (int)r->rng);
    for (uint32_t i = 0; r->labels && i < s->options.batch; ++i)
        TRY(session_label(s, r->labels[i], &id));
fail:
    return status;
}

static qs_status fill_recipe(const qs_session *s, const qs_recipe *r, sampler_recipe *recipe)
{
    const model_config *c = &s->model->config;
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < s->options.batch; ++i) {
        const uint64_t seed = r->seed + i;
        recipe->seed_low[i] = (uint32_t)seed;
        recipe->seed_high[i] = (uint32_t)(seed >> 32);
        TRY(session_label(s, r->labels ? r->labels[i] : -1, &recipe->labels[i]));
    }
    qs_recipe wanted = *r;
    wanted.steps = r->steps ? r->steps : 1;
    TRY(sampler_rows(&c->scheduler, c->unet.segment_embedding, &wanted, recipe));
fail:
    return status;
}

qs_status qs_session_begin(qs_session *s, const qs_recipe *r)
{
    if (!s || !r)
        return qs_error(QS_ERROR_USAGE, "qs_session_begin: session and recipe must not be NULL");
    qs_status status = QS_OK;
    const double begin_ms = clock_ms();
    TRY(check_recipe(s, r));
    const uint32_t slot = (uint32_t)(s->serial % RECIPE_SLOTS);
    TRY(gpu_wait(s->device, s->recipe_tickets[slot], UINT32_MAX));
    sampler_recipe *recipe = (sampler_recipe *)s->recipe_memory.mapped + slot;
    TRY(fill_recipe(s, r, recipe));
    ++s->serial;
    s->begun = false; /* a failure below leaves no picture: the old one's state is overwritten */
    TRY(session_start_noise(s, r, recipe));
    TRY(session_submit(s, s->begin_commands[slot], 0, &s->recipe_tickets[slot]));
    s->start_noise_ticket = s->recipe_tickets[slot];
    s->begun = true;
    s->recipe = recipe;
    s->steps = recipe->steps;
    s->steps_submitted = 0;
    s->decode_submitted = false;
    s->seed = r->seed;
    s->begin_ms = begin_ms;
fail:
    return status;
}

/* ---- advance: step, step, ..., decode --------------------------------------------------- */

/* A slot that nobody shows and that is not the newest finished one. There is one: only one decode
 * is ever in flight, since a step lies between two of them and advance lets two verbs run. */
static int free_slot(const qs_session *s)
{
    int slot = 0;
    while (slot == s->shown_slot || slot == s->ready_slot)
        ++slot;
    return slot;
}

static qs_status submit_decode(qs_session *s)
{
    const session_shape size = session_pictures(s);
    const int slot = free_slot(s);
    frame_slot *f = &s->frames[slot];
    const qs_status status = session_submit(s, f->decode, s->steps, &f->ticket);
    if (status != QS_OK)
        return status;
    f->begin_ms = s->begin_ms;
    f->frame = (qs_frame){ .serial = s->serial,
                           .width = size.w,
                           .height = size.h,
                           .count = size.n,
                           .slot = (uint32_t)slot,
                           .steps = s->steps,
                           .seed = s->seed };
    s->decode_submitted = true;
    s->writing_slot = slot;
    return session_inspects() ? session_inspect_decode(s) : QS_OK;
}

static qs_status submit_next(qs_session *s, bool *submitted)
{
    *submitted = true;
    if (s->steps_submitted < s->steps) {
        qs_status status = session_step_noise(s, s->steps_submitted);
        if (status == QS_OK)
            status = session_submit(s, s->step_commands, s->steps_submitted, &s->step_ticket);
        if (status != QS_OK)
            return status; /* not counted: the next advance submits this step again */
        s->step_noise_tickets[s->steps_submitted % STEP_NOISE_SLOTS] = s->step_ticket;
        ++s->steps_submitted;
        return session_inspects() ? session_inspect_step(s) : QS_OK;
    }
    if (!s->decode_submitted)
        return submit_decode(s);
    *submitted = false;
    return QS_OK;
}

static void describe_progress(const qs_session *s, bool submitted, qs_progress *progress)
{
    if (!s->begun) {
        *progress = (qs_progress){ .phase = QS_IDLE };
        return;
    }
    uint32_t done = s->steps_submitted;
    if (s->flight_count > 0) /* the oldest may still belong to a dropped picture */
        done = s->flights[0].serial == s->serial ? s->flights[0].steps_before : 0;
    const bool finished = s->decode_submitted && s->flight_count == 0;
    *progress = (qs_progress){ .phase = finished ? QS_DONE : QS_RUNNING,
                               .steps_done = done,
                               .steps = s->steps,
                               .submitted = submitted };
}

qs_status qs_session_advance(qs_session *s, qs_progress *progress)
{
    if (!s)
        return qs_error(QS_ERROR_USAGE, "qs_session_advance: session must not be NULL");
    qs_status status = QS_OK;
    bool submitted = false;
    TRY(retire(s));
    /* timestamps are read between two steps, so a profiled step runs alone */
    const uint32_t most = s->options.profile ? 1 : IN_FLIGHT_MAX;
    if (s->begun && s->flight_count < most)
        TRY(submit_next(s, &submitted));
    if (progress)
        describe_progress(s, submitted, progress);
fail:
    return status;
}

qs_status qs_session_wait(qs_session *s, uint32_t timeout_ms)
{
    if (!s)
        return qs_error(QS_ERROR_USAGE, "qs_session_wait: session must not be NULL");
    const qs_status status = retire(s);
    if (status != QS_OK || s->flight_count == 0)
        return status;
    return gpu_wait(s->device, s->flights[0].ticket, timeout_ms);
}

/* ---- frame ------------------------------------------------------------------------------ */

/* Two of 255 levels, in the picture's units: a picture that differs less from its first pixel
 * everywhere is one flat colour. */
static const float FLAT_DISTANCE = 2.0f * 2.0f / 255.0f;

static const uint32_t *picture_report(const qs_session *s, const frame_slot *slot, uint32_t index)
{
    const char *memory = s->frame_memory.mapped;
    return (const uint32_t *)(const void *)(memory + slot->report.offset) +
           (size_t)index * REPORT_WORDS;
}

qs_status session_check_report(const uint32_t *report, const char *what)
{
    if (report[REPORT_BAD] > 0)
        return qs_error(QS_ERROR_PICTURE, "%s has %u NaN or Inf values", what, report[REPORT_BAD]);
    if (float_from_bits(report[REPORT_DEVIATION]) < FLAT_DISTANCE)
        return qs_error(QS_ERROR_PICTURE, "%s is one flat colour", what);
    return QS_OK;
}

static qs_status check_picture(const qs_frame *f, uint32_t index, const uint32_t *report)
{
    char what[96];
    snprintf(what, sizeof what, "picture %u of %u (seed %llu, %u steps)", index + 1, f->count,
             (unsigned long long)f->seed + index, f->steps);
    return session_check_report(report, what);
}

/* The message is that of the first bad picture. */
static qs_status check_frame(const qs_session *s, const frame_slot *slot)
{
    for (uint32_t i = 0; i < slot->frame.count; ++i) {
        const qs_status status = check_picture(&slot->frame, i, picture_report(s, slot, i));
        if (status != QS_OK)
            return status;
    }
    return QS_OK;
}

/* Reads the report of a decode that has just finished. */
static void finish_frame(qs_session *s, frame_slot *slot)
{
    qs_frame *f = &slot->frame;
    f->pixels = (const uint8_t *)s->frame_memory.mapped + slot->pixels.offset;
    f->bad_count = 0;
    f->min_value = INFINITY;
    f->max_value = -INFINITY;
    for (uint32_t i = 0; i < f->count; ++i) {
        const uint32_t *report = picture_report(s, slot, i);
        f->bad_count += report[REPORT_BAD];
        f->min_value = fminf(f->min_value, report_float(report[REPORT_MIN]));
        f->max_value = fmaxf(f->max_value, report_float(report[REPORT_MAX]));
    }
    f->latency_ms = clock_ms() - slot->begin_ms;
    f->check = check_frame(s, slot);
}

qs_status qs_session_frame(qs_session *s, qs_frame *frame)
{
    if (!s || !frame)
        return qs_error(QS_ERROR_USAGE, "qs_session_frame: session and frame must not be NULL");
    const qs_status status = retire(s);
    if (status != QS_OK)
        return status;
    if (s->ready_slot >= 0) {
        finish_frame(s, &s->frames[s->ready_slot]);
        s->shown_slot = s->ready_slot;
        s->ready_slot = -1;
    }
    *frame = s->shown_slot >= 0 ? s->frames[s->shown_slot].frame : (qs_frame){ 0 };
    return QS_OK;
}

/* ---- render: the whole picture, waiting ------------------------------------------------- */

static qs_status run_to_end(qs_session *s, qs_progress_fn callback, void *user)
{
    qs_status status = QS_OK;
    qs_progress progress = { 0 };
    uint32_t reported = 0;
    do {
        TRY(qs_session_advance(s, &progress));
        if (callback && progress.steps_done != reported) {
            reported = progress.steps_done;
            if (!callback(user, reported, progress.steps)) {
                s->begun = false;
                return qs_error(QS_CANCELLED, "cancelled after %u of %u steps", reported,
                                progress.steps);
            }
        }
        if (!progress.submitted)
            TRY(qs_session_wait(s, UINT32_MAX));
    } while (progress.phase != QS_DONE);
fail:
    return status;
}

static qs_status read_sample(qs_session *s, float *sample)
{
    const session_shape size = session_pictures(s);
    const size_t count = (size_t)size.n * size.c * size.h * size.w;
    qs_status status = QS_OK;
    uint64_t ticket = 0;
    TRY(session_submit(s, s->read_picture, s->steps, &ticket));
    TRY(session_drain(s));
    layout_from_device(s->picture_memory.mapped, DTYPE_F32, ceil4(size.c), 0, size.n, size.c,
                       size.h, size.w, sample);
    for (size_t i = 0; i < count; ++i)
        if (!isnan(sample[i]))
            sample[i] = fminf(fmaxf(sample[i], -1.0f), 1.0f);
fail:
    return status;
}

qs_status qs_session_render(qs_session *s, const qs_recipe *r, qs_progress_fn progress, void *user,
                            qs_frame *frame, float *sample)
{
    if (!s || !r)
        return qs_error(QS_ERROR_USAGE, "qs_session_render: session and recipe must not be NULL");
    qs_status status = QS_OK;
    qs_frame shown;
    TRY(qs_session_begin(s, r));
    TRY(run_to_end(s, progress, user));
    if (sample)
        TRY(read_sample(s, sample));
    TRY(qs_session_frame(s, &shown));
    if (frame)
        *frame = shown;
    if (debug_get()->time)
        TRY(session_log_times(s));
    if (shown.check != QS_OK)
        return check_frame(s, &s->frames[shown.slot]);
fail:
    return status;
}
