#include "sampler/rows.h"

#include "core/log.h"

#include <math.h>

/* What the steps from t have in common: the network's inputs, xhat, and its noise. */
static void predict_from_v(const scheduler_config *scheduler, double t, sampler_row *row)
{
    double alpha, sigma;
    schedule_alpha_sigma(scheduler, t, &alpha, &sigma);
    row->input_scale = 1;
    row->timestep = (float)(scheduler->timestep_scale * t);
    row->clip = scheduler->clip_sample ? 1 : 0;
    row->x0_sample = (float)alpha;
    row->x0_model = (float)-sigma;
    row->noise_sample = (float)(1 / sigma);
    row->noise_x0 = (float)(-alpha / sigma);
}

void row_hop(const scheduler_config *scheduler, double t, double s, bool adjusted, sampler_row *row)
{
    double alpha_t, sigma_t, alpha_s, sigma_s;
    schedule_alpha_sigma(scheduler, t, &alpha_t, &sigma_t);
    schedule_alpha_sigma(scheduler, s, &alpha_s, &sigma_s);
    const double ratio = sigma_s / sigma_t;
    const double gain = alpha_s - alpha_t * ratio; /* of xhat in the next sample */

    *row = (sampler_row){ 0 };
    predict_from_v(scheduler, t, row);
    row->next_x0 = (float)gain;
    row->next_sample = (float)ratio;
    row->sigma = (float)sigma_s;
    if (adjusted) { /* the paper's analytic error of xhat: as good as one measured on data */
        const double x0_variance = 0.1 / (2 + alpha_t * alpha_t / (sigma_t * sigma_t));
        row->variance = (float)(gain * gain * x0_variance);
    }
}

void row_finish(const scheduler_config *scheduler, double t, sampler_row *row)
{
    *row = (sampler_row){ 0 };
    predict_from_v(scheduler, t, row);
    row->clip = 1;
    row->next_x0 = 1;
}

void row_consistency(const scheduler_config *scheduler, double sigma, double sigma_next,
                     sampler_row *row)
{
    const double data = scheduler->sigma_data, above = sigma - scheduler->sigma_min;
    const double norm = sqrt(sigma * sigma + data * data);
    const double renoise = sigma_next * sigma_next - scheduler->sigma_min * scheduler->sigma_min;
    *row = (sampler_row){
        .input_scale = (float)(1 / norm),
        .timestep = (float)(250 * log(sigma + 1e-44)), /* as diffusers' sigma_to_t */
        .clip = scheduler->clip_denoised ? 1 : 0,
        .x0_sample = (float)(data * data / (above * above + data * data)),
        .x0_model = (float)(above * data / norm),
        .next_x0 = 1,
        .next_noise = (float)(scheduler->s_noise * sqrt(fmax(renoise, 0))),
    };
}

/* t = 1, (N-1)/N .. 1/N; step by step to s = t - 1/N, the start of the segment (algorithm 2). */
static void diffusion_rows(const scheduler_config *scheduler, bool segments, bool adjusted,
                           sampler_recipe *recipe)
{
    const uint32_t steps = recipe->steps;
    recipe->initial_scale = 1;
    for (uint32_t step = 0; step < steps; ++step) {
        sampler_row *row = &recipe->rows[step];
        const double t = (double)(steps - step) / steps;
        const double s = (double)(steps - step - 1) / steps;
        if (step + 1 < steps)
            row_hop(scheduler, t, s, adjusted, row);
        else
            row_finish(scheduler, t, row);
        row->segment = segments ? (float)(scheduler->timestep_scale * (t - s)) : 0;
        row->draw = 1 + step;
    }
}

/*
 * Which points of the training grid N steps visit: 0, r, 2r .. with r = floor(points / N), as
 * diffusers' CMStochasticIterativeScheduler.set_timesteps(num_inference_steps=N). For two steps,
 * the published checkpoints have a second point of their own (openai/consistency_models,
 * scripts/launch.sh), known here by the size of their grid: 40 is consistency distillation and
 * takes ImageNet-64's 22 (the bedroom models' 17 and 18 have the same grid size); 201 is
 * consistency training on ImageNet-64; 151 on LSUN and takes bedroom's 67 (cat's is 62).
 */
static uint32_t consistency_index(uint32_t points, uint32_t steps, uint32_t step)
{
    if (steps == 2 && step == 1) {
        switch (points) {
        case 40: return 22;
        case 151: return 67;
        case 201: return 106;
        }
    }
    return points / steps * step;
}

static void consistency_rows(const scheduler_config *scheduler, sampler_recipe *recipe)
{
    const uint32_t steps = recipe->steps, points = scheduler->num_train_timesteps;
    recipe->initial_scale = (float)scheduler->sigma_max;
    double sigma = schedule_karras_sigma(scheduler, 0);
    for (uint32_t step = 0; step < steps; ++step) {
        const double sigma_next =
            step + 1 < steps
                ? schedule_karras_sigma(scheduler, consistency_index(points, steps, step + 1))
                : scheduler->sigma_min;
        row_consistency(scheduler, sigma, sigma_next, &recipe->rows[step]);
        recipe->rows[step].draw = 1 + step;
        sigma = sigma_next;
    }
}

/* A network without a segment embedding was trained for certain N only. */
static void warn_untrained(const scheduler_config *scheduler, uint32_t steps)
{
    for (uint32_t i = 0; i < scheduler->trained_steps_count; ++i)
        if (scheduler->trained_steps[i] == steps)
            return;
    if (scheduler->trained_steps_count > 0)
        log_line(QS_LOG_WARNING,
                 "this model has no segment embedding and was not trained for %u steps", steps);
}

qs_status sampler_rows(const scheduler_config *scheduler, bool has_segments, qs_sampler sampler,
                       uint32_t steps, sampler_recipe *recipe)
{
    qs_status status = QS_OK;
    if (steps < 1 || steps > RECIPE_STEPS_MAX)
        return qs_error(QS_ERROR_USAGE, "%u steps: 1 to %d are possible", steps, RECIPE_STEPS_MAX);
    TRY(sampler_check(scheduler, sampler));
    const qs_sampler resolved = sampler_resolve(scheduler, sampler);
    if (resolved == QS_SAMPLER_CONSISTENCY && steps > scheduler->num_train_timesteps)
        return qs_error(QS_ERROR_USAGE,
                        "%u steps: this model was trained on %u noise levels, no more steps are "
                        "possible",
                        steps, scheduler->num_train_timesteps);
    recipe->steps = steps;
    if (resolved == QS_SAMPLER_CONSISTENCY) {
        consistency_rows(scheduler, recipe);
        return QS_OK;
    }
    const bool multistep = resolved == QS_SAMPLER_MULTISTEP;
    if (multistep && !has_segments)
        warn_untrained(scheduler, steps);
    diffusion_rows(scheduler, multistep && has_segments, resolved == QS_SAMPLER_ADDIM, recipe);
fail:
    return status;
}
