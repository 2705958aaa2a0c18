#include "viewer/film.h"

#include "common/png_file.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FAVOURITES_MAX = 24 }; /* of the strip, at first */

void film_init(film *f, picture *p, viewer_readings *readings)
{
    *f = (film){ .picture = p, .readings = readings };
    readings->film_count = 0;
}

void film_finish(film *f)
{
    for (uint32_t i = 0; f->readings && i < f->readings->film_count; i++)
        free(f->readings->film[i].path);
    *f = (film){ 0 };
}

/* The oldest that is no favourite, or the oldest. */
static uint32_t least(const viewer_readings *r)
{
    for (uint32_t i = r->film_count; i > 0; i--)
        if (!r->film[i - 1].favourite)
            return i - 1;
    return r->film_count - 1;
}

static uint32_t free_slot(film *f)
{
    const viewer_readings *r = f->readings;
    for (;; f->next_slot++) { /* round and round: a slot that was left may still be drawn */
        const uint32_t slot = f->next_slot % STRIP_SLOTS;
        bool used = false;
        for (uint32_t i = 0; i < r->film_count; i++)
            used = used || r->film[i].slot == slot;
        if (used)
            continue;
        f->next_slot++;
        return slot;
    }
}

void film_push(film *f, const viewer_recipe *recipe, const uint8_t *rgba, uint32_t width,
               uint32_t height, bool favourite)
{
    viewer_readings *r = f->readings;
    viewer_kept kept = { .recipe = *recipe, .favourite = favourite };
    if (r->film_count == FILM_MAX) {
        const uint32_t gone = least(r);
        free(r->film[gone].path);
        memmove(r->film + gone, r->film + gone + 1, (r->film_count - gone - 1) * sizeof *r->film);
        r->film_count--;
    }
    kept.slot = free_slot(f);
    picture_strip_put(f->picture, kept.slot, rgba, width, height, &kept.width, &kept.height);
    memmove(r->film + 1, r->film, r->film_count * sizeof *r->film);
    r->film[0] = kept;
    r->film_count++;
}

/* mkdir -p */
static int make_folders(char *path)
{
    for (char *c = path + 1;; c++) {
        if (*c && *c != '/')
            continue;
        const char end = *c;
        *c = 0;
        const int failed = mkdir(path, 0777) != 0 && errno != EEXIST;
        *c = end;
        if (failed || !end)
            return failed;
    }
}

static bool favourites_path(char *folder, size_t size)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    const bool given = data && data[0] == '/';
    if (!given && !home)
        return false;
    return snprintf(folder, size, "%s%s/quickstep/favourites", given ? data : home,
                    given ? "" : "/.local/share") < (int)size;
}

qs_status film_favourites_folder(char *folder, size_t size)
{
    if (!favourites_path(folder, size))
        return app_error(QS_ERROR_WRITE, "neither XDG_DATA_HOME nor HOME says where");
    if (make_folders(folder))
        return app_error(QS_ERROR_WRITE, "%s: %s", folder, strerror(errno));
    return QS_OK;
}

static qs_status check_option(const char *option, const char *drawn, const char *open,
                              const char *model)
{
    if (strcmp(drawn, open) == 0)
        return QS_OK;
    return app_error(QS_ERROR_OTHER,
                     drawn[0] ? "it was drawn with %s %s, which %s was not opened with"
                              : "it was drawn without %s %s, which %s was opened with",
                     option, drawn[0] ? drawn : open, model);
}

/* An open model stays as it is: a picture of another is not drawn again. */
static qs_status check_opened(const qs_model *model, const app_recipe *from)
{
    app_recipe open = { 0 };
    qs_status status = QS_OK;
    app_recipe_opened_with(&open, model);
    TRY(check_option("--variant", from->variant, open.variant, from->model));
    TRY(check_option("--scheduler", from->scheduler, open.scheduler, from->model));
    TRY(check_option("--size", from->size, open.size, from->model));
    TRY(check_option("--decoder", from->decoder, open.decoder, from->model));
    for (uint32_t i = 0; i < APP_LORAS_MAX; i++)
        TRY(check_option("--lora", from->loras[i], open.loras[i], from->model));
fail:
    return status;
}

/* Of those that are called so the one that was opened so. */
static qs_status find_model(const catalog *c, const app_recipe *from, uint32_t *model)
{
    qs_status status = app_error(QS_ERROR_OTHER, "its model, %s, is not here", from->model);
    for (*model = 0; *model < c->count; ++*model) {
        viewer_model *m = &c->models[*model];
        if (!catalog_is(m, from->model))
            continue;
        status = catalog_open(m);
        if (status == QS_OK)
            status = check_opened(m->model, from);
        if (status == QS_OK)
            return QS_OK;
    }
    return status;
}

static qs_status read_names(const catalog *c, const app_recipe *from, viewer_recipe *recipe)
{
    qs_status status = QS_OK;
    if (strcmp(from->command, "grid") == 0)
        return app_error(QS_ERROR_OTHER, "a grid is many pictures; `quickstep grid` draws it");
    TRY(find_model(c, from, &recipe->model));
    const viewer_model *model = &c->models[recipe->model];
    if (!catalog_label(model->model, from->label, &recipe->label))
        return app_error(QS_ERROR_OTHER, "the model %s has no label \"%s\"", from->model,
                         from->label);
    recipe->label_to = model->label_to;
    if (from->label_to[0] && !catalog_label(model->model, from->label_to, &recipe->label_to))
        return app_error(QS_ERROR_OTHER, "the model %s has no label \"%s\"", from->model,
                         from->label_to);
    if (strlen(from->prompt) >= WORDS_SIZE || strlen(from->negative) >= WORDS_SIZE ||
        strlen(from->prompt_to) >= WORDS_SIZE)
        return app_error(QS_ERROR_OTHER, "its prompt is longer than the window's field");
    snprintf(recipe->words.prompt, WORDS_SIZE, "%s", from->prompt);
    snprintf(recipe->words.negative, WORDS_SIZE, "%s", from->negative);
    snprintf(recipe->words.prompt_to, WORDS_SIZE, "%s", from->prompt_to);
    recipe->words.blended = from->blended;
    recipe->words.mix = from->blended ? fmaxf((float)from->mix, 0) : 0.5f;
    recipe->words.guidance = from->guidance > 0 ? (float)from->guidance : 1;
    QS(qs_sampler_parse(from->sampler, &recipe->sampler));
fail:
    return status;
}

/* What the window cannot say when it draws. */
static qs_status check_drawn(const app_recipe *from)
{
    const char *what = from->rng[0]                           ? "--rng"
                       : from->eta > 0                        ? "--eta"
                       : from->timesteps[0]                   ? "--timesteps"
                       : from->noise[0]                       ? "--noise"
                       : from->prompt_2[0]                    ? "--prompt-2"
                       : from->negative_2[0]                  ? "--negative-2"
                       : from->original_size[0]               ? "--original-size"
                       : from->crop[0]                        ? "--crop"
                       : from->to[0] && strchr(from->to, ',') ? "several seeds in --to"
                                                              : NULL;
    return what ? app_error(QS_ERROR_OTHER, "it was drawn with %s, which the window has not", what)
                : QS_OK;
}

qs_status film_read_recipe(const catalog *c, const char *path, viewer_recipe *recipe,
                           app_recipe *from)
{
    qs_status status = QS_OK;
    char *json = NULL;
    TRY(app_png_read_recipe(path, &json));
    TRY(app_recipe_from_json(json, from));
    TRY(check_drawn(from));
    *recipe = (viewer_recipe){
        .steps = (uint32_t)strtoul(from->steps, NULL, 10),
        .batch = from->count > 9   ? 16
                 : from->count > 4 ? 9
                 : from->count > 1 ? 4
                                   : 1,
        .seed = from->seed,
        .precision = strcmp(from->precision, "f16") == 0 ? QS_F16 : QS_F32,
        .place = { strtoull(from->to, NULL, 10), strtod(from->at, NULL) },
    };
    TRY(read_names(c, from, recipe));
fail:
    free(json);
    return status;
}

/* ---- favourites --------------------------------------------------------------------------------
 */

static bool is_png(const char *name)
{
    const size_t length = strlen(name);
    return name[0] != '.' && length > 4 && strcmp(name + length - 4, ".png") == 0;
}

typedef struct found {
    char path[4400];
    time_t time;
} found;

static int oldest_first(const void *a, const void *b)
{
    const found *x = a, *y = b;
    return x->time < y->time ? -1 : x->time > y->time;
}

static void load(film *f, const catalog *c, const char *path)
{
    viewer_recipe recipe;
    app_recipe from;
    uint8_t *pixels = NULL;
    uint32_t width = 0, height = 0;
    if (film_read_recipe(c, path, &recipe, &from) == QS_OK &&
        app_png_read_pixels(path, &pixels, &width, &height) == QS_OK) {
        film_push(f, &recipe, pixels, width, height, true);
        f->readings->film[0].path = strdup(path);
    }
    free(pixels);
}

/* Returns how many; *all is to be freed. */
static size_t list_favourites(const char *folder, found **all)
{
    size_t count = 0;
    DIR *entries = opendir(folder);
    *all = NULL;
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        struct stat info;
        found *more = is_png(entry->d_name) ? realloc(*all, (count + 1) * sizeof *more) : NULL;
        if (!more)
            continue;
        *all = more;
        snprintf(more[count].path, sizeof more->path, "%s/%s", folder, entry->d_name);
        more[count].time = stat(more[count].path, &info) == 0 ? info.st_mtime : 0;
        count++;
    }
    if (entries)
        closedir(entries);
    if (count > 0)
        qsort(*all, count, sizeof **all, oldest_first);
    return count;
}

void film_load_favourites(film *f, const catalog *c)
{
    char folder[4096];
    found *all = NULL;
    if (!favourites_path(folder, sizeof folder))
        return;
    const size_t count = list_favourites(folder, &all);
    for (size_t i = count > FAVOURITES_MAX ? count - FAVOURITES_MAX : 0; i < count; i++)
        load(f, c, all[i].path);
    free(all);
}
