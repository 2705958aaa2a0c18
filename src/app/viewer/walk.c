#include "viewer/walk.h"

#include "common/slerp.h"

#include <stdlib.h>

static const double STEP_MAX_S = 0.4; /* a picture that took longer does not make it jump */

static uint64_t next_seed(const viewer_controls *controls, uint64_t from, uint64_t (*choose)(void))
{
    if (controls->pin_count < 2)
        return choose();
    for (uint32_t i = 0; i < controls->pin_count; i++)
        if (controls->pins[i] == from)
            return controls->pins[(i + 1) % controls->pin_count];
    return controls->pins[0];
}

/* Since the last call; 0: it stood. */
static double passed(walk *w, double now_s)
{
    const double passed_s = w->moved_s > 0 ? now_s - w->moved_s : 0;
    w->moved_s = now_s;
    return passed_s > STEP_MAX_S ? STEP_MAX_S : passed_s;
}

void walk_mix(walk *w, viewer_controls *controls, double now_s)
{
    const float moved = (float)(passed(w, now_s) / (double)controls->seconds);
    float *mix = &controls->words.mix;
    *mix += w->mix_returns ? -moved : moved;
    if (*mix <= 0 || *mix >= 1)
        w->mix_returns = *mix >= 1;
    *mix = *mix < 0 ? 0 : *mix > 1 ? 1 : *mix;
}

void walk_move(walk *w, viewer_controls *controls, double now_s, uint64_t (*choose)(void))
{
    const double passed_s = passed(w, now_s);
    if (w->from != controls->seed || w->place.to == w->from) /* the first leg, or from elsewhere */
        walk_set(w, controls->seed,
                 (viewer_place){ next_seed(controls, controls->seed, choose), 0 });
    w->moved_s = now_s;
    w->place.at += passed_s / (double)controls->seconds;
    if (w->place.at < 1)
        return;
    controls->seed = w->place.to;
    walk_set(w, controls->seed, (viewer_place){ next_seed(controls, controls->seed, choose), 0 });
    w->moved_s = now_s;
}

void walk_stop(walk *w)
{
    w->moved_s = 0;
}

void walk_set(walk *w, uint64_t from, viewer_place place)
{
    w->from = from;
    w->place = place;
    w->ends_there = false;
    w->moved_s = 0;
}

static size_t noise_size(const qs_model *model)
{
    qs_model_info info;
    qs_model_get_info(model, &info);
    return (size_t)info.latent_channels * info.latent_height * info.latent_width;
}

static qs_status allocate(walk *w, const qs_model *model, uint32_t batch)
{
    float **all[] = { &w->ends[0], &w->ends[1], &w->noise };
    bool failed = false;
    for (int i = 0; i < 3; i++) {
        free(*all[i]);
        *all[i] = calloc(batch, noise_size(model) * sizeof(float));
        failed |= !*all[i];
    }
    w->model = model;
    w->batch = batch;
    w->ends_there = false;
    return failed ? app_error(QS_ERROR_MEMORY, "no memory for noise") : QS_OK;
}

static qs_status make_ends(walk *w, size_t size)
{
    qs_status status = QS_OK;
    const uint64_t seeds[2] = { w->from, w->place.to };
    for (int end = 0; end < 2; end++)
        for (uint32_t i = 0; i < w->batch; i++)
            QS(qs_model_noise(w->model, QS_RNG_PHILOX, seeds[end] + i, w->ends[end] + i * size));
    w->ends_there = true;
fail:
    return status;
}

qs_status walk_noise(walk *w, const qs_model *model, uint32_t batch, uint64_t seed,
                     const float **noise)
{
    qs_status status = QS_OK;
    const size_t size = noise_size(model);
    *noise = NULL;
    if (w->from != seed || w->place.at <= 0)
        return QS_OK;
    if (w->model != model || w->batch != batch || !w->noise)
        TRY(allocate(w, model, batch));
    if (!w->ends_there)
        TRY(make_ends(w, size));
    for (uint32_t i = 0; i < batch; i++)
        app_slerp(w->ends[0] + i * size, w->ends[1] + i * size, size, w->place.at,
                  w->noise + i * size);
    *noise = w->noise;
fail:
    return status;
}

void walk_finish(walk *w)
{
    free(w->ends[0]);
    free(w->ends[1]);
    free(w->noise);
    *w = (walk){ 0 };
}
