/* Where models are found by name. */
#ifndef APP_MODELS_H
#define APP_MODELS_H

#include "common/error.h"

#define APP_DEFAULT_MODEL "sprites"

/*
 * The folder of a model, to be freed by the caller. `name`: a folder; or the name of a model in
 * (in this order) a folder of $QUICKSTEP_MODELS (a list with ":" between), assets/models of the
 * source tree that the program was built in, share/quickstep/models beside the program's bin, the
 * installed data folder. NULL: APP_DEFAULT_MODEL. QS_ERROR_MODEL says where it was looked for.
 */
qs_status app_find_model(const char *name, char **path);

#endif
