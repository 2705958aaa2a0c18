/* scheduler/scheduler_config.json. */
#include "model/config_reader.h"

#include <string.h>

static const char *const classes[] = {
    [SCHEDULER_MULTISTEP] = "MultistepConsistencyScheduler",
    [SCHEDULER_CONSISTENCY] = "CMStochasticIterativeScheduler",
    [SCHEDULER_DDPM] = "DDPMScheduler",
    [SCHEDULER_DDIM] = "DDIMScheduler",
    [SCHEDULER_LCM] = "LCMScheduler",
    [SCHEDULER_TCD] = "TCDScheduler",
    [SCHEDULER_EULER] = "EulerDiscreteScheduler",
    [SCHEDULER_EULER_ANCESTRAL] = "EulerAncestralDiscreteScheduler",
    [SCHEDULER_DPMSOLVER] = "DPMSolverMultistepScheduler",
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
        [SCHEDULER_LCM] = QS_SAMPLER_LCM,
        [SCHEDULER_TCD] = QS_SAMPLER_TCD,
        [SCHEDULER_EULER] = QS_SAMPLER_EULER,
        [SCHEDULER_EULER_ANCESTRAL] = QS_SAMPLER_EULER_ANCESTRAL,
        [SCHEDULER_DPMSOLVER] = QS_SAMPLER_DPMSOLVER,
    };
    return samplers[scheduler->class];
}

uint32_t scheduler_steps_max(const scheduler_config *scheduler)
{
    uint32_t most = scheduler->num_train_timesteps;
    switch (scheduler->class) {
    case SCHEDULER_MULTISTEP: most = QS_STEPS_MAX; break;
    case SCHEDULER_LCM:
    case SCHEDULER_TCD: most = scheduler->original_inference_steps; break;
    case SCHEDULER_DPMSOLVER: --most; break; /* its spacing counts one step more */
    default: break;
    }
    return most < QS_STEPS_MAX ? most : QS_STEPS_MAX;
}

/* No file says that a model is distilled but its scheduler's: LCM's and TCD's are for such models
 * only, and Euler's has trailing timesteps in those that go by the last noise level alone
 * (SD-Turbo, SDXL-Turbo; the others' are leading or linspace). */
bool scheduler_is_distilled(const scheduler_config *scheduler)
{
    switch (scheduler->class) {
    case SCHEDULER_LCM:
    case SCHEDULER_TCD: return true;
    case SCHEDULER_EULER:
    case SCHEDULER_EULER_ANCESTRAL: return scheduler->spacing == SPACING_TRAILING;
    default: return false;
    }
}

uint32_t scheduler_default_steps(const scheduler_config *scheduler, bool reads)
{
    enum { FEW = 4, PLAIN = 50 };
    uint32_t steps = PLAIN;
    switch (scheduler->class) {
    case SCHEDULER_MULTISTEP:
    case SCHEDULER_CONSISTENCY:
    case SCHEDULER_LCM:
    case SCHEDULER_TCD: steps = FEW; break;
    default: steps = reads && scheduler_is_distilled(scheduler) ? 1 : PLAIN; break;
    }
    const uint32_t most = scheduler_steps_max(scheduler);
    return steps < most ? steps : most;
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
    char list[512];
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
    default: TRY(config_read_diffusion(&r, arena, scheduler));
    }
    if (scheduler->class == SCHEDULER_MULTISTEP) /* ours: no other program knows its keys */
        TRY(config_check_all_taken(&r));
    else
        config_pass_over_foreign(&r, scheduler_class_name(scheduler->class));
fail:
    config_reader_finish(&r);
    return status;
}
