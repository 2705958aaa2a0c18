/*
 * Diffusers' schedulers over noise levels: EulerDiscreteScheduler, EulerAncestralDiscreteScheduler
 * (x = x0 + sigma noise, which the network sees divided by sqrt(sigma^2 + 1)) and
 * DPMSolverMultistepScheduler, whose x is that quotient. Levels are made in double and rounded
 * once, steps computed in float32, as there.
 */
#include "sampler/rows.h"

#include <math.h>

/* ---- set_timesteps --------------------------------------------------------------------------- */

typedef struct schedule {
    float sigmas[RECIPE_STEPS_MAX + 1]; /* of every step, and what the last one leaves */
    float timesteps[RECIPE_STEPS_MAX];
} schedule;

static float trained_sigma(const scheduler_config *s, uint32_t t)
{
    const float alpha = s->alphas_cumprod[t];
    return sqrtf((1 - alpha) / alpha);
}

/* numpy.interp of the training's levels. */
static double sigma_at(const scheduler_config *s, double timestep)
{
    const uint32_t t = (uint32_t)timestep;
    const double sigma = (double)trained_sigma(s, t), part = timestep - t;
    return part > 0 ? part * ((double)trained_sigma(s, t + 1) - sigma) + sigma : sigma;
}

/* _sigma_to_t: linear in log(sigma). */
static double timestep_at(const scheduler_config *s, double sigma)
{
    const double wanted = log(sigma);
    uint32_t low = 0, end = s->num_train_timesteps - 1;
    while (end - low > 1) { /* low: the last one that is not noisier */
        const uint32_t middle = low + (end - low) / 2;
        if ((double)logf(trained_sigma(s, middle)) <= wanted)
            low = middle;
        else
            end = middle;
    }
    const float below = logf(trained_sigma(s, low)), above = logf(trained_sigma(s, low + 1));
    return low + fmin(fmax(((double)below - wanted) / (double)(below - above), 0), 1);
}

/* Karras et al. (arXiv 2206.00364), equation 5. */
static void karras_levels(const scheduler_config *s, double first, double last, uint32_t steps,
                          schedule *made)
{
    const double rho = 7, top = pow(first, 1 / rho), bottom = pow(last, 1 / rho);
    for (uint32_t i = 0; i < steps; ++i) {
        const double ramp = steps > 1 ? i * (1.0 / (steps - 1)) : 0;
        const double sigma = pow(top + ramp * (bottom - top), rho), t = timestep_at(s, sigma);
        made->sigmas[i] = (float)sigma;
        made->timesteps[i] = (float)(s->class == SCHEDULER_EULER ? t
                                     : s->levels.whole_timesteps ? rint(t)
                                                                 : trunc(t));
    }
}

static qs_status schedule_init(const scheduler_config *s, uint32_t steps, schedule *made)
{
    const bool solver = s->class == SCHEDULER_DPMSOLVER;
    double timesteps[RECIPE_STEPS_MAX];
    /* the solver's spacing goes one step further, to where nothing is left to do */
    const uint32_t further = solver && s->spacing != SPACING_TRAILING;
    const qs_status status = timesteps_spaced(s, steps + further, steps, timesteps);
    if (status != QS_OK)
        return status;
    for (uint32_t i = 0; i < steps; ++i) {
        made->timesteps[i] = (float)(solver ? rint(timesteps[i]) : timesteps[i]);
        made->sigmas[i] = (float)sigma_at(s, (double)made->timesteps[i]);
    }
    if (s->levels.use_karras_sigmas) { /* between the spacing's ends; the solver's: of all levels */
        const double first = solver ? s->num_train_timesteps - 1 : (double)made->timesteps[0];
        const double last = solver ? 0 : (double)made->timesteps[steps - 1];
        karras_levels(s, s->levels.sigma_max > 0 ? s->levels.sigma_max : sigma_at(s, first),
                      s->levels.sigma_min > 0 ? s->levels.sigma_min : sigma_at(s, last), steps,
                      made);
    }
    for (uint32_t i = 0; s->levels.continuous_timesteps && i < steps; ++i)
        made->timesteps[i] = 0.25f * logf(made->sigmas[i]);
    made->sigmas[steps] = s->levels.final_sigma_min ? trained_sigma(s, 0) : 0;
    return QS_OK;
}

/* ---- Euler ----------------------------------------------------------------------------------- */

static float initial_scale(const scheduler_config *s, const schedule *made, uint32_t steps)
{
    float most = 0;
    for (uint32_t i = 0; i <= steps; ++i)
        most = fmaxf(most, made->sigmas[i]);
    return s->spacing == SPACING_LEADING ? sqrtf(most * most + 1) : most;
}

/* From sigma to `down`, and up again with noise. */
static void row_euler(const scheduler_config *s, float sigma, float timestep, float down, float up,
                      sampler_row *row)
{
    const float norm = sigma * sigma + 1;
    *row = (sampler_row){ .input_scale = 1 / sqrtf(norm),
                          .timestep = timestep,
                          .next_x0 = (sigma - down) / sigma,
                          .next_sample = down / sigma,
                          .next_noise = up };
    switch (s->prediction) {
    case PREDICT_EPSILON:
        row->x0_sample = 1;
        row->x0_model = -sigma;
        break;
    case PREDICT_V:
        row->x0_sample = 1 / norm;
        row->x0_model = -sigma / sqrtf(norm);
        break;
    case PREDICT_SAMPLE: row->x0_model = 1;
    }
}

qs_status rows_euler(const scheduler_config *s, sampler_recipe *recipe, noise_level *levels)
{
    const bool ancestral = s->class == SCHEDULER_EULER_ANCESTRAL;
    const uint32_t steps = recipe->steps;
    schedule made;
    qs_status status = QS_OK;
    TRY(schedule_init(s, steps, &made));
    recipe->initial_scale = initial_scale(s, &made, steps);
    for (uint32_t i = 0; i < steps; ++i) {
        const float from = made.sigmas[i], to = made.sigmas[i + 1];
        const float up = ancestral ? sqrtf(to * to * (from * from - to * to) / (from * from)) : 0;
        row_euler(s, from, made.timesteps[i], ancestral ? sqrtf(to * to - up * up) : to, up,
                  &recipe->rows[i]);
        recipe->rows[i].draw = ancestral && i + 1 < steps ? 1 + i : 0;
        levels[i] = (noise_level){ 1, from };
        TRY(row_check(&recipe->rows[i]));
    }
fail:
    return status;
}

/* ---- DPM-Solver++ ---------------------------------------------------------------------------- */

/* x = alpha x0 + sigma noise with alpha^2 + sigma^2 = 1; lambda: half the log-SNR. */
typedef struct solver_point {
    float alpha, sigma, lambda;
} solver_point;

static solver_point solver_point_of(float sigma)
{
    solver_point p = { .alpha = 1 / sqrtf(sigma * sigma + 1) };
    p.sigma = sigma * p.alpha;
    p.lambda = logf(p.alpha) - logf(p.sigma); /* infinite without noise */
    return p;
}

/* before: the sigma of the step before, for the second order; 0: first order. */
static void row_dpmsolver(const scheduler_config *s, float before, float sigma, float next,
                          float timestep, sampler_row *row)
{
    const solver_point here = solver_point_of(sigma), there = solver_point_of(next);
    const float h = there.lambda - here.lambda, gain = there.alpha * (expf(-h) - 1);
    row_predict(s, here.alpha, here.sigma, timestep, row);
    row->next_sample = there.sigma / here.sigma;
    row->next_x0 = -gain;
    if (before > 0) { /* x0 goes on as it changed in the step before */
        const float part = 0.5f * gain / ((here.lambda - solver_point_of(before).lambda) / h);
        row->next_x0 -= part;
        row->next_before = part;
    }
}

/* The order of the last step, where a second one amplifies errors. */
static bool lower_order_last(const scheduler_config *s, uint32_t steps)
{
    return s->levels.euler_at_final || (s->levels.lower_order_final && steps < 15) ||
           !s->levels.final_sigma_min;
}

qs_status rows_dpmsolver(const scheduler_config *s, uint32_t first, sampler_recipe *recipe,
                         noise_level *levels)
{
    const uint32_t steps = recipe->steps;
    schedule made;
    qs_status status = QS_OK;
    TRY(schedule_init(s, steps, &made));
    for (uint32_t i = 0; i < steps; ++i) {
        const bool last = i + 1 == steps;
        const bool second =
            s->levels.solver_order == 2 && i > first && !(last && lower_order_last(s, steps));
        row_dpmsolver(s, second ? made.sigmas[i - 1] : 0, made.sigmas[i], made.sigmas[i + 1],
                      made.timesteps[i], &recipe->rows[i]);
        recipe->rows[i].keep_x0 = s->levels.solver_order == 2 && !last;
        const solver_point here = solver_point_of(made.sigmas[i]);
        levels[i] = (noise_level){ here.alpha, here.sigma };
        TRY(row_check(&recipe->rows[i]));
    }
fail:
    return status;
}
