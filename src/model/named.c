/* Models by name: the folders that hold some, and which there are. */
#include "core/status.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(QS_PATH_SIZE >= PATH_MAX, "realpath writes as much");

static bool join(char path[QS_PATH_SIZE], const char *folder, const char *name)
{
    return snprintf(path, QS_PATH_SIZE, "%s/%s", folder, name) < QS_PATH_SIZE;
}

/* Any of the layouts that qs_model_open_with knows. */
static bool is_model(const char *folder)
{
    static const char *const signs[] = { "model_index.json", "unet/config.json", "config.json",
                                         "snapshots" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        char path[QS_PATH_SIZE];
        if (join(path, folder, signs[i]) && access(path, F_OK) == 0)
            return true;
    }
    return false;
}

/* ---- the folders that hold models ------------------------------------------------------------ */

typedef void (*visit_fn)(void *user, const char *folder);

static void visit_list(const char *list, visit_fn visit, void *user)
{
    while (list && *list) {
        const size_t length = strcspn(list, QS_PATH_LIST_SEPARATOR);
        char folder[QS_PATH_SIZE];
        if (length > 0 && length < sizeof folder) {
            snprintf(folder, sizeof folder, "%.*s", (int)length, list);
            visit(user, folder);
        }
        list += length + (list[length] != '\0');
    }
}

/* The file that holds this code: PREFIX/lib/libquickstep.so.0, SOURCE/BUILD/src/libquickstep.so.0,
 * or a program that is linked with it. (/proc/self/exe would be the C library's loader where that
 * starts the program.) */
static bool find_library(char path[QS_PATH_SIZE])
{
    static const char here;
    Dl_info info;
    return dladdr(&here, &info) && info.dli_fname && realpath(info.dli_fname, path);
}

static void visit_near_library(visit_fn visit, void *user)
{
    char library[QS_PATH_SIZE];
    if (!find_library(library))
        return;
    for (int up = 0; up < 6; up++) {
        char *slash = strrchr(library, '/');
        if (!slash)
            return;
        *slash = '\0';
        static const char *const places[] = { "assets/models", "share/quickstep/models" };
        for (int i = 0; i < 2; i++) {
            char folder[QS_PATH_SIZE];
            if (join(folder, library, places[i]) && access(folder, F_OK) == 0)
                visit(user, folder);
        }
    }
}

/* In the order in which a name is looked for. */
static void visit_places(visit_fn visit, void *user)
{
    visit_list(getenv("QUICKSTEP_MODELS"), visit, user);
    visit_near_library(visit, user);
    visit(user, QS_MODELS_DIR);
}

/* ---- all of them ----------------------------------------------------------------------------- */

typedef struct listing {
    qs_model_place *places;
    size_t count;
    bool out_of_memory;
} listing;

static void list_model(listing *l, const char *folder, const char *name)
{
    qs_model_place place = { 0 };
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->places[i].name, name) == 0)
            return; /* the first folder has it */
    if (!join(place.path, folder, name) || !is_model(place.path))
        return;
    snprintf(place.name, sizeof place.name, "%s", name);
    qs_model_place *places = realloc(l->places, (l->count + 1) * sizeof *places);
    if (!places) {
        l->out_of_memory = true;
        return;
    }
    l->places = places;
    l->places[l->count++] = place;
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
    const char *left = ((const qs_model_place *)a)->name,
               *right = ((const qs_model_place *)b)->name;
    const bool left_first = strcmp(left, QS_DEFAULT_MODEL) == 0;
    const bool right_first = strcmp(right, QS_DEFAULT_MODEL) == 0;
    return left_first != right_first ? right_first - left_first : strcmp(left, right);
}

/* l->places is the caller's to free. */
static qs_status list_all(listing *l)
{
    visit_places(list_folder, l);
    if (l->out_of_memory)
        return qs_error(QS_ERROR_MEMORY, "no host memory for the list of models");
    if (l->count > 1)
        qsort(l->places, l->count, sizeof *l->places, compare);
    return QS_OK;
}

qs_status qs_model_list(qs_model_place *places, size_t *count)
{
    if (!count)
        return qs_error(QS_ERROR_USAGE, "qs_model_list: count must not be NULL");
    listing l = { 0 };
    const qs_status status = list_all(&l);
    const size_t room = *count < l.count ? *count : l.count;
    if (status == QS_OK) {
        if (places && room > 0)
            memcpy(places, l.places, room * sizeof *places);
        *count = l.count;
    }
    free(l.places);
    return status;
}

/* ---- one ------------------------------------------------------------------------------------- */

typedef struct search {
    const char *name;
    char found[QS_PATH_SIZE]; /* the folder, "" as long as there is none */
    char looked[1024];        /* "a, b, c" for the error message */
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
    char path[QS_PATH_SIZE];
    if (s->found[0] || !join(path, folder, s->name))
        return;
    if (is_model(path))
        memcpy(s->found, path, sizeof path);
    else
        append(s->looked, sizeof s->looked, folder);
}

static qs_status refuse(const search *s)
{
    listing l = { 0 };
    char names[512] = "";
    qs_status status = QS_OK;
    TRY(list_all(&l));
    for (size_t i = 0; i < l.count; i++)
        append(names, sizeof names, l.places[i].name);
    status = qs_error(QS_ERROR_MODEL, "no model \"%s\" here or in %s; the models there: %s",
                      s->name, s->looked, names[0] ? names : "none");
fail:
    free(l.places);
    return status;
}

qs_status qs_model_find(const char *name, char path[QS_PATH_SIZE])
{
    if (!name || !path)
        return qs_error(QS_ERROR_USAGE, "qs_model_find: name and path must not be NULL");
    search s = { .name = name };
    const bool is_path = strpbrk(name, QS_PATH_SEPARATORS) || is_model(name);
    if (!is_path)
        visit_places(look_in, &s);
    if (!s.found[0] && !is_path && access(name, F_OK) != 0)
        return refuse(&s);
    const char *found = s.found[0] ? s.found : name; /* opening it says what is wrong with it */
    if (strlen(found) >= QS_PATH_SIZE)
        return qs_error(QS_ERROR_USAGE, "the model's path has %zu bytes; at most %d", strlen(found),
                        QS_PATH_SIZE - 1);
    memcpy(path, found, strlen(found) + 1);
    return QS_OK;
}
