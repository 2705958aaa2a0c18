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

/* sigma in float, as diffusers has it: sigma - sigma_min is a difference of equals at the end. */
void row_consistency(const scheduler_config *scheduler, double sigma, double sigma_next,
                     sampler_row *row)
{
    const float rounded = (float)sigma, least = (float)scheduler->sigma_min;
    const double data = scheduler->sigma_data, above = rounded - least;
    const double norm = sqrt((double)rounded * rounded + data * data);
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

/* t = 1, (N-1)/N .. 1/N; step by step to s = t - 1/N, the start of the segment (algorithm 2). From
 * a picture: the first t is the strength, within its segment, and the steps are those from there.
 */
static void diffusion_rows(const scheduler_config *scheduler, bool segments, bool adjusted,
                           double strength, sampler_recipe *recipe, noise_level *levels)
{
    const uint32_t steps = recipe->steps, left = (uint32_t)ceil(strength * steps - 1e-9);
    for (uint32_t i = 0; i < left; ++i) {
        sampler_row *row = &recipe->rows[i];
        const double t = i == 0 ? strength : (double)(left - i) / steps;
        const double s = (double)(left - i - 1) / steps;
        double alpha, sigma;
        schedule_alpha_sigma(scheduler, t, &alpha, &sigma);
        levels[i] = (noise_level){ (float)alpha, (float)sigma };
        if (i + 1 < left)
            row_hop(scheduler, t, s, adjusted, row);
        else
            row_finish(scheduler, t, row);
        row->segment = segments ? (float)(scheduler->timestep_scale * (t - s)) : 0;
    }
    recipe->steps = left;
}

/*
 * Which point of the training grid a step visits: of the caller's list, which starts with the last;
 * of two steps, the points that the model's authors found best; otherwise 0, r, 2r .. with
 * r = floor(points / N), as CMStochasticIterativeScheduler.set_timesteps(num_inference_steps=N).
 */
static uint32_t consistency_index(const scheduler_config *scheduler, const qs_recipe *wanted,
                                  uint32_t steps, uint32_t step)
{
    if (wanted->timesteps)
        return wanted->timesteps[steps - 1 - step];
    if (steps == 2 && step == 1 && scheduler->two_step_index)
        return scheduler->two_step_index;
    return scheduler->num_train_timesteps / steps * step;
}

static qs_status check_timesteps(const scheduler_config *scheduler, const qs_recipe *wanted,
                                 uint32_t steps)
{
    uint32_t below = scheduler->num_train_timesteps;
    for (uint32_t i = 0; i < steps; ++i) {
        if (wanted->timesteps[i] >= below)
            return qs_error(QS_ERROR_USAGE,
                            "timestep %u: they must descend, below the model's %u noise levels",
                            wanted->timesteps[i], scheduler->num_train_timesteps);
        below = wanted->timesteps[i];
    }
    return QS_OK;
}

static void consistency_rows(const scheduler_config *scheduler, const qs_recipe *wanted,
                             sampler_recipe *recipe, noise_level *levels)
{
    const uint32_t steps = recipe->steps;
    recipe->initial_scale = (float)scheduler->sigma_max;
    for (uint32_t step = 0; step < steps; ++step) {
        const uint32_t index = consistency_index(scheduler, wanted, steps, step);
        const double sigma_next =
            step + 1 < steps ? schedule_karras_sigma(
                                   scheduler, consistency_index(scheduler, wanted, steps, step + 1))
                             : scheduler->sigma_min;
        const double sigma = schedule_karras_sigma(scheduler, index);
        row_consistency(scheduler, sigma, sigma_next, &recipe->rows[step]);
        levels[step] = (noise_level){ 1, (float)sigma };
        recipe->rows[step].draw = step + 1 < steps ? 1 + step : 0;
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

/* The options that only some samplers have. */
static qs_status check_options(const scheduler_config *scheduler, qs_sampler sampler,
                               const qs_recipe *wanted)
{
    const scheduler_class class = scheduler->class;
    const bool ddim = sampler == QS_SAMPLER_DDIM && class != SCHEDULER_MULTISTEP;
    const bool takes_timesteps =
        sampler == QS_SAMPLER_CONSISTENCY || sampler == QS_SAMPLER_LCM || sampler == QS_SAMPLER_TCD;
    if (!(wanted->eta >= 0 && wanted->eta <= 1))
        return qs_error(QS_ERROR_USAGE, "eta is %g: 0 to 1 are possible", (double)wanted->eta);
    if (wanted->eta > 0 && !ddim && sampler != QS_SAMPLER_TCD)
        return qs_error(QS_ERROR_USAGE,
                        "eta is for the sampler ddim and models with DDIMScheduler or "
                        "DDPMScheduler, and for tcd; this is %s with %s",
                        qs_sampler_name(sampler), scheduler_class_name(class));
    if (wanted->timesteps && !takes_timesteps)
        return qs_error(QS_ERROR_USAGE,
                        "timesteps are for the samplers consistency, lcm and tcd, not %s",
                        qs_sampler_name(sampler));
    return QS_OK;
}

static qs_status check_steps(const scheduler_config *scheduler, uint32_t steps)
{
    const uint32_t most = scheduler_steps_max(scheduler);
    if (steps >= 1 && steps <= most)
        return QS_OK;
    if (most == RECIPE_STEPS_MAX)
        return qs_error(QS_ERROR_USAGE, "%u steps: 1 to %u are possible", steps, most);
    if (scheduler->class == SCHEDULER_LCM || scheduler->class == SCHEDULER_TCD)
        return qs_error(QS_ERROR_USAGE,
                        "%u steps: this model was distilled on %u (original_inference_steps), no "
                        "more steps are possible",
                        steps, most);
    return qs_error(QS_ERROR_USAGE,
                    "%u steps: this model was trained on %u noise levels, no more than %u steps "
                    "are possible",
                    steps, scheduler->num_train_timesteps, most);
}

static qs_status timestep_rows(const scheduler_config *scheduler, qs_sampler sampler,
                               const qs_recipe *wanted, sampler_row *rows)
{
    const uint32_t steps = wanted->steps;
    switch (sampler) {
    case QS_SAMPLER_DDPM: return rows_ddpm(scheduler, steps, rows);
    case QS_SAMPLER_LCM: return rows_lcm(scheduler, steps, wanted->timesteps, rows);
    case QS_SAMPLER_TCD: return rows_tcd(scheduler, steps, wanted->timesteps, wanted->eta, rows);
    default: return rows_ddim(scheduler, steps, wanted->eta, rows);
    }
}

/* All rows, of which those from `first` on will run. */
static qs_status class_rows(const scheduler_config *scheduler, bool has_segments,
                            qs_sampler sampler, const qs_recipe *wanted, uint32_t first,
                            sampler_recipe *recipe, noise_level *levels)
{
    const bool multistep = sampler == QS_SAMPLER_MULTISTEP;
    qs_status status = QS_OK;
    switch (scheduler->class) {
    case SCHEDULER_CONSISTENCY: consistency_rows(scheduler, wanted, recipe, levels); break;
    case SCHEDULER_EULER:
    case SCHEDULER_EULER_ANCESTRAL: return rows_euler(scheduler, recipe, levels);
    case SCHEDULER_DPMSOLVER: return rows_dpmsolver(scheduler, first, recipe, levels);
    case SCHEDULER_MULTISTEP:
        if (multistep && !has_segments)
            warn_untrained(scheduler, wanted->steps);
        diffusion_rows(scheduler, multistep && has_segments, sampler == QS_SAMPLER_ADDIM,
                       edit_strength(wanted), recipe, levels);
        break;
    default:
        TRY(timestep_rows(scheduler, sampler, wanted, recipe->rows));
        levels_of_timesteps(scheduler, recipe->rows, wanted->steps, levels);
    }
fail:
    return status;
}

qs_status sampler_rows(const scheduler_config *scheduler, bool has_segments,
                       const qs_recipe *wanted, sampler_recipe *recipe)
{
    const bool continuous = scheduler->class == SCHEDULER_MULTISTEP; /* it begins at any time */
    noise_level levels[RECIPE_STEPS_MAX + 1];
    uint32_t first = 0;
    qs_status status = QS_OK;
    TRY(check_steps(scheduler, wanted->steps));
    TRY(sampler_check(scheduler, wanted->sampler));
    const qs_sampler sampler = sampler_resolve(scheduler, wanted->sampler);
    TRY(check_options(scheduler, sampler, wanted));
    TRY(edit_check(wanted));
    if (!continuous)
        TRY(edit_first_row(wanted, &first));
    recipe->steps = wanted->steps;
    recipe->initial_scale = 1;
    recipe->initial_known = 0;
    if (wanted->timesteps)
        TRY(check_timesteps(scheduler, wanted, recipe->steps));
    TRY(class_rows(scheduler, has_segments, sampler, wanted, first, recipe, levels));
    levels[recipe->steps] = (noise_level){ 1, 0 };
    if (wanted->init)
        edit_rows(wanted, first, levels, scheduler->class == SCHEDULER_CONSISTENCY, recipe);
fail:
    return status;
}
