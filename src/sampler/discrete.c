/*
 * DDIM and DDPM over discrete timesteps, as diffusers' DDIMScheduler and DDPMScheduler step (their
 * default use_clipped_model_output = False). Arithmetic is float32 where theirs is, in their order:
 * 1 - alpha_t / alpha_prev loses four digits, and which ones is part of the picture.
 */
#include "sampler/rows.h"

#include <math.h>

/* ---- set_timesteps: which of the training's timesteps, the noisiest first -------------------- */

static double spaced(const scheduler_config *s, uint32_t steps, uint32_t i)
{
    const uint32_t points = s->num_train_timesteps;
    switch (s->spacing) {
    case SPACING_LEADING: return (double)(points / steps * (steps - 1 - i) + s->steps_offset);
    case SPACING_LINSPACE: return steps > 1 ? (points - 1.0) / (steps - 1) * (steps - 1 - i) : 0;
    default: { /* trailing, as numpy.arange counts. For some numbers of steps that has a timestep -1
                * behind the last, at which diffusers ruins the picture: not followed */
        const double next = points - (double)points / steps;
        return rint(points + i * (next - points)) - 1;
    }
    }
}

qs_status timesteps_spaced(const scheduler_config *s, uint32_t spaced_steps, uint32_t steps,
                           double *timesteps)
{
    for (uint32_t i = 0; i < steps; ++i) {
        const double t = timesteps[i] = spaced(s, spaced_steps, i);
        if (!(t >= 0 && t < s->num_train_timesteps))
            return qs_error(QS_ERROR_USAGE,
                            "%u steps begin at timestep %g with steps_offset %u, but the model was "
                            "trained on 0 to %u",
                            steps, t, s->steps_offset, s->num_train_timesteps - 1);
    }
    return QS_OK;
}

static qs_status whole_timesteps(const scheduler_config *s, uint32_t steps, int32_t *timesteps)
{
    double spaced_steps[RECIPE_STEPS_MAX];
    const qs_status status = timesteps_spaced(s, steps, steps, spaced_steps);
    for (uint32_t i = 0; status == QS_OK && i < steps; ++i)
        timesteps[i] = (int32_t)rint(spaced_steps[i]);
    return status;
}

/* ---- step ------------------------------------------------------------------------------------ */

void row_predict(const scheduler_config *s, float alpha, float sigma, float timestep,
                 sampler_row *row)
{
    *row = (sampler_row){ .input_scale = 1,
                          .timestep = timestep,
                          .clip = s->clip_sample ? (float)s->clip_sample_range : 0 };
    switch (s->prediction) {
    case PREDICT_EPSILON:
        row->x0_sample = 1 / alpha;
        row->x0_model = -sigma / alpha;
        break;
    case PREDICT_V:
        row->x0_sample = alpha;
        row->x0_model = -sigma;
        break;
    case PREDICT_SAMPLE: row->x0_model = 1;
    }
}

void row_predict_at(const scheduler_config *s, uint32_t t, sampler_row *row)
{
    const float alpha = s->alphas_cumprod[t];
    row_predict(s, sqrtf(alpha), sqrtf(1 - alpha), (float)t, row);
}

void row_add_epsilon(const scheduler_config *s, uint32_t t, float gain, sampler_row *row)
{
    const float alpha = s->alphas_cumprod[t], root = sqrtf(alpha), noise = sqrtf(1 - alpha);
    switch (s->prediction) {
    case PREDICT_EPSILON: row->next_model = gain; break;
    case PREDICT_V:
        row->next_model = gain * root;
        row->next_sample = gain * noise;
        break;
    case PREDICT_SAMPLE: row->next_model = -gain * root / noise; row->next_sample = gain / noise;
    }
}

static void row_ddim(const scheduler_config *s, int32_t t, int32_t previous, float eta,
                     sampler_row *row)
{
    const float last = s->set_alpha_to_one ? 1 : s->alphas_cumprod[0];
    const float alpha = s->alphas_cumprod[t];
    const float alpha_previous = previous >= 0 ? s->alphas_cumprod[previous] : last;
    const float variance = (1 - alpha_previous) / (1 - alpha) * (1 - alpha / alpha_previous);
    const float deviation = eta * sqrtf(variance);
    row_predict_at(s, (uint32_t)t, row);
    row->next_x0 = sqrtf(alpha_previous);
    /* at zero terminal SNR and eta 1 rounding may leave less than nothing */
    row_add_epsilon(s, (uint32_t)t, sqrtf(fmaxf(1 - alpha_previous - deviation * deviation, 0)),
                    row);
    row->next_noise = deviation;
}

/* DDPMScheduler._get_variance and what step() makes of it. */
static float ddpm_deviation(const scheduler_config *s, float alpha, float alpha_previous)
{
    const float beta = 1 - alpha / alpha_previous;
    const float small = fmaxf((1 - alpha_previous) / (1 - alpha) * beta, 1e-20f);
    switch (s->variance) {
    case VARIANCE_FIXED_SMALL_LOG: return expf(0.5f * logf(small));
    case VARIANCE_FIXED_LARGE: return sqrtf(beta);
    default: return sqrtf(small);
    }
}

static void row_ddpm(const scheduler_config *s, int32_t t, int32_t previous, sampler_row *row)
{
    const float alpha = s->alphas_cumprod[t];
    const float alpha_previous = previous >= 0 ? s->alphas_cumprod[previous] : 1;
    const float ratio = alpha / alpha_previous;
    row_predict_at(s, (uint32_t)t, row);
    row->next_x0 = sqrtf(alpha_previous) * (1 - ratio) / (1 - alpha);
    row->next_sample = sqrtf(ratio) * (1 - alpha_previous) / (1 - alpha);
    row->next_noise = t > 0 ? ddpm_deviation(s, alpha, alpha_previous) : 0;
}

void levels_of_timesteps(const scheduler_config *s, const sampler_row *rows, uint32_t steps,
                         noise_level *levels)
{
    for (uint32_t i = 0; i < steps; ++i) {
        const float alpha = s->alphas_cumprod[(uint32_t)rows[i].timestep];
        levels[i] = (noise_level){ sqrtf(alpha), sqrtf(1 - alpha) };
    }
}

/* ---- all steps ------------------------------------------------------------------------------- */

qs_status row_check(const sampler_row *row)
{
    const float *numbers = &row->input_scale;
    for (size_t i = 0; i < offsetof(sampler_row, draw) / sizeof *numbers; ++i)
        if (!isfinite(numbers[i]))
            return qs_error(QS_ERROR_MODEL,
                            "the scheduler's step at timestep %g divides by zero: its betas do not "
                            "fit its prediction_type; another number of steps may avoid it",
                            (double)row->timestep);
    return QS_OK;
}

qs_status rows_ddim(const scheduler_config *s, uint32_t steps, float eta, sampler_row *rows)
{
    const int32_t stride = (int32_t)(s->num_train_timesteps / steps); /* whatever the spacing */
    int32_t timesteps[RECIPE_STEPS_MAX];
    qs_status status = QS_OK;
    TRY(whole_timesteps(s, steps, timesteps));
    for (uint32_t i = 0; i < steps; ++i) {
        row_ddim(s, timesteps[i], timesteps[i] - stride, eta, &rows[i]);
        rows[i].draw = eta > 0 ? 1 + i : 0;
        TRY(row_check(&rows[i]));
    }
fail:
    return status;
}

qs_status rows_ddpm(const scheduler_config *s, uint32_t steps, sampler_row *rows)
{
    int32_t timesteps[RECIPE_STEPS_MAX + 1];
    qs_status status = QS_OK;
    if (s->variance == VARIANCE_FIXED_LARGE_LOG)
        return qs_error(
            QS_ERROR_MODEL,
            "variance_type \"fixed_large_log\": diffusers' DDPMScheduler takes the root "
            "of a negative number with it; use the sampler ddim");
    TRY(whole_timesteps(s, steps, timesteps));
    timesteps[steps] = -1;
    for (uint32_t i = 0; i < steps; ++i) {
        row_ddpm(s, timesteps[i], timesteps[i + 1], &rows[i]);
        rows[i].draw = timesteps[i] > 0 ? 1 + i : 0;
        TRY(row_check(&rows[i]));
    }
fail:
    return status;
}
