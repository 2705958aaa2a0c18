/* What diffusers' schedulers over discrete timesteps have in scheduler_config.json. */
#include "model/betas.h"
#include "model/config_reader.h"

#include <math.h>
#include <string.h>

/* ---- betas ----------------------------------------------------------------------------------- */

typedef struct beta_range {
    beta_schedule schedule;
    double start, end;
} beta_range;

/* trained_betas: null or a number for every timestep. */
static qs_status read_trained_betas(config_reader *r, uint32_t count, float *betas, bool *found)
{
    static const char key[] = "trained_betas";
    const json_t *list = config_take(r, key);
    *found = list && !json_is_null(list);
    if (!*found)
        return QS_OK;
    if (!json_is_array(list) || json_array_size(list) != count)
        return config_refuse(r, key, list, "supported: null, or num_train_timesteps (%u) numbers",
                             count);
    for (uint32_t i = 0; i < count; i++) {
        const json_t *beta = json_array_get(list, i);
        const double value = json_number_value(beta);
        if (!json_is_number(beta) || !(value >= 0 && value <= 1))
            return config_refuse(r, key, beta, "supported: numbers from 0 to 1");
        betas[i] = (float)value;
    }
    return QS_OK;
}

static qs_status read_betas(config_reader *r, beta_range range, uint32_t count, float *betas,
                            bool *rescaled)
{
    static const char *const schedules[] = {
        [BETAS_LINEAR] = "linear",
        [BETAS_SCALED_LINEAR] = "scaled_linear",
        [BETAS_SQUAREDCOS_CAP_V2] = "squaredcos_cap_v2",
        NULL,
    };
    qs_status status = QS_OK;
    uint32_t schedule = range.schedule;
    bool trained = false;
    TRY(config_take_number(r, "beta_start", 0, 1, &range.start));
    TRY(config_take_number(r, "beta_end", 0, 1, &range.end));
    TRY(config_take_word(r, "beta_schedule", schedules, &schedule));
    TRY(read_trained_betas(r, count, betas, &trained));
    if (!trained)
        betas_make((beta_schedule)schedule, range.start, range.end, count, betas);
    TRY(config_take_bool(r, "rescale_betas_zero_snr", rescaled));
    if (*rescaled)
        betas_rescale_zero_snr(betas, count);
fail:
    return status;
}

static bool over_sigmas(const scheduler_config *s)
{
    return s->class == SCHEDULER_EULER || s->class == SCHEDULER_EULER_ANCESTRAL ||
           s->class == SCHEDULER_DPMSOLVER;
}

static qs_status read_alphas(config_reader *r, arena *arena, scheduler_config *s)
{
    static const beta_range usual = { BETAS_LINEAR, 0.0001, 0.02 };
    static const beta_range distilled = { BETAS_SCALED_LINEAR, 0.00085, 0.012 };
    const bool of_stable_diffusion = s->class == SCHEDULER_LCM || s->class == SCHEDULER_TCD;
    qs_status status = QS_OK;
    bool rescaled = false;
    s->num_train_timesteps = 1000;
    TRY(config_take_u32(r, "num_train_timesteps", 2, 100000, &s->num_train_timesteps));
    const uint32_t count = s->num_train_timesteps;
    float *betas = arena_alloc(arena, count, sizeof *betas);
    if (!betas)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory for %u betas", r->path, count);
    TRY(read_betas(r, of_stable_diffusion ? distilled : usual, count, betas, &rescaled));
    betas_to_alphas_cumprod(betas, count, betas);
    if (rescaled && over_sigmas(s))
        betas[count - 1] = 0x1p-24f; /* not 0, whose sigma is infinite */
    s->alphas_cumprod = betas;
fail:
    return status;
}

/* ---- words and switches that several classes have ------------------------------------------- */

static qs_status read_prediction(config_reader *r, scheduler_config *s)
{
    static const char *const predictions[] = { [PREDICT_EPSILON] = "epsilon",
                                               [PREDICT_V] = "v_prediction",
                                               [PREDICT_SAMPLE] = "sample",
                                               NULL };
    static const char *const ancestral[] = {
        [PREDICT_EPSILON] = "epsilon", [PREDICT_V] = "v_prediction", NULL
    };
    uint32_t prediction = PREDICT_EPSILON;
    const qs_status status = config_take_word(
        r, "prediction_type", s->class == SCHEDULER_EULER_ANCESTRAL ? ancestral : predictions,
        &prediction);
    s->prediction = (prediction_type)prediction;
    return status;
}

static qs_status read_spacing(config_reader *r, timestep_spacing usual, scheduler_config *s)
{
    static const char *const spacings[] = {
        [SPACING_LEADING] = "leading",
        [SPACING_TRAILING] = "trailing",
        [SPACING_LINSPACE] = "linspace",
        NULL,
    };
    qs_status status = QS_OK;
    uint32_t spacing = usual;
    TRY(config_take_word(r, "timestep_spacing", spacings, &spacing));
    TRY(config_take_u32(r, "steps_offset", 0, s->num_train_timesteps - 1, &s->steps_offset));
    s->spacing = (timestep_spacing)spacing;
fail:
    return status;
}

static qs_status read_thresholding(config_reader *r)
{
    bool thresholding = false;
    const qs_status status = config_take_bool(r, "thresholding", &thresholding);
    config_ignore(r, "dynamic_thresholding_ratio");
    config_ignore(r, "sample_max_value");
    if (status == QS_OK && thresholding)
        return config_refuse(r, "thresholding", json_true(), "supported: false");
    return status;
}

static qs_status read_clipping(config_reader *r, bool usual, scheduler_config *s)
{
    qs_status status = QS_OK;
    s->clip_sample = usual;
    s->clip_sample_range = 1;
    TRY(config_take_bool(r, "clip_sample", &s->clip_sample));
    TRY(config_take_number(r, "clip_sample_range", 1e-6, 1e6, &s->clip_sample_range));
    TRY(read_thresholding(r));
fail:
    return status;
}

/* A switch that must be off. */
static qs_status refuse_switch(config_reader *r, const char *key)
{
    bool on = false;
    const qs_status status = config_take_bool(r, key, &on);
    return status == QS_OK && on ? config_refuse(r, key, json_true(), "supported: false") : status;
}

/* ---- DDPMScheduler, DDIMScheduler ------------------------------------------------------------ */

/* predict_epsilon was DDPMScheduler's until prediction_type came (diffusers 0.8), and counts where
 * that is not said. */
static qs_status read_predict_epsilon(config_reader *r)
{
    bool predict_epsilon = true;
    const qs_status status = config_take_bool(r, "predict_epsilon", &predict_epsilon);
    if (status != QS_OK || predict_epsilon || json_object_get(r->root, "prediction_type"))
        return status;
    return config_refuse(r, "predict_epsilon", json_false(),
                         "supported: true; false is \"prediction_type\": \"sample\" today");
}

static qs_status read_ddpm_and_ddim(config_reader *r, scheduler_config *s)
{
    static const char *const variances[] = {
        [VARIANCE_FIXED_SMALL] = "fixed_small",
        [VARIANCE_FIXED_SMALL_LOG] = "fixed_small_log",
        [VARIANCE_FIXED_LARGE] = "fixed_large",
        [VARIANCE_FIXED_LARGE_LOG] = "fixed_large_log",
        NULL,
    };
    qs_status status = QS_OK;
    uint32_t variance = VARIANCE_FIXED_SMALL;
    s->set_alpha_to_one = true;
    TRY(read_clipping(r, true, s));
    TRY(read_spacing(r, SPACING_LEADING, s));
    TRY(read_predict_epsilon(r));
    TRY(config_take_word(r, "variance_type", variances, &variance));
    TRY(config_take_bool(r, "set_alpha_to_one", &s->set_alpha_to_one));
    s->variance = (variance_type)variance;
    config_ignore(r, "tensor_format"); /* of diffusers before 0.3 */
    config_ignore(r, "timestep_values");
fail:
    return status;
}

/* ---- LCMScheduler, TCDScheduler -------------------------------------------------------------- */

/* Arguments that both classes have and none of their functions reads: their timesteps are always
 * counted from original_inference_steps, and none is before 0. */
static void ignore_unread(config_reader *r, const scheduler_config *s)
{
    static const char *const both[] = { "timestep_spacing", "steps_offset", "set_alpha_to_one" };
    static const char *const tcd[] = { "clip_sample",      "clip_sample_range",
                                       "thresholding",     "timestep_scaling",
                                       "sample_max_value", "dynamic_thresholding_ratio" };
    for (size_t i = 0; i < sizeof both / sizeof *both; i++)
        config_ignore(r, both[i]);
    for (size_t i = 0; s->class == SCHEDULER_TCD && i < sizeof tcd / sizeof *tcd; i++)
        config_ignore(r, tcd[i]);
}

static qs_status read_lcm_and_tcd(config_reader *r, scheduler_config *s)
{
    qs_status status = QS_OK;
    s->original_inference_steps = 50;
    s->timestep_scaling = 10;
    TRY(config_take_u32(r, "original_inference_steps", 1, s->num_train_timesteps,
                        &s->original_inference_steps));
    if (s->original_inference_steps > s->num_train_timesteps) /* the default */
        TRY(config_refuse(r, "original_inference_steps", NULL,
                          "needed: at most the %u num_train_timesteps", s->num_train_timesteps));
    ignore_unread(r, s);
    if (s->class == SCHEDULER_LCM) {
        TRY(read_clipping(r, false, s));
        TRY(config_take_number(r, "timestep_scaling", 0, 1e6, &s->timestep_scaling));
    }
fail:
    return status;
}

/* ---- EulerDiscreteScheduler, EulerAncestralDiscreteScheduler, DPMSolverMultistepScheduler ---- */

/* null: 0, the schedule's own. */
static qs_status read_karras_end(config_reader *r, const char *key, double *out)
{
    if (!json_is_null(json_object_get(r->root, key)))
        return config_take_number(r, key, 1e-6, 1e6, out);
    config_ignore(r, key);
    return QS_OK;
}

/* What EulerDiscreteScheduler and DPMSolverMultistepScheduler share. sigma_min and sigma_max are
 * arguments of the first, but the second looks for them, too, among another class' keys. */
static qs_status read_levels(config_reader *r, scheduler_config *s)
{
    static const char *const ends[] = { "zero", "sigma_min", NULL };
    qs_status status = QS_OK;
    uint32_t end = 0;
    TRY(config_take_bool(r, "use_karras_sigmas", &s->levels.use_karras_sigmas));
    TRY(refuse_switch(r, "use_exponential_sigmas"));
    TRY(refuse_switch(r, "use_beta_sigmas"));
    TRY(read_karras_end(r, "sigma_min", &s->levels.sigma_min));
    TRY(read_karras_end(r, "sigma_max", &s->levels.sigma_max));
    TRY(config_take_word(r, "final_sigmas_type", ends, &end));
    s->levels.final_sigma_min = end != 0;
fail:
    return status;
}

static qs_status read_euler(config_reader *r, scheduler_config *s)
{
    static const char *const interpolations[] = { "linear", NULL };
    static const char *const types[] = { "discrete", "continuous", NULL };
    qs_status status = QS_OK;
    uint32_t unused = 0, type = 0;
    TRY(read_spacing(r, SPACING_LINSPACE, s));
    TRY(read_levels(r, s));
    TRY(config_take_word(r, "interpolation_type", interpolations, &unused));
    TRY(config_take_word(r, "timestep_type", types, &type));
    s->levels.continuous_timesteps = type == 1 && s->prediction == PREDICT_V;
fail:
    return status;
}

/* -Infinity, or a number below which no log-SNR of the schedule lies. */
static qs_status read_lambda_min(config_reader *r, const scheduler_config *s)
{
    static const char key[] = "lambda_min_clipped";
    const json_t *value = config_take(r, key);
    const char *word = json_string_value(value);
    if (!value || (word && strcmp(word, "-Infinity") == 0))
        return QS_OK;
    const double alpha = (double)s->alphas_cumprod[s->num_train_timesteps - 1];
    const double least = 0.5 * log(alpha / (1 - alpha));
    if (!json_is_number(value) || !(json_number_value(value) <= least))
        return config_refuse(r, key, value, "supported: at most %g, the least of these betas",
                             least);
    return QS_OK;
}

/* variance_type: that of DDPMScheduler is passed over, as diffusers does, which looks for "learned"
 * and "learned_range" only. */
static qs_status read_learned_variance(config_reader *r)
{
    static const char key[] = "variance_type";
    const json_t *value = config_take(r, key);
    const char *word = json_string_value(value);
    if (word && strncmp(word, "learned", 7) == 0)
        return config_refuse(r, key, value, "supported: null");
    return QS_OK;
}

static qs_status read_dpmsolver_words(config_reader *r)
{
    static const char *const algorithms[] = { "dpmsolver++", NULL };
    /* those of other solvers, which diffusers takes for midpoint, too */
    static const char *const solvers[] = { "midpoint", "logrho", "bh1", "bh2", NULL };
    qs_status status = QS_OK;
    uint32_t unused;
    TRY(config_take_word(r, "algorithm_type", algorithms, &unused));
    TRY(config_take_word(r, "solver_type", solvers, &unused));
    TRY(refuse_switch(r, "use_lu_lambdas"));
    TRY(refuse_switch(r, "use_flow_sigmas"));
    TRY(refuse_switch(r, "use_dynamic_shifting"));
    TRY(read_learned_variance(r));
    TRY(read_thresholding(r));
    config_ignore(r, "flow_shift");
    config_ignore(r, "time_shift_type");
fail:
    return status;
}

static qs_status read_dpmsolver(config_reader *r, scheduler_config *s)
{
    qs_status status = QS_OK;
    const char *betas = json_string_value(json_object_get(r->root, "beta_schedule"));
    s->levels.solver_order = 2;
    s->levels.lower_order_final = true;
    s->levels.whole_timesteps = !betas || strcmp(betas, "squaredcos_cap_v2") != 0;
    TRY(read_spacing(r, SPACING_LINSPACE, s));
    TRY(read_levels(r, s));
    TRY(config_take_u32(r, "solver_order", 1, 2, &s->levels.solver_order));
    TRY(config_take_bool(r, "lower_order_final", &s->levels.lower_order_final));
    TRY(config_take_bool(r, "euler_at_final", &s->levels.euler_at_final));
    TRY(read_dpmsolver_words(r));
    TRY(read_lambda_min(r, s));
fail:
    return status;
}

qs_status config_read_diffusion(config_reader *r, arena *arena, scheduler_config *s)
{
    qs_status status = QS_OK;
    TRY(read_alphas(r, arena, s));
    TRY(read_prediction(r, s));
    switch (s->class) {
    case SCHEDULER_LCM:
    case SCHEDULER_TCD: return read_lcm_and_tcd(r, s);
    case SCHEDULER_EULER: return read_euler(r, s);
    case SCHEDULER_EULER_ANCESTRAL: return read_spacing(r, SPACING_LINSPACE, s);
    case SCHEDULER_DPMSOLVER: return read_dpmsolver(r, s);
    default: return read_ddpm_and_ddim(r, s);
    }
fail:
    return status;
}
