#include "viewer/catalog.h"

#include "common/lora.h"
#include "viewer/readout.h"

#include <quickstep/autoencoder.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static qs_status open_model(viewer_model *m, const qs_model_options *options)
{
    qs_status status = QS_OK;
    qs_model_info info;
    QS(qs_model_open_with(m->path, options, &m->model));
    qs_model_get_info(m->model, &info);
    m->label = info.label_count ? (int32_t)info.default_label : -1;
    m->label_to = info.label_count ? (int32_t)((info.default_label + 1) % info.label_count) : -1;
    const char *example = qs_model_example(m->model, 0);
    snprintf(m->words.prompt, sizeof m->words.prompt, "%s", example ? example : "");
    m->words.guidance = info.default_guidance;
    m->words.mix = 0.5f;
    m->sampler = info.default_sampler;
fail:
    return status;
}

qs_status catalog_open(viewer_model *m)
{
    return m->model ? QS_OK : open_model(m, NULL);
}

/* Leaves one place in front. */
static qs_status list_models(catalog *c)
{
    qs_status status = QS_OK;
    qs_model_place *found = NULL;
    size_t count = 0;
    QS(qs_model_list(NULL, &count));
    found = calloc(count + 1, sizeof *found);
    c->models = calloc(count + 1, sizeof *c->models);
    if (!found || !c->models)
        TRY(app_error(QS_ERROR_MEMORY, "no memory"));
    const size_t room = count;
    QS(qs_model_list(found, &count));
    c->count = 1;
    for (size_t i = 0; i < count && i < room; i++) {
        if (qs_autoencoder_probe(found[i].path))
            continue;
        viewer_model *model = &c->models[c->count++];
        *model = (viewer_model){ .name = strdup(found[i].name), .path = strdup(found[i].path) };
        if (!model->name || !model->path)
            TRY(app_error(QS_ERROR_MEMORY, "no memory"));
    }
fail:
    free(found);
    return status;
}

static void free_model(viewer_model *m)
{
    qs_model_destroy(m->model);
    free(m->name);
    free(m->path);
}

static bool same_file(const char *a, const char *b)
{
    struct stat left, right;
    return stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

/* Its folder's name, or its path where another one has that name. */
static qs_status name_first(catalog *c)
{
    viewer_model *first = &c->models[0];
    qs_model_info info;
    qs_model_get_info(first->model, &info);
    const char *name = info.name;
    for (uint32_t i = 1; i < c->count; i++)
        if (strcmp(c->models[i].name, info.name) == 0)
            name = first->path;
    first->name = strdup(name);
    return first->name ? QS_OK : app_error(QS_ERROR_MEMORY, "no memory");
}

qs_status catalog_init(catalog *c, const char *name, const qs_model_options *options,
                       uint32_t *first)
{
    qs_status status = QS_OK;
    char path[QS_PATH_SIZE];
    bool listed = true; /* the place in front is free */
    *c = (catalog){ 0 };
    TRY(list_models(c));
    QS(qs_model_find(name ? name : CATALOG_DEFAULT, path));
    *first = 1;
    while (*first < c->count && !same_file(c->models[*first].path, path))
        ++*first;
    listed = *first < c->count;
    if (!listed)
        *first = 0;
    viewer_model *model = &c->models[*first];
    if (!listed)
        model->path = strdup(path);
    if (!model->path)
        TRY(app_error(QS_ERROR_MEMORY, "no memory"));
    TRY(open_model(model, options));
    if (!listed)
        TRY(name_first(c));
fail:
    if (c->count > 0 && (listed || status != QS_OK)) {
        free_model(&c->models[0]);
        c->count--;
        *first -= *first > 0;
        memmove(c->models, c->models + 1, c->count * sizeof *c->models);
    }
    return status;
}

bool catalog_other(const catalog *c, const viewer_model *than, uint32_t *model)
{
    for (*model = 0; *model < c->count; ++*model)
        if (&c->models[*model] != than && catalog_open(&c->models[*model]) == QS_OK)
            return true;
    return false;
}

bool catalog_is(const viewer_model *m, const char *name)
{
    qs_model_info info = { 0 };
    if (m->model)
        qs_model_get_info(m->model, &info);
    return strcmp(m->name, name) == 0 || strcmp(info.name, name) == 0;
}

static bool is_named(const catalog *c, const char *name)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->models[i].name, name) == 0)
            return true;
    return false;
}

/* name NULL: its own, or its path where another one has that. */
static qs_status append(catalog *c, const char *path, const qs_model_options *options,
                        const char *name, uint32_t *model)
{
    qs_status status = QS_OK;
    viewer_model added = { .path = strdup(path) };
    viewer_model *models = realloc(c->models, (c->count + 1) * sizeof *models);
    if (models)
        c->models = models;
    if (!models || !added.path)
        TRY(app_error(QS_ERROR_MEMORY, "no memory"));
    TRY(open_model(&added, options));
    qs_model_info info;
    qs_model_get_info(added.model, &info);
    added.name = strdup(name ? name : is_named(c, info.name) ? path : info.name);
    if (!added.name)
        TRY(app_error(QS_ERROR_MEMORY, "no memory"));
    *model = c->count;
    c->models[c->count++] = added;
    return QS_OK;
fail:
    free_model(&added);
    return status;
}

qs_status catalog_add(catalog *c, const char *path, uint32_t *model)
{
    for (*model = 0; *model < c->count; ++*model)
        if (same_file(c->models[*model].path, path))
            return QS_OK;
    return append(c, path, NULL, NULL, model);
}

qs_status catalog_add_lora(catalog *c, uint32_t of, const char *path, uint32_t *model)
{
    viewer_model *m = &c->models[of];
    qs_lora loras[APP_LORAS_MAX];
    char name[512];
    qs_status status = QS_OK;
    TRY(catalog_open(m));
    qs_model_options options = *qs_model_opened_with(m->model);
    if (options.lora_count == APP_LORAS_MAX)
        return app_error(QS_ERROR_USAGE, "%s has %d LoRAs, there is no room for more", m->name,
                         APP_LORAS_MAX);
    for (uint32_t i = 0; i < options.lora_count; i++) {
        loras[i] = options.loras[i];
        if (same_file(loras[i].path, path))
            return app_error(QS_ERROR_USAGE, "%s is a part of %s already", path, m->name);
    }
    loras[options.lora_count++] = (qs_lora){ .path = path, .scale = 1 };
    options.loras = loras;
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    snprintf(name, sizeof name, "%.200s + %.*s", m->name, (int)strcspn(base, "."), base);
    for (*model = 0; *model < c->count; ++*model)
        if (strcmp(c->models[*model].name, name) == 0)
            return QS_OK;
    TRY(append(c, m->path, &options, name, model));
fail:
    return status;
}

bool catalog_label(const qs_model *model, const char *name, int32_t *label)
{
    qs_model_info info;
    qs_model_get_info(model, &info);
    *label = -1;
    for (uint32_t i = 0; i < info.label_count; i++)
        if (strcmp(qs_model_label_name(model, i), name) == 0)
            *label = (int32_t)i;
    return *label >= 0 || info.label_count == 0;
}

void catalog_finish(catalog *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        free_model(&c->models[i]);
    free(c->models);
    *c = (catalog){ 0 };
}

qs_status catalog_choose(catalog *c, const viewer_controls *before, viewer_controls *controls,
                         viewer_readings *readings)
{
    viewer_model *to = &c->models[controls->model], *from = &c->models[before->model];
    const uint32_t steps = readings->slider.steps[before->notch];
    const qs_status status = catalog_open(to);
    if (status != QS_OK) {
        controls->model = before->model;
        return status;
    }
    from->label = before->label;
    from->label_to = before->label_to;
    from->words = before->words;
    from->sampler = before->sampler;
    readout_model(to->model, readings);
    controls->label = to->label;
    controls->label_to = to->label_to;
    controls->words = to->words;
    controls->sampler = to->sampler;
    controls->smooth = readout_is_smooth(&readings->model);
    controls->wipe_left = 0;
    controls->wipe_right = readings->column_count - 1;
    if (!readout_find_notch(&readings->slider, steps, &controls->notch))
        controls->notch = readout_default_notch(readings);
    return QS_OK;
}
