/* Where models are found by name. */
#ifndef APP_MODELS_H
#define APP_MODELS_H

#include "common/error.h"

#define APP_DEFAULT_MODEL "sprites"

/*
 * The folder of a model, to be freed by the caller. `name`: a folder; or the name of a model in
 * (in this order) a folder of $QUICKSTEP_MODELS (a list with ":" between), assets/models of the
 * source tree that the program was built in, share/quickstep/models beside the program's bin, the
 * installed data folder. NULL: APP_DEFAULT_MODEL. QS_ERROR_MODEL says where it was looked for and
 * what there is.
 */
qs_status app_find_model(const char *name, char **path);

typedef struct app_model {
    char *name, *path; /* path: the folder; a folder of that name where one works goes before it */
} app_model;

/* Every model that app_find_model knows by name, autoencoders too, each name once: the default one
 * first, the others sorted. To be freed with app_free_models; without any *models is NULL. */
qs_status app_list_models(app_model **models, uint32_t *count);
void app_free_models(app_model *models, uint32_t count);

#endif
