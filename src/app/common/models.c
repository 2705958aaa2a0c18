#include "common/models.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool join(char path[PATH_MAX], const char *folder, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX;
}

/* Any of the layouts that qs_model_open_with knows. */
static bool is_model(const char *folder)
{
    static const char *const signs[] = { "model_index.json", "unet/config.json", "config.json",
                                         "snapshots" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        char path[PATH_MAX];
        if (join(path, folder, signs[i]) && access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------------- */
/* The folders that hold models                                                                 */

typedef void (*visit_fn)(void *user, const char *folder);

static void visit_list(const char *list, visit_fn visit, void *user)
{
    while (list && *list) {
        const size_t length = strcspn(list, ":");
        char folder[PATH_MAX];
        if (length > 0 && length < sizeof folder) {
            snprintf(folder, sizeof folder, "%.*s", (int)length, list);
            visit(user, folder);
        }
        list += length + (list[length] == ':');
    }
}

/* The program's own place: PREFIX/bin/quickstep, or SOURCE/BUILD/src/app/cli/quickstep. */
static void visit_near_program(visit_fn visit, void *user)
{
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return;
    program[length] = '\0';
    for (int up = 0; up < 6; up++) {
        char *slash = strrchr(program, '/');
        if (!slash)
            return;
        *slash = '\0';
        static const char *const places[] = { "assets/models", "share/quickstep/models" };
        for (int i = 0; i < 2; i++) {
            char folder[PATH_MAX];
            if (join(folder, program, places[i]) && access(folder, F_OK) == 0)
                visit(user, folder);
        }
    }
}

/* In the order in which a name is looked for. */
static void visit_places(visit_fn visit, void *user)
{
    visit_list(getenv("QUICKSTEP_MODELS"), visit, user);
    visit_near_program(visit, user);
    visit(user, QS_MODELS_DIR);
}

/* ------------------------------------------------------------------------------------------- */
/* All of them                                                                                  */

typedef struct listing {
    app_model *models;
    uint32_t count;
    bool out_of_memory;
} listing;

static void list_model(listing *l, const char *folder, const char *name)
{
    char path[PATH_MAX];
    for (uint32_t i = 0; i < l->count; i++)
        if (strcmp(l->models[i].name, name) == 0)
            return; /* the first place has it */
    if (!join(path, folder, name) || !is_model(path))
        return;
    app_model *models = realloc(l->models, (l->count + 1) * sizeof *models);
    if (models) {
        l->models = models;
        models[l->count] = (app_model){ strdup(name), strdup(path) };
        l->count++;
    }
    if (!models || !models[l->count - 1].name || !models[l->count - 1].path)
        l->out_of_memory = true;
}

static void list_folder(void *user, const char *folder)
{
    listing *l = user;
    DIR *stream = opendir(folder);
    if (!stream)
        return;
    const struct dirent *entry;
    while (!l->out_of_memory && (entry = readdir(stream)))
        if (entry->d_name[0] != '.')
            list_model(l, folder, entry->d_name);
    closedir(stream);
}

static int compare(const void *a, const void *b)
{
    const char *left = ((const app_model *)a)->name, *right = ((const app_model *)b)->name;
    const bool left_first = strcmp(left, APP_DEFAULT_MODEL) == 0;
    const bool right_first = strcmp(right, APP_DEFAULT_MODEL) == 0;
    return left_first != right_first ? right_first - left_first : strcmp(left, right);
}

qs_status app_list_models(app_model **models, uint32_t *count)
{
    listing l = { 0 };
    visit_places(list_folder, &l);
    if (l.out_of_memory) {
        app_free_models(l.models, l.count);
        return app_error(QS_ERROR_MEMORY, "no memory");
    }
    if (l.count > 1)
        qsort(l.models, l.count, sizeof *l.models, compare);
    *models = l.models;
    *count = l.count;
    return QS_OK;
}

void app_free_models(app_model *models, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(models[i].name);
        free(models[i].path);
    }
    free(models);
}

/* ------------------------------------------------------------------------------------------- */
/* One                                                                                          */

typedef struct search {
    const char *name;
    char *found;       /* the folder, NULL as long as there is none */
    char looked[1024]; /* "a, b, c" for the error message */
} search;

/* "a, b" with the next one; what does not fit is left out. */
static void append(char *text, size_t size, const char *name)
{
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
}

static void look_in(void *user, const char *folder)
{
    search *s = user;
    char path[PATH_MAX];
    if (s->found || !join(path, folder, s->name))
        return;
    if (is_model(path))
        s->found = strdup(path);
    else
        append(s->looked, sizeof s->looked, folder);
}

static qs_status refuse(const search *s)
{
    app_model *models = NULL;
    uint32_t count = 0;
    char names[512] = "";
    qs_status status = QS_OK;
    TRY(app_list_models(&models, &count));
    for (uint32_t i = 0; i < count; i++)
        append(names, sizeof names, models[i].name);
    app_free_models(models, count);
    status = app_error(QS_ERROR_MODEL, "no model \"%s\" here or in %s; the models there: %s",
                       s->name, s->looked, names[0] ? names : "none");
fail:
    return status;
}

qs_status app_find_model(const char *name, char **path)
{
    search s = { .name = name ? name : APP_DEFAULT_MODEL };
    const bool is_path = name && (strchr(name, '/') || is_model(name));
    if (!is_path)
        visit_places(look_in, &s);
    if (!s.found && !is_path && access(s.name, F_OK) != 0)
        return refuse(&s);
    *path = s.found ? s.found : strdup(s.name); /* qs_model_open says what is wrong with it */
    if (!*path)
        return app_error(QS_ERROR_MEMORY, "no memory");
    return QS_OK;
}
