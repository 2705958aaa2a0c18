#include "common/models.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct search {
    const char *name;
    char *found;       /* the folder, NULL as long as there is none */
    char looked[1024]; /* "a, b, c" for the error message */
} search;

/* Any of the layouts that qs_model_open_with knows. */
static bool is_model(const char *folder)
{
    static const char *const signs[] = { "model_index.json", "unet/config.json", "config.json",
                                         "snapshots" };
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", folder, signs[i]) < (int)sizeof path &&
            access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static void look_in(search *s, const char *folder)
{
    char path[PATH_MAX];
    if (s->found || !folder[0] ||
        snprintf(path, sizeof path, "%s/%s", folder, s->name) >= (int)sizeof path)
        return;
    if (is_model(path)) {
        s->found = strdup(path);
        return;
    }
    const size_t used = strlen(s->looked);
    snprintf(s->looked + used, sizeof s->looked - used, "%s%s", used ? ", " : "", folder);
}

static void look_in_list(search *s, const char *list)
{
    while (list && *list) {
        const size_t length = strcspn(list, ":");
        char folder[PATH_MAX];
        if (length < sizeof folder) {
            snprintf(folder, sizeof folder, "%.*s", (int)length, list);
            look_in(s, folder);
        }
        list += length + (list[length] == ':');
    }
}

/* The program's own place: PREFIX/bin/quickstep, or SOURCE/BUILD/src/app/cli/quickstep. */
static void look_near_program(search *s)
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
            if (snprintf(folder, sizeof folder, "%s/%s", program, places[i]) >=
                    (int)sizeof folder ||
                access(folder, F_OK) != 0)
                continue;
            look_in(s, folder);
        }
    }
}

qs_status app_find_model(const char *name, char **path)
{
    search s = { .name = name ? name : APP_DEFAULT_MODEL };
    const bool is_path = name && (strchr(name, '/') || is_model(name));
    if (!is_path) {
        look_in_list(&s, getenv("QUICKSTEP_MODELS"));
        look_near_program(&s);
        look_in(&s, QS_MODELS_DIR);
    }
    if (!s.found && !is_path && access(s.name, F_OK) != 0)
        return app_error(QS_ERROR_MODEL, "no model \"%s\" here or in %s", s.name, s.looked);
    *path = s.found ? s.found : strdup(s.name); /* qs_model_open says what is wrong with it */
    if (!*path)
        return app_error(QS_ERROR_MEMORY, "no memory");
    return QS_OK;
}
