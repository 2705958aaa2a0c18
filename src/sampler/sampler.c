#include "sampler/sampler.h"

#include <string.h>

static const char *const sampler_names[] = {
    [QS_SAMPLER_DEFAULT] = "default",
    [QS_SAMPLER_MULTISTEP] = "multistep",
    [QS_SAMPLER_DDIM] = "ddim",
    [QS_SAMPLER_ADDIM] = "addim",
    [QS_SAMPLER_CONSISTENCY] = "consistency",
};

enum { SAMPLER_COUNT = sizeof sampler_names / sizeof *sampler_names };

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
    return qs_error(QS_ERROR_USAGE,
                    "sampler \"%s\" is unknown: default, multistep, ddim, addim, consistency",
                    name);
}

qs_sampler sampler_resolve(const scheduler_config *scheduler, qs_sampler sampler)
{
    if (sampler != QS_SAMPLER_DEFAULT)
        return sampler;
    return scheduler->class == SCHEDULER_CONSISTENCY ? QS_SAMPLER_CONSISTENCY
                                                     : QS_SAMPLER_MULTISTEP;
}

qs_status sampler_check(const scheduler_config *scheduler, qs_sampler sampler)
{
    if ((size_t)sampler >= SAMPLER_COUNT)
        return qs_error(QS_ERROR_USAGE, "sampler %d is unknown", (int)sampler);
    const bool wanted = sampler_resolve(scheduler, sampler) == QS_SAMPLER_CONSISTENCY;
    const bool have = scheduler->class == SCHEDULER_CONSISTENCY;
    if (wanted && !have)
        return qs_error(QS_ERROR_USAGE,
                        "sampler \"%s\" needs a model with CMStochasticIterativeScheduler; this "
                        "one has MultistepConsistencyScheduler: multistep, ddim or addim",
                        qs_sampler_name(sampler));
    if (!wanted && have)
        return qs_error(QS_ERROR_USAGE,
                        "sampler \"%s\" needs a model with MultistepConsistencyScheduler; this "
                        "one has CMStochasticIterativeScheduler: consistency",
                        qs_sampler_name(sampler));
    return QS_OK;
}
