#include "engine.h"

#include "common/lora.h"
#include "options.h"
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

/* "640x512" */
static qs_status read_size(uint32_t *width, uint32_t *height)
{
    const char *text = cli_shared_options.size;
    char end = '\0';
    if (text && (strspn(text, "0123456789x") != strlen(text) ||
                 sscanf(text, "%5ux%5u%c", width, height, &end) != 2 || !*width || !*height))
        return app_error(QS_ERROR_USAGE, "--size wants WIDTHxHEIGHT in pixels, not '%s'", text);
    return QS_OK;
}

qs_status cli_engine_open_model(cli_engine *engine)
{
    qs_model_options options = { .variant = cli_shared_options.variant,
                                 .scheduler = cli_shared_options.scheduler,
                                 .decoder = cli_shared_options.decoder };
    const char *name = cli_shared_options.model ? cli_shared_options.model : QS_DEFAULT_MODEL;
    app_loras loras;
    qs_status status = QS_OK;
    TRY(read_size(&options.width, &options.height));
    TRY(app_loras_parse(cli_shared_options.loras, &loras));
    options.loras = loras.list;
    options.lora_count = loras.count;
    QS(qs_model_open_with(name, &options, &engine->model));
    qs_model_get_info(engine->model, &engine->info);
fail:
    return status;
}

qs_status cli_engine_open_device(cli_engine *engine)
{
    const qs_device_options options = { .select = cli_shared_options.device,
                                        .no_matrix = cli_shared_options.no_matrix };
    const qs_status status = app_library(qs_device_create(&options, &engine->device));
    if (status != QS_OK)
        return status;
    qs_device_get_info(engine->device, &engine->device_info);
    qs_device_on_prepare(engine->device, cli_progress_prepare, NULL);
    return QS_OK;
}

qs_status cli_engine_open(cli_engine *engine)
{
    const qs_status status = cli_engine_open_model(engine);
    return status == QS_OK ? cli_engine_open_device(engine) : status;
}

/* What takes less memory, of what was not done. */
static qs_status advise(const cli_engine *engine, qs_status status)
{
    const qs_session_options *o = &engine->options;
    const bool decoder = engine->info.decoder_parameter_count > 10000000; /* a tiny one has 1 M */
    const bool encoder = engine->info.prompt_tokens > 0 && !o->offload;
    char text[2048];
    snprintf(text, sizeof text, "%s", app_error_message());
    if (status != QS_ERROR_MEMORY || (o->precision == QS_F16 && !encoder && !decoder))
        return status;
    return app_error(status, "%s; less is taken with%s%s%s", text,
                     o->precision == QS_F16 ? "" : " --precision f16", encoder ? " --offload" : "",
                     decoder ? " --decoder tiny" : "");
}

/* With what the command line says of every session; the engine keeps it. */
static qs_session_options complete(cli_engine *engine, qs_session_options options)
{
    options.no_tune = cli_shared_options.no_tune;
    options.offload = cli_shared_options.offload;
    return engine->options = options;
}

qs_status cli_engine_plan(cli_engine *engine, qs_session_options options, qs_session_memory *memory)
{
    options = complete(engine, options);
    return app_library(qs_session_plan(engine->device, engine->model, &options, memory));
}

qs_status cli_engine_check(const cli_engine *engine, const qs_session_memory *memory)
{
    const uint64_t need = memory->weights_bytes + memory->arena_bytes + memory->state_bytes;
    if (need <= memory->available_bytes)
        return QS_OK;
    return advise(engine, app_error(QS_ERROR_MEMORY, "it needs %s on the device, there are %s",
                                    cli_bytes(need), cli_bytes(memory->available_bytes)));
}

qs_status cli_engine_start(cli_engine *engine, qs_session_options options)
{
    qs_status status = cli_precision(&options.precision);
    if (status != QS_OK)
        return status;
    qs_session_destroy(engine->session);
    engine->session = NULL;
    options = complete(engine, options);
    status =
        app_library(qs_session_create(engine->device, engine->model, &options, &engine->session));
    cli_progress_clear();
    return advise(engine, status);
}

void cli_engine_close(cli_engine *engine)
{
    qs_session_destroy(engine->session);
    qs_device_destroy(engine->device);
    qs_model_destroy(engine->model);
    *engine = (cli_engine){ 0 };
}

qs_status cli_precision(qs_precision *precision)
{
    const char *text = cli_shared_options.precision;
    if (text && strcmp(text, "f32") != 0 && strcmp(text, "f16") != 0)
        return app_error(QS_ERROR_USAGE, "--precision is f32 or f16, not '%s'", text);
    *precision = text && strcmp(text, "f16") == 0 ? QS_F16 : QS_F32;
    return QS_OK;
}

qs_status cli_label(const cli_engine *engine, const char *option, const char *text, int32_t *label)
{
    *label = -1;
    if (!text)
        return QS_OK;
    const uint32_t count = engine->info.label_count;
    if (count == 0)
        return app_error(QS_ERROR_USAGE, "%s: the model %s has no labels", option,
                         engine->info.name);
    cli_nearest nearest = { .word = text };
    for (uint32_t i = 0; i < count; i++) {
        const char *name = qs_model_label_name(engine->model, i);
        if (strcasecmp(name, text) == 0) {
            *label = (int32_t)i;
            return QS_OK;
        }
        cli_nearest_try(&nearest, name);
    }
    if (text[0] && strspn(text, "0123456789") == strlen(text)) {
        uint64_t number = 0;
        const qs_status status = cli_number(option, text, 0, count - 1, &number);
        *label = (int32_t)number;
        return status;
    }
    if (nearest.best)
        return app_error(QS_ERROR_USAGE, "%s: the model %s has no '%s'; did you mean '%s'?", option,
                         engine->info.name, text, nearest.best);
    return app_error(QS_ERROR_USAGE,
                     "%s: the model %s has no '%s'; 'quickstep inspect' lists its %u labels",
                     option, engine->info.name, text, count);
}

qs_status cli_sampler(const cli_engine *engine, const char *text, qs_sampler *sampler)
{
    *sampler = QS_SAMPLER_DEFAULT;
    if (!text || strcmp(text, "default") == 0)
        return QS_OK;
    const qs_status status = app_library(qs_sampler_parse(text, sampler));
    if (status != QS_OK)
        return status;
    return app_library(qs_model_check_sampler(engine->model, *sampler));
}

qs_status cli_rng(const char *text, qs_rng *rng)
{
    *rng = QS_RNG_PHILOX;
    return text ? app_library(qs_rng_parse(text, rng)) : QS_OK;
}

qs_status cli_seed(const char *text, uint64_t *seed)
{
    if (text)
        return cli_number("--seed", text, 0, UINT64_MAX, seed);
    uint32_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return app_error(QS_ERROR_OTHER, "no random number to be had; use --seed");
    *seed = random;
    return QS_OK;
}

double cli_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

const char *cli_bytes(uint64_t bytes)
{
    static char texts[4][32];
    static unsigned next;
    char *text = texts[next++ % 4];
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    double value = (double)bytes;
    int unit = 0;
    for (; value >= 1024.0 && unit < 4; unit++)
        value /= 1024.0;
    snprintf(text, sizeof texts[0], unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}
