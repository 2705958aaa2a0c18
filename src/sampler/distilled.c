/*
 * Latent and trajectory consistency models, as diffusers' LCMScheduler and TCDScheduler step: both
 * visit some of the original_inference_steps timesteps that a model was distilled on. Arithmetic as
 * in discrete.c.
 */
#include "sampler/rows.h"

#include <math.h>

/* set_timesteps: evenly spaced ones of k - 1, 2k - 1 .. original_inference_steps * k - 1. */
static void distilled_timesteps(const scheduler_config *s, uint32_t steps, const uint32_t *given,
                                uint32_t *timesteps)
{
    const uint32_t originals = s->original_inference_steps;
    const uint32_t stride = s->num_train_timesteps / originals;
    const double skip = (double)originals / steps;
    for (uint32_t i = 0; i < steps; ++i)
        timesteps[i] = given ? given[i] : (originals - (uint32_t)(i * skip)) * stride - 1;
}

/* The boundary condition: the network's part is the larger, the noisier the sample. */
static void row_lcm(const scheduler_config *s, uint32_t t, float alpha_next, sampler_row *row)
{
    const float scaled = (float)t * (float)s->timestep_scaling, norm = scaled * scaled + 0.25f;
    const float root = sqrtf(alpha_next);
    row_predict_at(s, t, row);
    row->next_x0 = root * (scaled / sqrtf(norm));
    row->next_sample = root * (0.25f / norm);
    row->next_noise = sqrtf(1 - alpha_next);
}

qs_status rows_lcm(const scheduler_config *s, uint32_t steps, const uint32_t *given,
                   sampler_row *rows)
{
    uint32_t t[RECIPE_STEPS_MAX];
    qs_status status = QS_OK;
    distilled_timesteps(s, steps, given, t);
    for (uint32_t i = 0; i < steps; ++i) {
        const bool last = i + 1 == steps;
        row_lcm(s, t[i], last ? 1 : s->alphas_cumprod[t[i + 1]], &rows[i]);
        rows[i].draw = last ? 0 : 1 + i;
        TRY(row_check(&rows[i]));
    }
fail:
    return status;
}

/* To timestep s without noise, and up to `next` with it. s <= next <= t */
static void row_tcd(const scheduler_config *s, uint32_t t, uint32_t next, float eta,
                    sampler_row *row)
{
    const double decimal = rint((double)eta * 1e6) / 1e6; /* as the caller wrote it: floor tells */
    const uint32_t target = (uint32_t)floorf((float)(1 - decimal) * (float)next);
    const float alpha = s->alphas_cumprod[target], ratio = s->alphas_cumprod[next] / alpha;
    row_predict_at(s, t, row);
    row->next_x0 = sqrtf(ratio) * sqrtf(alpha);
    row_add_epsilon(s, t, sqrtf(ratio) * sqrtf(1 - alpha), row);
    row->next_noise = sqrtf(1 - ratio);
}

qs_status rows_tcd(const scheduler_config *s, uint32_t steps, const uint32_t *given, float eta,
                   sampler_row *rows)
{
    uint32_t t[RECIPE_STEPS_MAX];
    qs_status status = QS_OK;
    distilled_timesteps(s, steps, given, t);
    for (uint32_t i = 0; i < steps; ++i) {
        const bool last = i + 1 == steps;
        row_tcd(s, t[i], last ? 0 : t[i + 1], eta, &rows[i]);
        rows[i].draw = last || eta == 0 ? 0 : 1 + i;
        TRY(row_check(&rows[i]));
    }
fail:
    return status;
}
