#include "picture.h"

#include "common/montage.h"
#include "common/output.h"
#include "tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* The one %d or %03d of a name: its place and length, 0 if there is none. */
static size_t find_number(const char *path, const char **place)
{
    for (const char *c = strchr(path, '%'); c; c = strchr(c + 1, '%')) {
        const size_t digits = strspn(c + 1, "0123456789");
        if (c[1 + digits] == 'd' && digits <= 2) {
            *place = c;
            return digits + 2;
        }
    }
    return 0;
}

char *cli_numbered_path(const char *pattern, uint32_t number)
{
    const char *place = NULL;
    char *path = NULL;
    const size_t length = find_number(pattern, &place);
    if (length == 0)
        return strdup(pattern);
    const int width = atoi(place + 1);
    if (asprintf(&path, "%.*s%0*u%s", (int)(place - pattern), pattern, width, number,
                 place + length) < 0)
        return NULL;
    return path;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && strcasecmp(text + length - end_length, end) == 0;
}

qs_status cli_target_init(cli_target *target, const char *path)
{
    if (!path)
        return app_error(QS_ERROR_USAGE, "where to? Name a file: -o picture.png");
    *target = (cli_target){ .path = path };
    if (strcmp(path, "-") == 0) {
        if (isatty(STDOUT_FILENO))
            return app_error(QS_ERROR_USAGE, "-o -: a PNG is nothing for a terminal to show");
        return QS_OK;
    }
    if (ends_with(path, ".safetensors"))
        target->format = CLI_SAFETENSORS;
    else if (!ends_with(path, ".png"))
        return app_error(QS_ERROR_USAGE, "-o %s: the name must end in .png or .safetensors", path);
    const char *place, *other;
    const size_t length = find_number(path, &place);
    target->numbered = length > 0;
    if (length > 0 && find_number(place + length, &other) > 0)
        return app_error(QS_ERROR_USAGE, "-o %s: one %%d says where the number goes, not two",
                         path);
    char *first = cli_numbered_path(target->path, 0);
    const qs_status status =
        first ? app_output_check(first) : app_error(QS_ERROR_MEMORY, "no memory for -o %s", path);
    free(first);
    return status;
}

/* What a file calls itself: its place, its recipe. */
typedef struct entry {
    char *path, *json;
} entry;

static qs_status make_entry(const cli_target *target, const app_recipe *recipe, uint32_t first,
                            uint32_t count, entry *e)
{
    app_recipe own = *recipe;
    own.seed += first;
    own.count = count;
    e->path = cli_numbered_path(target->path, first);
    e->json = app_recipe_to_json(&own);
    return e->path && e->json ? QS_OK : app_error(QS_ERROR_MEMORY, "no memory");
}

static void finish_entry(entry *e)
{
    free(e->path);
    free(e->json);
}

qs_status cli_write_png(const cli_target *target, const cli_engine *engine,
                        const app_recipe *recipe, const uint8_t *pixels, uint32_t count)
{
    const qs_model_info *info = &engine->info;
    const size_t picture_bytes = (size_t)4 * info->width * info->height;
    const uint32_t per_file = target->numbered ? 1 : count;
    qs_status status = QS_OK;
    for (uint32_t first = 0; status == QS_OK && first < count; first += per_file) {
        entry e = { 0 };
        app_image image = { .has_alpha = info->has_alpha };
        status = make_entry(target, recipe, first, per_file, &e);
        if (status == QS_OK)
            status =
                app_montage(pixels + first * picture_bytes, per_file, info->width, info->height,
                            app_montage_columns(per_file), recipe->scale, &image);
        if (status == QS_OK)
            status = app_png_write(e.path, &image, e.json);
        app_montage_free(&image);
        finish_entry(&e);
    }
    return status;
}

qs_status cli_write_safetensors(const cli_target *target, const cli_engine *engine,
                                const app_recipe *recipe, const float *floats, uint32_t count)
{
    const qs_model_info *info = &engine->info;
    const size_t picture_floats = (size_t)info->channels * info->height * info->width;
    const uint32_t per_file = target->numbered ? 1 : count;
    qs_status status = QS_OK;
    for (uint32_t first = 0; status == QS_OK && first < count; first += per_file) {
        entry e = { 0 };
        status = make_entry(target, recipe, first, per_file, &e);
        const char *const metadata[] = { "quickstep", e.json, NULL };
        if (status == QS_OK)
            status = cli_write_pictures(e.path, "sample", floats + first * picture_floats, per_file,
                                        info->channels, info->height, info->width, metadata);
        finish_entry(&e);
    }
    return status;
}
