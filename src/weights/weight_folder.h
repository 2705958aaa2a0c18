/* Which files of a component's folder hold its weights. */
#ifndef QS_WEIGHTS_WEIGHT_FOLDER_H
#define QS_WEIGHTS_WEIGHT_FOLDER_H

#include "core/status.h"

typedef struct weight_choice {
    char name[256]; /* in the folder */
    bool is_index;  /* the JSON that lists shards */
} weight_choice;

/* As weight_files_open says. QS_ERROR_MODEL: names what there is instead. */
qs_status weight_folder_choose(const char *dir, const char *stem, const char *variant,
                               weight_choice *choice);

/* *has: weights of this variant under their name. */
qs_status weight_folder_has(const char *dir, const char *stem, const char *variant, bool *has);

#endif
