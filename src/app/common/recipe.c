#include "common/recipe.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text fields: one table for writing and reading. */
static const struct {
    const char *key;
    size_t offset, size;
    bool required;
} text_fields[] = {
#define FIELD(name, required)                                                                      \
    {                                                                                              \
#name, offsetof(app_recipe, name), sizeof((app_recipe *)0)->name, required                 \
    }
    FIELD(command, true),    FIELD(version, true),        FIELD(model, true),
    FIELD(label, false),     FIELD(sampler, true),        FIELD(precision, true),
    FIELD(noise, false),     FIELD(device, false),        FIELD(driver, false),
    FIELD(rng, false),       FIELD(timesteps, false),     FIELD(to, false),
    FIELD(at, false),        FIELD(scheduler, false),     FIELD(prompt, false),
    FIELD(negative, false),  FIELD(prompt_to, false),     FIELD(decoder, false),
    FIELD(init, false),      FIELD(init_hash, false),     FIELD(mask, false),
    FIELD(mask_hash, false), FIELD(fit, false),           FIELD(variant, false),
    FIELD(size, false),      FIELD(prompt_2, false),      FIELD(negative_2, false),
    FIELD(crop, false),      FIELD(original_size, false), FIELD(label_to, false),
#undef FIELD
};
enum { TEXT_FIELD_COUNT = sizeof text_fields / sizeof text_fields[0] };

/* White space on one line; a tokenizer sees no difference. */
static void copy_words(char *to, const char *words)
{
    snprintf(to, APP_PROMPT_SIZE, "%s", words ? words : "");
    for (; *to; to++)
        if ((unsigned char)*to < 0x20)
            *to = ' ';
}

static void copy_option(char *to, size_t size, const char *option)
{
    snprintf(to, size, "%s", option ? option : "");
}

void app_recipe_opened_with(app_recipe *recipe, const qs_model *model)
{
    const qs_model_options *o = qs_model_opened_with(model);
    copy_option(recipe->variant, sizeof recipe->variant, o->variant);
    copy_option(recipe->scheduler, sizeof recipe->scheduler, o->scheduler);
    copy_option(recipe->decoder, sizeof recipe->decoder, o->decoder);
    if (o->width)
        snprintf(recipe->size, sizeof recipe->size, "%" PRIu32 "x%" PRIu32, o->width, o->height);
    for (uint32_t i = 0; i < o->lora_count && i < APP_LORAS_MAX; i++, recipe->lora_count++)
        snprintf(recipe->loras[i], sizeof recipe->loras[0], "%s:%.9g", o->loras[i].path,
                 (double)o->loras[i].scale);
}

static void copy_label(char to[128], const qs_model *model, int32_t label)
{
    qs_model_info info;
    qs_model_get_info(model, &info);
    snprintf(to, sizeof((app_recipe *)0)->label, "%s",
             qs_model_label_name(model, label < 0 ? info.default_label : (uint32_t)label));
}

void app_recipe_init(app_recipe *recipe, const qs_model *model, const qs_device *device,
                     qs_precision precision, const qs_recipe *drawn)
{
    qs_model_info info;
    qs_model_get_info(model, &info);
    qs_device_info device_info;
    qs_device_get_info(device, &device_info);
    *recipe = (app_recipe){ .command = "sample", .seed = drawn->seed, .count = 1, .scale = 1 };
    snprintf(recipe->version, sizeof recipe->version, "%s", qs_version());
    snprintf(recipe->model, sizeof recipe->model, "%s", info.name);
    app_recipe_opened_with(recipe, model);
    snprintf(recipe->steps, sizeof recipe->steps, "%" PRIu32, drawn->steps ? drawn->steps : 1);
    if (info.label_count > 0)
        copy_label(recipe->label, model, drawn->labels ? drawn->labels[0] : -1);
    if (drawn->labels_to)
        copy_label(recipe->label_to, model, drawn->labels_to[0]);
    recipe->blended = drawn->labels_to || drawn->prompt_to;
    recipe->mix = (double)drawn->mix;
    if (info.prompt_tokens > 0) {
        copy_words(recipe->prompt, drawn->prompt);
        copy_words(recipe->negative, drawn->negative);
        copy_words(recipe->prompt_to, drawn->prompt_to);
        copy_words(recipe->prompt_2, drawn->prompt_2);
        copy_words(recipe->negative_2, drawn->negative_2);
        recipe->negative_given = drawn->negative != NULL;
        recipe->guidance = (double)(drawn->guidance > 0 ? drawn->guidance : info.default_guidance);
    }
    if (drawn->original_width)
        snprintf(recipe->original_size, sizeof recipe->original_size, "%" PRIu32 "x%" PRIu32,
                 drawn->original_width, drawn->original_height);
    if (drawn->crop_left || drawn->crop_top)
        snprintf(recipe->crop, sizeof recipe->crop, "%" PRIu32 ",%" PRIu32, drawn->crop_left,
                 drawn->crop_top);
    const qs_sampler sampler =
        drawn->sampler == QS_SAMPLER_DEFAULT ? info.default_sampler : drawn->sampler;
    snprintf(recipe->sampler, sizeof recipe->sampler, "%s", qs_sampler_name(sampler));
    if (drawn->rng != QS_RNG_PHILOX)
        snprintf(recipe->rng, sizeof recipe->rng, "%s", qs_rng_name(drawn->rng));
    recipe->eta = (double)drawn->eta;
    recipe->strength = !drawn->init ? 0 : drawn->strength > 0 ? (double)drawn->strength : 1;
    recipe->colour = drawn->keep_luminance;
    snprintf(recipe->precision, sizeof recipe->precision, "%s",
             precision == QS_F16 ? "f16" : "f32");
    snprintf(recipe->device, sizeof recipe->device, "%s", device_info.name);
    snprintf(recipe->driver, sizeof recipe->driver, "%s", device_info.driver_info);
}

/* File names need not be UTF-8, JSON must be. */
static json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *ascii = strdup(text);
    for (char *c = ascii; c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = ascii ? json_string(ascii) : NULL;
    free(ascii);
    return value;
}

/* JSON's integers, as most programs read them, end before seeds do. */
static json_t *json_seed(uint64_t seed)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, seed);
    return seed > INT64_MAX ? json_string(digits) : json_integer((json_int_t)seed);
}

static json_t *json_loras(const app_recipe *recipe)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < recipe->lora_count; i++)
        json_array_append_new(list, json_text(recipe->loras[i]));
    return json_array_size(list) == recipe->lora_count ? list : NULL;
}

/* A float as it was written. */
static double decimal(double value)
{
    return round(value * 1e6) / 1e6;
}

char *app_recipe_to_json(const app_recipe *recipe)
{
    json_t *root = json_object();
    int failed = json_object_set_new(root, "program", json_string("quickstep"));
    for (int i = 0; i < TEXT_FIELD_COUNT; i++) {
        const char *text = (const char *)recipe + text_fields[i].offset;
        if (text[0] || text_fields[i].required)
            failed |= json_object_set_new(root, text_fields[i].key, json_text(text));
    }
    char *end;
    const unsigned long steps = strtoul(recipe->steps, &end, 10);
    failed |= json_object_set_new(root, "steps",
                                  *end ? json_string(recipe->steps) : json_integer((long)steps));
    failed |= json_object_set_new(root, "seed", json_seed(recipe->seed));
    failed |= json_object_set_new(root, "count", json_integer(recipe->count));
    if (recipe->eta > 0)
        failed |= json_object_set_new(root, "eta", json_real(recipe->eta));
    if (recipe->lora_count > 0)
        failed |= json_object_set_new(root, "lora", json_loras(recipe));
    if (recipe->strength > 0)
        failed |= json_object_set_new(root, "strength", json_real(decimal(recipe->strength)));
    if (recipe->colour)
        failed |= json_object_set_new(root, "colour", json_true());
    if (recipe->loop)
        failed |= json_object_set_new(root, "loop", json_true());
    if (recipe->frames > 0)
        failed |= json_object_set_new(root, "frames", json_integer(recipe->frames));
    if (recipe->fps > 0)
        failed |= json_object_set_new(root, "fps", json_integer(recipe->fps));
    if (recipe->headings)
        failed |= json_object_set_new(root, "headings", json_true());
    if (recipe->guidance > 0)
        failed |= json_object_set_new(root, "guidance", json_real(recipe->guidance));
    if (recipe->negative_given && !recipe->negative[0])
        failed |= json_object_set_new(root, "negative", json_string(""));
    if (recipe->blended && recipe->mix >= 0)
        failed |= json_object_set_new(root, "mix", json_real(recipe->mix));
    if (recipe->scale > 1)
        failed |= json_object_set_new(root, "scale", json_integer(recipe->scale));
    char *text = failed ? NULL : json_dumps(root, JSON_ENSURE_ASCII);
    json_decref(root);
    return text;
}

bool app_recipe_holds(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20 || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0)) /* U+0080 to U+009F, too */
            return false;
    return true;
}

static qs_status read_texts(const json_t *root, app_recipe *recipe)
{
    for (int i = 0; i < TEXT_FIELD_COUNT; i++) {
        const char *key = text_fields[i].key;
        const json_t *value = json_object_get(root, key);
        if (!value && !text_fields[i].required)
            continue;
        const char *text = json_string_value(value);
        if (!text || strlen(text) >= text_fields[i].size || !app_recipe_holds(text))
            return app_error(QS_ERROR_OTHER, "the recipe's \"%s\" is missing or damaged", key);
        snprintf((char *)recipe + text_fields[i].offset, text_fields[i].size, "%s", text);
    }
    return QS_OK;
}

static qs_status read_loras(const json_t *root, app_recipe *recipe)
{
    const json_t *list = json_object_get(root, "lora");
    const size_t count = json_array_size(list);
    bool whole = !list || (json_is_array(list) && count <= APP_LORAS_MAX);
    for (size_t i = 0; i < count && whole; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        whole = text && strlen(text) < sizeof recipe->loras[0] && app_recipe_holds(text);
        if (whole)
            snprintf(recipe->loras[i], sizeof recipe->loras[0], "%s", text);
    }
    recipe->lora_count = (uint32_t)count;
    return whole ? QS_OK : app_error(QS_ERROR_OTHER, "the recipe's \"lora\" is damaged");
}

static qs_status read_number(const json_t *root, const char *key, json_int_t min, json_int_t max,
                             json_int_t fallback, json_int_t *number)
{
    const json_t *value = json_object_get(root, key);
    if (value && !json_is_integer(value))
        return app_error(QS_ERROR_OTHER, "the recipe's \"%s\" is not a whole number", key);
    *number = value ? json_integer_value(value) : fallback;
    if (*number < min || *number > max)
        return app_error(QS_ERROR_OTHER, "the recipe's \"%s\" is missing or out of range", key);
    return QS_OK;
}

/* A text of digits is a number, too; a grid's list is read by the command. */
static qs_status read_steps(const json_t *root, app_recipe *recipe)
{
    const char *text = json_string_value(json_object_get(root, "steps"));
    json_int_t steps = 0;
    if (text && text[strspn(text, "0123456789")]) {
        const size_t length = strspn(text, "0123456789,:abcdefghijklmnopqrstuvwxyz_");
        if (text[length] || length >= sizeof recipe->steps)
            return app_error(QS_ERROR_OTHER, "the recipe's \"steps\" are damaged");
        snprintf(recipe->steps, sizeof recipe->steps, "%s", text);
        return QS_OK;
    }
    if (text) {
        const unsigned long number = strtoul(text, NULL, 10);
        if (number < 1 || number > QS_STEPS_MAX)
            return app_error(QS_ERROR_OTHER, "the recipe's \"steps\" are out of range");
        steps = (json_int_t)number;
    } else {
        const qs_status status = read_number(root, "steps", 1, QS_STEPS_MAX, 0, &steps);
        if (status != QS_OK)
            return status;
    }
    snprintf(recipe->steps, sizeof recipe->steps, "%lld", (long long)steps);
    return QS_OK;
}

static qs_status read_seed(const json_t *root, uint64_t *seed)
{
    const char *text = json_string_value(json_object_get(root, "seed"));
    json_int_t number = 0;
    if (text) {
        errno = 0;
        *seed = strtoull(text, NULL, 10);
        if (!text[0] || text[strspn(text, "0123456789")] || errno)
            return app_error(QS_ERROR_OTHER, "the recipe's \"seed\" is damaged");
        return QS_OK;
    }
    const qs_status status = read_number(root, "seed", 0, INT64_MAX, -1, &number);
    *seed = (uint64_t)number;
    return status;
}

/* *number: 0 where there is none. */
static qs_status read_real(const json_t *root, const char *key, double min, double max,
                           double *number)
{
    const json_t *value = json_object_get(root, key);
    *number = json_number_value(value);
    if (value && (!json_is_number(value) || !(*number >= min && *number <= max)))
        return app_error(QS_ERROR_OTHER, "the recipe's \"%s\" is not a number from %g to %g", key,
                         min, max);
    return QS_OK;
}

static qs_status check_words(const app_recipe *recipe)
{
    qs_sampler sampler;
    if (strcmp(recipe->command, "sample") != 0 && strcmp(recipe->command, "grid") != 0 &&
        strcmp(recipe->command, "walk") != 0)
        return app_error(QS_ERROR_OTHER, "the recipe's command \"%s\" is unknown", recipe->command);
    if (strcmp(recipe->precision, "f32") != 0 && strcmp(recipe->precision, "f16") != 0)
        return app_error(QS_ERROR_OTHER, "the recipe's precision \"%s\" is unknown",
                         recipe->precision);
    const bool walks = strcmp(recipe->command, "walk") == 0;
    const bool leads = recipe->to[0] || recipe->label_to[0] || recipe->prompt_to[0];
    if ((walks ? !leads : recipe->to[0] != 0) || recipe->to[strspn(recipe->to, "0123456789,")] ||
        recipe->at[strspn(recipe->at, "0123456789.e+-")])
        return app_error(QS_ERROR_OTHER, "the recipe's \"to\" or \"at\" is damaged");
    qs_rng rng;
    if (recipe->rng[0] && qs_rng_parse(recipe->rng, &rng) != QS_OK)
        return app_error(QS_ERROR_OTHER, "the recipe's rng \"%s\" is unknown", recipe->rng);
    if (recipe->size[strspn(recipe->size, "0123456789x")] ||
        recipe->original_size[strspn(recipe->original_size, "0123456789x")] ||
        recipe->crop[strspn(recipe->crop, "0123456789,")])
        return app_error(QS_ERROR_OTHER, "the recipe's \"size\" or \"crop\" is damaged");
    if (recipe->timesteps[strspn(recipe->timesteps, "0123456789,")])
        return app_error(QS_ERROR_OTHER, "the recipe's \"timesteps\" are damaged");
    if (qs_sampler_parse(recipe->sampler, &sampler) != QS_OK)
        return app_error(QS_ERROR_OTHER, "the recipe's sampler \"%s\" is unknown", recipe->sampler);
    return QS_OK;
}

static bool is_hash(const char *text)
{
    return !text[0] ||
           (strlen(text) == APP_HASH_SIZE - 1 && !text[strspn(text, "0123456789abcdef")]);
}

static qs_status check_pictures(const app_recipe *recipe)
{
    const bool begins = recipe->init[0] != 0, masked = recipe->mask[0] != 0;
    if (begins != (recipe->strength > 0) || ((masked || recipe->colour) && !begins) ||
        !is_hash(recipe->init_hash) || !is_hash(recipe->mask_hash) ||
        (recipe->fit[0] && strcmp(recipe->fit, "crop") != 0 && strcmp(recipe->fit, "resize") != 0))
        return app_error(QS_ERROR_OTHER,
                         "the recipe's \"init\", \"mask\", \"strength\" or \"fit\" is damaged");
    return QS_OK;
}

static bool walks_through_mixes(const json_t *root)
{
    return !json_object_get(root, "mix") &&
           (json_object_get(root, "label_to") || json_object_get(root, "prompt_to"));
}

qs_status app_recipe_from_json(const char *json, app_recipe *recipe)
{
    qs_status status = QS_OK;
    json_int_t count = 0, scale = 0, frames = 0, fps = 0;
    json_error_t error;
    *recipe = (app_recipe){ 0 };
    json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        status = app_error(QS_ERROR_OTHER, "the recipe is not a JSON object");
        goto fail;
    }
    TRY(read_texts(root, recipe));
    TRY(read_loras(root, recipe));
    TRY(check_words(recipe));
    TRY(read_steps(root, recipe));
    TRY(read_real(root, "eta", 0, 1, &recipe->eta));
    TRY(read_real(root, "guidance", 1, QS_GUIDANCE_MAX, &recipe->guidance));
    recipe->mix = walks_through_mixes(root) ? -1 : 0;
    TRY(read_real(root, "mix", 0, 1, &recipe->mix));
    recipe->blended = json_object_get(root, "mix") || recipe->mix < 0;
    recipe->negative_given = json_object_get(root, "negative") != NULL;
    TRY(read_real(root, "strength", 1e-6, 1, &recipe->strength));
    recipe->colour = json_is_true(json_object_get(root, "colour"));
    TRY(check_pictures(recipe));
    TRY(read_seed(root, &recipe->seed));
    TRY(read_number(root, "count", 1, 1 << 20, 1, &count));
    TRY(read_number(root, "scale", 1, 64, 1, &scale));
    TRY(read_number(root, "frames", 0, 1 << 20, 0, &frames));
    TRY(read_number(root, "fps", 0, 120, 0, &fps));
    recipe->frames = (uint32_t)frames;
    recipe->fps = (uint32_t)fps;
    recipe->loop = json_is_true(json_object_get(root, "loop"));
    recipe->headings = json_is_true(json_object_get(root, "headings"));
    recipe->count = (uint32_t)count;
    recipe->scale = (uint32_t)scale;
fail:
    json_decref(root);
    return status;
}

/* A command that grows; NULL once there was no memory. */
static void put(char **command, const char *format, ...)
    __attribute__((format(QS_PRINTF_FORMAT, 2, 3)));

static void put(char **command, const char *format, ...)
{
    char *more = NULL, *longer = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&more, format, args) < 0)
        more = NULL;
    va_end(args);
    if (!*command || !more || asprintf(&longer, "%s%s", *command, more) < 0)
        longer = NULL;
    free(more);
    free(*command);
    *command = longer;
}

/* The empty text, too. Everything but plain words goes between single quotes. */
static void put_words(char **command, const char *option, const char *text)
{
    const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/-+";
    if (text[0] && !text[strspn(text, plain)] && text[0] != '-') {
        put(command, " %s %s", option, text);
        return;
    }
    put(command, " %s='", option); /* with "=", so that a leading dash is no option */
    while (*text) {
        const size_t length = strcspn(text, "'");
        put(command, "%.*s%s", (int)length, text, text[length] ? "'\\''" : "");
        text += length + (text[length] == '\'');
    }
    put(command, "'");
}

static void put_quoted(char **command, const char *option, const char *text)
{
    if (text[0])
        put_words(command, option, text);
}

static void put_seeds(char **command, const app_recipe *recipe)
{
    const bool walks = strcmp(recipe->command, "walk") == 0;
    put(command, " %s %" PRIu64, walks ? "--from" : "--seed", recipe->seed);
    if (!walks)
        return;
    put_quoted(command, "--to", recipe->to);
    if (recipe->loop)
        put(command, " --loop");
    if (recipe->at[0]) {
        put(command, " --at %s", recipe->at);
        return;
    }
    if (recipe->frames > 0)
        put(command, " --frames %" PRIu32, recipe->frames);
    if (recipe->fps > 0)
        put(command, " --fps %" PRIu32, recipe->fps);
}

char *app_recipe_command(const app_recipe *recipe)
{
    char *out = strdup("quickstep");
    put(&out, " %s", recipe->command);
    put_quoted(&out, "--model", recipe->model);
    put_quoted(&out, "--variant", recipe->variant);
    put_quoted(&out, "--scheduler", recipe->scheduler);
    put_quoted(&out, "--size", recipe->size);
    put_quoted(&out, "--decoder", recipe->decoder);
    for (uint32_t i = 0; i < recipe->lora_count; i++)
        put_quoted(&out, "--lora", recipe->loras[i]);
    put_quoted(&out, "--steps", recipe->steps);
    put_seeds(&out, recipe);
    put_quoted(&out, "--label", recipe->label);
    put_quoted(&out, "--label-to", recipe->label_to);
    if (recipe->guidance > 0) { /* the empty prompt is one, too */
        put_words(&out, "--prompt", recipe->prompt);
        if (recipe->blended && (recipe->prompt_to[0] || !recipe->label_to[0]))
            put_words(&out, "--prompt-to", recipe->prompt_to);
        if (recipe->negative_given)
            put_words(&out, "--negative", recipe->negative);
        put_quoted(&out, "--prompt-2", recipe->prompt_2);
        put_quoted(&out, "--negative-2", recipe->negative_2);
        put_quoted(&out, "--original-size", recipe->original_size);
        put_quoted(&out, "--crop", recipe->crop);
        put(&out, " --guidance %.9g", recipe->guidance);
    }
    if (recipe->blended && recipe->mix >= 0)
        put(&out, " --mix %.9g", recipe->mix);
    if (recipe->count > 1)
        put(&out, " --count %" PRIu32, recipe->count);
    put_quoted(&out, "--sampler", recipe->sampler);
    if (recipe->eta > 0)
        put(&out, " --eta %.9g", recipe->eta);
    put_quoted(&out, "--timesteps", recipe->timesteps);
    put_quoted(&out, "--rng", recipe->rng);
    put_quoted(&out, "--precision", recipe->precision);
    put_quoted(&out, "--noise", recipe->noise);
    put_quoted(&out, "--init", recipe->init);
    if (recipe->strength > 0)
        put(&out, " --strength %.6g", recipe->strength);
    put_quoted(&out, "--mask", recipe->mask);
    put_quoted(&out, "--fit", recipe->fit);
    if (recipe->colour)
        put(&out, " --colour");
    if (recipe->scale > 1 || strcmp(recipe->command, "sample") != 0) /* others' default differs */
        put(&out, " --scale %" PRIu32, recipe->scale);
    if (strcmp(recipe->command, "grid") == 0 && !recipe->headings)
        put(&out, " --no-headings");
    put(&out, " -o repeat.png");
    return out;
}
