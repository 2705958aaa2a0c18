#include "sampler/sampler.h"

#include "core/philox.h"
#include "core/torch_rng.h"
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const sampler_names[] = {
    [QS_SAMPLER_DEFAULT] = "default",
    [QS_SAMPLER_MULTISTEP] = "multistep",
    [QS_SAMPLER_DDIM] = "ddim",
    [QS_SAMPLER_ADDIM] = "addim",
    [QS_SAMPLER_CONSISTENCY] = "consistency",
    [QS_SAMPLER_DDPM] = "ddpm",
    [QS_SAMPLER_LCM] = "lcm",
    [QS_SAMPLER_TCD] = "tcd",
    [QS_SAMPLER_EULER] = "euler",
    [QS_SAMPLER_EULER_ANCESTRAL] = "euler_ancestral",
    [QS_SAMPLER_DPMSOLVER] = "dpmsolver",
};

enum { SAMPLER_COUNT = sizeof sampler_names / sizeof *sampler_names };

static const char *const rng_names[] = { [QS_RNG_PHILOX] = "philox", [QS_RNG_TORCH] = "torch" };

enum { RNG_COUNT = sizeof rng_names / sizeof *rng_names };

/* What each class of scheduler runs. */
static const qs_sampler class_samplers[][4] = {
    [SCHEDULER_MULTISTEP] = { QS_SAMPLER_MULTISTEP, QS_SAMPLER_DDIM, QS_SAMPLER_ADDIM },
    [SCHEDULER_CONSISTENCY] = { QS_SAMPLER_CONSISTENCY },
    [SCHEDULER_DDPM] = { QS_SAMPLER_DDPM, QS_SAMPLER_DDIM },
    [SCHEDULER_DDIM] = { QS_SAMPLER_DDIM, QS_SAMPLER_DDPM },
    [SCHEDULER_LCM] = { QS_SAMPLER_LCM },
    [SCHEDULER_TCD] = { QS_SAMPLER_TCD },
    [SCHEDULER_EULER] = { QS_SAMPLER_EULER },
    [SCHEDULER_EULER_ANCESTRAL] = { QS_SAMPLER_EULER_ANCESTRAL },
    [SCHEDULER_DPMSOLVER] = { QS_SAMPLER_DPMSOLVER },
};

const char *qs_sampler_name(qs_sampler sampler)
{
    return (size_t)sampler < SAMPLER_COUNT ? sampler_names[sampler] : "unknown";
}

qs_status qs_sampler_parse(const char *name, qs_sampler *sampler)
{
    if (!name || !sampler)
        return qs_error(QS_ERROR_USAGE, "qs_sampler_parse: %s is NULL", name ? "sampler" : "name");
    for (size_t i = 0; i < SAMPLER_COUNT; ++i) {
        if (strcmp(name, sampler_names[i]) == 0) {
            *sampler = (qs_sampler)i;
            return QS_OK;
        }
    }
    return qs_error(
        QS_ERROR_USAGE,
        "sampler \"%s\" is unknown: default, multistep, ddim, addim, consistency, ddpm, "
        "lcm, tcd, euler, euler_ancestral, dpmsolver",
        name);
}

const char *qs_rng_name(qs_rng rng)
{
    return (size_t)rng < RNG_COUNT ? rng_names[rng] : "unknown";
}

qs_status qs_rng_parse(const char *name, qs_rng *rng)
{
    if (!name || !rng)
        return qs_error(QS_ERROR_USAGE, "qs_rng_parse: %s is NULL", name ? "rng" : "name");
    for (size_t i = 0; i < RNG_COUNT; ++i) {
        if (strcmp(name, rng_names[i]) == 0) {
            *rng = (qs_rng)i;
            return QS_OK;
        }
    }
    return qs_error(QS_ERROR_USAGE, "rng \"%s\" is unknown: philox, torch", name);
}

qs_sampler sampler_resolve(const scheduler_config *scheduler, qs_sampler sampler)
{
    return sampler != QS_SAMPLER_DEFAULT ? sampler : scheduler_default_sampler(scheduler);
}

qs_status sampler_check(const scheduler_config *scheduler, qs_sampler sampler)
{
    if ((size_t)sampler >= SAMPLER_COUNT)
        return qs_error(QS_ERROR_USAGE, "sampler %d is unknown", (int)sampler);
    const qs_sampler *runs = class_samplers[scheduler->class];
    char list[64] = "";
    for (size_t i = 0; runs[i] != QS_SAMPLER_DEFAULT; ++i) {
        if (runs[i] == sampler_resolve(scheduler, sampler))
            return QS_OK;
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", sampler_names[runs[i]]);
    }
    return qs_error(QS_ERROR_USAGE, "sampler \"%s\": this model has %s, which runs %s",
                    sampler_names[sampler], scheduler_class_name(scheduler->class), list);
}

qs_status qs_model_noise(const qs_model *model, qs_rng rng, uint64_t seed, float *noise)
{
    if (!model || !noise)
        return qs_error(QS_ERROR_USAGE, "qs_model_noise: model and noise must not be NULL");
    if (rng != QS_RNG_PHILOX && rng != QS_RNG_TORCH)
        return qs_error(QS_ERROR_USAGE, "rng %d is neither QS_RNG_PHILOX nor QS_RNG_TORCH",
                        (int)rng);
    const model_extent size = model_latent_extent(&model->config);
    const size_t pixels = (size_t)size.h * size.w, count = pixels * size.c;
    if (rng == QS_RNG_TORCH) {
        torch_rng generator;
        torch_rng_seed(&generator, seed);
        torch_rng_normals(&generator, count, noise);
        return QS_OK;
    }
    float *drawn = malloc(count * sizeof *drawn); /* [h, w, c] */
    if (!drawn)
        return qs_error(QS_ERROR_MEMORY, "no host memory for noise");
    noise_normals(seed, 0, 0, count, drawn);
    for (size_t i = 0; i < count; ++i)
        noise[i % size.c * pixels + i / size.c] = drawn[i];
    free(drawn);
    return QS_OK;
}

qs_status qs_model_check_sampler(const qs_model *model, qs_sampler sampler)
{
    if (!model)
        return qs_error(QS_ERROR_USAGE, "qs_model_check_sampler: model must not be NULL");
    return sampler_check(&model->config.scheduler, sampler);
}
