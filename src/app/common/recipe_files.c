#include "common/recipe_files.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void warn_of_file(const char *path, const char *hash)
{
    char now[APP_HASH_SIZE];
    if (!path[0])
        return;
    if (app_file_hash(path, now) != QS_OK)
        app_warning("%s, which the picture was drawn from", app_error_message());
    else if (hash[0] && strcmp(now, hash) != 0)
        app_warning("%s has changed since the picture was drawn from it: another will come of it",
                    path);
}

void app_recipe_warn_of_files(const app_recipe *recipe)
{
    warn_of_file(recipe->init, recipe->init_hash);
    warn_of_file(recipe->mask, recipe->mask_hash);
}

static void beside(const char *png, const char *name, char *path, size_t size)
{
    const char *folder_end = strrchr(png, '/'), *base = strrchr(name, '/');
    snprintf(path, size, "%.*s%s", folder_end ? (int)(folder_end + 1 - png) : 0, png,
             base ? base + 1 : name);
}

qs_status app_recipe_find_file(const char *png, const char *name, const char *hash, char *path,
                               size_t size)
{
    char now[APP_HASH_SIZE], place[4096];
    bool changed = false;
    beside(png, name, place, sizeof place);
    const char *places[] = { place, name };
    for (int i = 0; i < 2; i++) {
        if (access(places[i], R_OK) != 0 || app_file_hash(places[i], now) != QS_OK)
            continue;
        snprintf(path, size, "%s", places[i]);
        if (!hash[0] || strcmp(now, hash) == 0)
            return QS_OK;
        changed = true;
    }
    if (changed)
        return app_error(QS_ERROR_USAGE, "%s was drawn from %s, which has changed since", png,
                         path);
    return app_error(QS_ERROR_USAGE, "%s was drawn from %s, which is neither beside it nor here",
                     png, name);
}
