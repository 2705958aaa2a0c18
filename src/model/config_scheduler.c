/* scheduler/scheduler_config.json. */
#include "model/betas.h"
#include "model/config_reader.h"

#include <string.h>

static const char *const classes[] = {
    [SCHEDULER_MULTISTEP] = "MultistepConsistencyScheduler",
    [SCHEDULER_CONSISTENCY] = "CMStochasticIterativeScheduler",
    [SCHEDULER_DDPM] = "DDPMScheduler",
    [SCHEDULER_DDIM] = "DDIMScheduler",
    NULL,
};

const char *scheduler_class_name(scheduler_class class)
{
    return classes[class];
}

qs_sampler scheduler_default_sampler(const scheduler_config *scheduler)
{
    static const qs_sampler samplers[] = {
        [SCHEDULER_MULTISTEP] = QS_SAMPLER_MULTISTEP,
        [SCHEDULER_CONSISTENCY] = QS_SAMPLER_CONSISTENCY,
        [SCHEDULER_DDPM] = QS_SAMPLER_DDPM,
        [SCHEDULER_DDIM] = QS_SAMPLER_DDIM,
    };
    return samplers[scheduler->class];
}

uint32_t scheduler_steps_max(const scheduler_config *scheduler)
{
    const uint32_t points = scheduler->num_train_timesteps;
    return scheduler->class == SCHEDULER_MULTISTEP || points > QS_STEPS_MAX ? QS_STEPS_MAX : points;
}

static qs_status require_number(config_reader *r, const char *key, double min, double max,
                                double *out)
{
    const qs_status status = config_require(r, key, "needed: a number");
    return status == QS_OK ? config_take_number(r, key, min, max, out) : status;
}

static qs_status require_word(config_reader *r, const char *key, const char *const *words)
{
    uint32_t unused = 0;
    const qs_status status = config_require(r, key, "needed: a word");
    return status == QS_OK ? config_take_word(r, key, words, &unused) : status;
}

static qs_status read_trained_steps(config_reader *r, scheduler_config *s)
{
    static const char key[] = "trained_steps";
    const json_t *list = config_take(r, key);
    if (!list)
        return QS_OK;
    if (!json_is_array(list) || json_array_size(list) > TRAINED_STEPS_MAX)
        return config_refuse(r, key, list, "supported: a list of at most %d step counts",
                             TRAINED_STEPS_MAX);
    s->trained_steps_count = (uint32_t)json_array_size(list);
    json_int_t previous = 0;
    for (uint32_t i = 0; i < s->trained_steps_count; i++) {
        const json_t *entry = json_array_get(list, i);
        const json_int_t steps = json_integer_value(entry);
        if (!json_is_integer(entry) || steps <= previous || steps > QS_STEPS_MAX)
            return config_refuse(r, key, list, "supported: 1 to %u, ascending", QS_STEPS_MAX);
        s->trained_steps[i] = (uint32_t)steps;
        previous = steps;
    }
    return QS_OK;
}

static qs_status read_multistep(config_reader *r, scheduler_config *s)
{
    static const char *const predictions[] = { "v_prediction", NULL };
    static const char *const schedules[] = { "interpolated_cosine", NULL };
    qs_status status = QS_OK;
    TRY(require_word(r, "prediction_type", predictions));
    TRY(require_word(r, "schedule", schedules));
    TRY(require_number(r, "image_size", 1, 65536, &s->image_size));
    TRY(require_number(r, "noise_size_low", 1, 65536, &s->noise_size_low));
    TRY(require_number(r, "noise_size_high", 1, 65536, &s->noise_size_high));
    TRY(require_number(r, "logsnr_min", -100, 0, &s->logsnr_min));
    TRY(require_number(r, "logsnr_max", 0, 100, &s->logsnr_max));
    TRY(require_number(r, "timestep_scale", 1e-3, 1e6, &s->timestep_scale));
    TRY(config_require(r, "clip_sample", "needed: true or false"));
    TRY(config_take_bool(r, "clip_sample", &s->clip_sample));
    TRY(read_trained_steps(r, s));
    if (s->noise_size_low > s->noise_size_high)
        TRY(qs_error(QS_ERROR_MODEL, "%s: noise_size_low %g is above noise_size_high %g", r->path,
                     s->noise_size_low, s->noise_size_high));
    if (s->logsnr_min >= s->logsnr_max)
        TRY(qs_error(QS_ERROR_MODEL, "%s: logsnr_min %g is not below logsnr_max %g", r->path,
                     s->logsnr_min, s->logsnr_max));
fail:
    return status;
}

static qs_status read_consistency(config_reader *r, scheduler_config *s)
{
    qs_status status = QS_OK;
    s->num_train_timesteps = 40;
    s->sigma_min = 0.002;
    s->sigma_max = 80;
    s->sigma_data = 0.5;
    s->s_noise = 1;
    s->rho = 7;
    s->clip_denoised = true;
    TRY(config_take_u32(r, "num_train_timesteps", 2, 100000, &s->num_train_timesteps));
    TRY(config_take_number(r, "sigma_min", 1e-6, 1e6, &s->sigma_min));
    TRY(config_take_number(r, "sigma_max", 1e-6, 1e6, &s->sigma_max));
    TRY(config_take_number(r, "sigma_data", 1e-6, 1e6, &s->sigma_data));
    TRY(config_take_number(r, "s_noise", 0, 1e3, &s->s_noise));
    TRY(config_take_number(r, "rho", 1e-2, 1e3, &s->rho));
    TRY(config_take_bool(r, "clip_denoised", &s->clip_denoised));
    if (s->sigma_min >= s->sigma_max)
        TRY(qs_error(QS_ERROR_MODEL, "%s: sigma_min %g is not below sigma_max %g", r->path,
                     s->sigma_min, s->sigma_max));
fail:
    return status;
}

/* ---- DDPMScheduler, DDIMScheduler --------------------------------------------------------------
 */

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

static qs_status read_betas(config_reader *r, uint32_t count, float *betas)
{
    static const char *const schedules[] = {
        [BETAS_LINEAR] = "linear",
        [BETAS_SCALED_LINEAR] = "scaled_linear",
        [BETAS_SQUAREDCOS_CAP_V2] = "squaredcos_cap_v2",
        NULL,
    };
    qs_status status = QS_OK;
    double start = 0.0001, end = 0.02;
    uint32_t schedule = BETAS_LINEAR;
    bool trained = false, rescale = false;
    TRY(config_take_number(r, "beta_start", 0, 1, &start));
    TRY(config_take_number(r, "beta_end", 0, 1, &end));
    TRY(config_take_word(r, "beta_schedule", schedules, &schedule));
    TRY(read_trained_betas(r, count, betas, &trained));
    if (!trained)
        betas_make((beta_schedule)schedule, start, end, count, betas);
    TRY(config_take_bool(r, "rescale_betas_zero_snr", &rescale));
    if (rescale)
        betas_rescale_zero_snr(betas, count);
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

static qs_status read_diffusion_words(config_reader *r, scheduler_config *s)
{
    static const char *const predictions[] = { [PREDICT_EPSILON] = "epsilon",
                                               [PREDICT_V] = "v_prediction",
                                               [PREDICT_SAMPLE] = "sample",
                                               NULL };
    static const char *const spacings[] = {
        [SPACING_LEADING] = "leading",
        [SPACING_TRAILING] = "trailing",
        [SPACING_LINSPACE] = "linspace",
        NULL,
    };
    static const char *const variances[] = {
        [VARIANCE_FIXED_SMALL] = "fixed_small",
        [VARIANCE_FIXED_SMALL_LOG] = "fixed_small_log",
        [VARIANCE_FIXED_LARGE] = "fixed_large",
        [VARIANCE_FIXED_LARGE_LOG] = "fixed_large_log",
        NULL,
    };
    qs_status status = QS_OK;
    uint32_t prediction = PREDICT_EPSILON, spacing = SPACING_LEADING;
    uint32_t variance = VARIANCE_FIXED_SMALL;
    TRY(config_take_word(r, "prediction_type", predictions, &prediction));
    TRY(config_take_word(r, "timestep_spacing", spacings, &spacing));
    TRY(config_take_word(r, "variance_type", variances, &variance));
    s->prediction = (prediction_type)prediction;
    s->spacing = (timestep_spacing)spacing;
    s->variance = (variance_type)variance;
fail:
    return status;
}

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

static qs_status read_diffusion(config_reader *r, arena *arena, scheduler_config *s)
{
    qs_status status = QS_OK;
    s->num_train_timesteps = 1000;
    s->clip_sample = true;
    s->clip_sample_range = 1;
    s->set_alpha_to_one = true;
    TRY(config_take_u32(r, "num_train_timesteps", 2, 100000, &s->num_train_timesteps));
    TRY(config_take_bool(r, "clip_sample", &s->clip_sample));
    TRY(config_take_number(r, "clip_sample_range", 1e-6, 1e6, &s->clip_sample_range));
    TRY(config_take_bool(r, "set_alpha_to_one", &s->set_alpha_to_one));
    TRY(config_take_u32(r, "steps_offset", 0, s->num_train_timesteps - 1, &s->steps_offset));
    TRY(read_diffusion_words(r, s));
    TRY(read_predict_epsilon(r));
    TRY(read_thresholding(r));
    config_ignore(r, "tensor_format"); /* of diffusers before 0.3 */
    config_ignore(r, "timestep_values");
    const uint32_t count = s->num_train_timesteps;
    float *betas = arena_alloc(arena, count, sizeof *betas);
    if (!betas)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory for %u betas", r->path, count);
    TRY(read_betas(r, count, betas));
    betas_to_alphas_cumprod(betas, count, betas);
    s->alphas_cumprod = betas;
fail:
    return status;
}

/* ---- the whole file -------------------------------------------------------------------------- */

static qs_status take_class(config_reader *r, scheduler_class *class)
{
    const json_t *value = config_take(r, "_class_name");
    const char *name = json_string_value(value);
    for (uint32_t i = 0; name && classes[i]; i++) {
        if (strcmp(name, classes[i]) == 0) {
            *class = (scheduler_class)i;
            return QS_OK;
        }
    }
    char list[256];
    config_list_words(classes, list, sizeof list);
    return config_refuse(
        r, "_class_name", value,
        "supported: %s; --scheduler names one of them, or a scheduler_config.json, "
        "to sample with instead",
        list);
}

qs_status config_parse_scheduler(const char *path, json_t *root, arena *arena,
                                 scheduler_config *scheduler)
{
    qs_status status = QS_OK;
    config_reader r;
    memset(scheduler, 0, sizeof *scheduler);
    TRY(config_reader_init(&r, path, root));
    TRY(config_require(&r, "_class_name", "needed: the scheduler's class"));
    TRY(take_class(&r, &scheduler->class));
    config_ignore_private(&r);
    switch (scheduler->class) {
    case SCHEDULER_MULTISTEP: TRY(read_multistep(&r, scheduler)); break;
    case SCHEDULER_CONSISTENCY: TRY(read_consistency(&r, scheduler)); break;
    case SCHEDULER_DDPM:
    case SCHEDULER_DDIM: TRY(read_diffusion(&r, arena, scheduler)); break;
    }
    if (scheduler->class == SCHEDULER_MULTISTEP) /* ours: no other program knows its keys */
        TRY(config_check_all_taken(&r));
    else
        config_pass_over_foreign(&r, scheduler_class_name(scheduler->class));
fail:
    config_reader_finish(&r);
    return status;
}
