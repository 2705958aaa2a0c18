/* The picture files that a recipe names. */
#ifndef APP_RECIPE_FILES_H
#define APP_RECIPE_FILES_H

#include "common/recipe.h"

/* Warns of files that the recipe names and that are not there or have changed since. */
void app_recipe_warn_of_files(const app_recipe *recipe);

/* Where a file that the recipe of the picture `png` names is: as it is named, or beside the
 * picture, which a program may have saved both of. hash: of the recipe, "": any. QS_ERROR_USAGE: it
 * is in neither place, or another one by now. */
qs_status app_recipe_find_file(const char *png, const char *name, const char *hash, char *path,
                               size_t size);

#endif
