#include "core/clock.h"
#include "core/debug.h"
#include "sampler/edit.h"
#include "session/session.h"

#include <math.h>
#include <string.h>

/* ---- begin: recipe -> state, seed -> noise ---------------------------------------------- */

static qs_status read_labels(const qs_session *s, const qs_recipe *r, session_labels *labels)
{
    qs_status status = QS_OK;
    const bool numbers = s->model->config.unet.class_embedding == CLASS_IDENTITY;
    const float mix = r->labels_to ? r->mix : 0;
    *labels = (session_labels){ .mix = numbers ? 0 : mix };
    for (uint32_t i = 0; i < s->options.batch; ++i) {
        uint32_t *from = &labels->from[i], *to = &labels->to[i];
        TRY(model_label(s->model, r->labels ? r->labels[i] : -1, from));
        TRY(model_label(s->model, r->labels_to ? r->labels_to[i] : -1, to));
        if (numbers)
            *from =
                bits_from_float((1 - mix) * float_from_bits(*from) + mix * float_from_bits(*to));
        if (labels->mix == 0)
            *to = *from;
    }
fail:
    return status;
}

/* The states, of [session_images] that the network sees. */
static void write_labels(const qs_session *s, const session_labels *labels, uint32_t slot)
{
    const uint32_t images = session_images(s), batch = s->options.batch;
    uint32_t *ids = states_upload(&s->programs.states, "labels", slot);
    float *weights = states_upload(&s->programs.states, "label_weights", slot);
    for (uint32_t i = 0; ids && i < images; ++i)
        ids[i] = labels->from[i % batch];
    for (uint32_t i = 0; weights && i < images; ++i) {
        ids[images + i] = labels->to[i % batch];
        weights[4 * i] = 1 - labels->mix;
        weights[4 * i + 1] = labels->mix;
    }
}

/* Before anything of the picture in progress is touched. */
static qs_status check_recipe(qs_session *s, const qs_recipe *r, session_labels *labels)
{
    qs_status status = QS_OK;
    if (r->rng != QS_RNG_PHILOX && r->rng != QS_RNG_TORCH)
        return qs_error(QS_ERROR_USAGE, "rng %d is neither QS_RNG_PHILOX nor QS_RNG_TORCH",
                        (int)r->rng);
    if (!(r->mix >= 0 && r->mix <= 1))
        return qs_error(QS_ERROR_USAGE, "a mix of %g: 0, the first, to 1, the second",
                        (double)r->mix);
    TRY(read_labels(s, r, labels));
    TRY(photo_check(s, r));
    TRY(words_read(s, r));
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
    }
    qs_recipe wanted = *r;
    wanted.steps = r->steps ? r->steps : 1;
    if (model_fills_in(c)) { /* to the sampler it is a network like any other */
        wanted.init = wanted.mask = NULL;
        wanted.strength = 0;
    }
    TRY(sampler_rows(&c->scheduler, c->unet.segment_embedding, &wanted, recipe));
    for (uint32_t i = 0; i < recipe->steps; ++i)
        recipe->rows[i].guidance = s->words.next.guidance;
    recipe->keeps = edit_keeps(r);
fail:
    return status;
}

qs_status qs_session_begin(qs_session *s, const qs_recipe *r)
{
    if (!s || !r)
        return qs_error(QS_ERROR_USAGE, "qs_session_begin: session and recipe must not be NULL");
    qs_status status = QS_OK;
    picture *p = &s->picture;
    const double begin_ms = clock_ms();
    session_labels labels;
    TRY(check_recipe(s, r, &labels));
    const uint32_t slot = (uint32_t)(p->serial % RECIPE_SLOTS);
    TRY(gpu_wait(s->device, s->recipe_tickets[slot], UINT32_MAX));
    TRY(flights_retire(s));
    sampler_recipe *recipe = states_upload(&s->programs.states, "recipe", slot);
    TRY(fill_recipe(s, r, recipe));
    ++p->serial;
    p->begun = false; /* a failure below leaves no picture: the old one's state is overwritten */
    write_labels(s, &labels, slot);
    photo_write_mask(s, r, slot);
    TRY(words_submit(s, slot));
    TRY(photo_submit(s, r, slot));
    TRY(noise_start(s, r, recipe));
    TRY(flights_submit(s, PROGRAM_BEGIN, slot, 0, &s->recipe_tickets[slot]));
    s->noise.start_ticket = s->recipe_tickets[slot];
    *p = (picture){ .begun = true,
                    .serial = p->serial,
                    .recipe = recipe,
                    .labels = labels,
                    .seed = r->seed,
                    .steps = recipe->steps,
                    .decode_slot = -1,
                    .begin_ms = begin_ms };
fail:
    return status;
}

/* ---- advance: step, step, ..., decode --------------------------------------------------- */

/* What the network makes of times and labels is the same for every seed. */
static bool is_embedded(const embedded_rows *have, const embedded_rows *wanted)
{
    return wanted->count <= have->count &&
           memcmp(&wanted->labels, &have->labels, sizeof have->labels) == 0 &&
           memcmp(wanted->timestep, have->timestep, wanted->count * sizeof *have->timestep) == 0 &&
           memcmp(wanted->segment, have->segment, wanted->count * sizeof *have->segment) == 0;
}

/* Of the next rows, if that is not what is there. */
static qs_status embed_rows(qs_session *s)
{
    const picture *p = &s->picture;
    const uint32_t first = p->steps_submitted, left = p->steps - first;
    embedded_rows wanted = { .count = left < EMBEDDED_ROWS ? left : EMBEDDED_ROWS,
                             .labels = p->labels };
    for (uint32_t i = 0; i < wanted.count; ++i) {
        wanted.timestep[i] = p->recipe->rows[first + i].timestep;
        wanted.segment[i] = p->recipe->rows[first + i].segment;
    }
    if (is_embedded(&s->embedded, &wanted))
        return QS_OK;
    s->embedded.count = 0;
    const qs_status status = flights_submit_before(s, PROGRAM_EMBED);
    if (status == QS_OK)
        s->embedded = wanted;
    return status;
}

static qs_status submit_step(qs_session *s)
{
    picture *p = &s->picture;
    qs_status status = QS_OK;
    bool finished = false;
    if (p->parts_submitted == 0) {
        if (p->steps_submitted % EMBEDDED_ROWS == 0)
            TRY(embed_rows(s));
        TRY(noise_step(s, p->steps_submitted));
    }
    TRY(flights_submit_group(s, PROGRAM_STEP, 0, p->steps_submitted, &s->step_ticket, &finished));
    if (!finished)
        return QS_OK;
    s->noise.step_tickets[p->steps_submitted % STEP_NOISE_SLOTS] = s->step_ticket;
    ++p->steps_submitted; /* of a failure before, the next advance submits this step again */
    if (debug_inspects())
        TRY(session_inspect(s, PROGRAM_STEP));
fail:
    return status;
}

static qs_status submit_decode(qs_session *s)
{
    qs_status status = QS_OK;
    TRY(frames_decode(s, &s->picture.decode_submitted));
    if (s->picture.decode_submitted && debug_inspects())
        TRY(session_inspect(s, PROGRAM_DECODE));
fail:
    return status;
}

static qs_status submit_next(qs_session *s, bool *submitted)
{
    *submitted = true;
    if (s->picture.steps_submitted < s->picture.steps)
        return submit_step(s);
    if (!s->picture.decode_submitted)
        return submit_decode(s);
    *submitted = false;
    return QS_OK;
}

static void describe_progress(const qs_session *s, bool submitted, qs_progress *progress)
{
    const picture *p = &s->picture;
    const flights *f = &s->flights;
    if (!p->begun) {
        *progress = (qs_progress){ .phase = QS_IDLE };
        return;
    }
    uint32_t done = p->steps_submitted;
    if (f->count > 0) /* the oldest may still belong to a dropped picture */
        done = f->flights[0].serial == p->serial ? f->flights[0].steps_before : 0;
    const bool finished = p->decode_submitted && f->count == 0;
    *progress = (qs_progress){ .phase = finished ? QS_DONE : QS_RUNNING,
                               .steps_done = done,
                               .steps = p->steps,
                               .submitted = submitted };
}

qs_status qs_session_advance(qs_session *s, qs_progress *progress)
{
    if (!s)
        return qs_error(QS_ERROR_USAGE, "qs_session_advance: session must not be NULL");
    qs_status status = QS_OK;
    bool submitted = false;
    TRY(flights_retire(s));
    /* timestamps are read between two steps, so a profiled step runs alone */
    const uint32_t most = s->options.profile ? 1 : GROUPS_AHEAD;
    if (s->picture.begun && s->flights.count < most)
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
    const qs_status status = flights_retire(s);
    if (status != QS_OK || s->flights.count == 0)
        return status;
    return gpu_wait(s->device, s->flights.flights[0].ticket, timeout_ms);
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
                s->picture.begun = false;
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

/* The final floats in [-1, 1]; NaN stays. */
static qs_status read_sample(qs_session *s, float *sample)
{
    const session_shape size = session_pictures(s);
    const size_t count = (size_t)size.n * size.c * size.h * size.w;
    const bool decoded = s->model->config.has_component[COMPONENT_VAE];
    qs_status status = QS_OK;
    uint64_t ticket = 0;
    TRY(flights_submit(s, PROGRAM_READ, 0, s->picture.steps, &ticket));
    TRY(flights_drain(s));
    state_read(states_find(&s->programs.states, decoded ? "picture" : "latent"), 0, sample);
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
    s->undivided = true;
    status = run_to_end(s, progress, user);
    s->undivided = false;
    TRY(status);
    if (sample)
        TRY(read_sample(s, sample));
    TRY(qs_session_frame(s, &shown));
    if (frame)
        *frame = shown;
    if (debug_get()->time)
        TRY(session_log_times(s));
    if (shown.check != QS_OK)
        return frames_check(s, shown.slot);
fail:
    return status;
}
