#include "request.h"

#include "../options.h"
#include "common/recipe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

serve_request serve_request_default(const cli_engine *engine)
{
    serve_request request = {
        .steps = engine->info.default_steps, .scale = 1, .label = -1, .label_to = -1, .mix = 0.5f
    };
    const char *example = qs_model_example(engine->model, 0);
    if (example)
        snprintf(request.prompt, sizeof request.prompt, "%s", example);
    return request;
}

/* A value as text: a string's own, a number's digits. */
static const char *value_text(const json_t *value, char *digits, size_t size)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        snprintf(digits, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(digits, size, "%.9g", json_real_value(value));
    else
        return NULL;
    return digits;
}

static qs_status read_words(const cli_engine *engine, const char *key, const char *text,
                            char *words)
{
    if (engine->info.prompt_tokens == 0)
        return app_error(QS_ERROR_USAGE, "%s: the model %s reads no prompts", key,
                         engine->info.name);
    if (strlen(text) >= SERVE_WORDS_SIZE)
        return app_error(QS_ERROR_USAGE, "%s: at most %d bytes", key, SERVE_WORDS_SIZE - 1);
    if (!app_recipe_holds(text))
        return app_error(QS_ERROR_USAGE, "%s has control characters", key);
    snprintf(words, SERVE_WORDS_SIZE, "%s", text);
    return QS_OK;
}

static qs_status read_label_to(const cli_engine *engine, const char *text, int32_t *label)
{
    if (text[0])
        return cli_label(engine, "label_to", text, label);
    *label = -1;
    return QS_OK;
}

static qs_status read_guidance(const cli_engine *engine, const char *text, serve_request *request)
{
    const qs_model_info *info = &engine->info;
    const qs_status status = cli_real("guidance", text, 1, QS_GUIDANCE_MAX, &request->guidance);
    if (status != QS_OK)
        return status;
    if (info->prompt_tokens == 0 ||
        (request->guidance > 1 && !info->embeds_guidance && !engine->options.guided))
        return app_error(QS_ERROR_USAGE, "guidance: the model %s takes none", info->name);
    return QS_OK;
}

static qs_status read_value(const cli_engine *engine, const char *key, const char *text,
                            serve_request *r)
{
    if (strcmp(key, "steps") == 0)
        return cli_count(key, text, 1, engine->info.steps_max, &r->steps);
    if (strcmp(key, "scale") == 0)
        return cli_count(key, text, 1, SERVE_SCALE_MAX, &r->scale);
    if (strcmp(key, "seed") == 0)
        return cli_number(key, text, 0, UINT64_MAX, &r->seed);
    if (strcmp(key, "label") == 0)
        return cli_label(engine, key, text, &r->label);
    if (strcmp(key, "label_to") == 0)
        return read_label_to(engine, text, &r->label_to);
    if (strcmp(key, "mix") == 0)
        return cli_real(key, text, 0, 1, &r->mix);
    if (strcmp(key, "sampler") == 0)
        return cli_sampler(engine, text, &r->sampler);
    if (strcmp(key, "prompt") == 0)
        return read_words(engine, key, text, r->prompt);
    if (strcmp(key, "prompt_to") == 0)
        return read_words(engine, key, text, r->prompt_to);
    if (strcmp(key, "negative") == 0 && !engine->options.guided)
        return app_error(QS_ERROR_USAGE, "negative: the model %s takes none", engine->info.name);
    if (strcmp(key, "negative") == 0)
        return read_words(engine, key, text, r->negative);
    if (strcmp(key, "guidance") == 0)
        return read_guidance(engine, text, r);
    return app_error(QS_ERROR_USAGE,
                     "%.40s: no such key; there are steps, seed, label, label_to, prompt, "
                     "prompt_to, mix, negative, guidance, sampler and scale",
                     key);
}

qs_status serve_request_read(const cli_engine *engine, const json_t *object, serve_request *request)
{
    serve_request changed = *request;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        char digits[32];
        const char *text = value_text(value, digits, sizeof digits);
        if (!text)
            return app_error(QS_ERROR_USAGE, "%.40s: neither text nor a number", key);
        const qs_status status = read_value(engine, key, text, &changed);
        if (status != QS_OK)
            return status;
    }
    *request = changed;
    return QS_OK;
}

json_t *serve_request_json(const cli_engine *engine, const serve_request *request)
{
    const qs_model_info *info = &engine->info;
    const qs_sampler sampler =
        request->sampler == QS_SAMPLER_DEFAULT ? info->default_sampler : request->sampler;
    const uint32_t label = request->label >= 0 ? (uint32_t)request->label : info->default_label;
    char seed[24];
    snprintf(seed, sizeof seed, "%" PRIu64, request->seed); /* JSON's numbers are too small */
    json_t *object =
        json_pack("{s:I, s:s, s:I, s:s}", "steps", (json_int_t)request->steps, "seed", seed,
                  "scale", (json_int_t)request->scale, "sampler", qs_sampler_name(sampler));
    if (object && info->label_count > 0) {
        const int32_t to = request->label_to;
        json_object_set_new(object, "label",
                            json_string(qs_model_label_name(engine->model, label)));
        json_object_set_new(
            object, "label_to",
            json_string(to >= 0 ? qs_model_label_name(engine->model, (uint32_t)to) : ""));
    }
    if (object && info->prompt_tokens > 0) {
        const float scale = request->guidance > 0 ? request->guidance : info->default_guidance;
        json_object_set_new(object, "prompt", json_string(request->prompt));
        json_object_set_new(object, "prompt_to", json_string(request->prompt_to));
        json_object_set_new(object, "guidance", json_real((double)scale));
    }
    if (object && (info->label_count > 0 || info->prompt_tokens > 0))
        json_object_set_new(object, "mix", json_real((double)request->mix));
    if (object && engine->options.guided)
        json_object_set_new(object, "negative", json_string(request->negative));
    return object;
}

qs_recipe serve_request_recipe(const cli_engine *engine, const serve_request *request)
{
    const bool reads = engine->info.prompt_tokens > 0;
    const bool words_to = reads && request->prompt_to[0], label_to = request->label_to >= 0;
    return (qs_recipe){ .steps = request->steps,
                        .sampler = request->sampler,
                        .seed = request->seed,
                        .labels = request->label >= 0 ? &request->label : NULL,
                        .labels_to = label_to ? &request->label_to : NULL,
                        .prompt = reads ? request->prompt : NULL,
                        .prompt_to = words_to ? request->prompt_to : NULL,
                        .mix = words_to || label_to ? request->mix : 0,
                        .negative = reads && request->negative[0] ? request->negative : NULL,
                        .guidance = request->guidance };
}
