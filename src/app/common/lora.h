/* --lora FILE[:SCALE], given several times. */
#ifndef APP_LORA_H
#define APP_LORA_H

#include "common/error.h"

enum { APP_LORAS_MAX = 16, APP_LORA_PATH_SIZE = 1024 };

typedef struct app_loras {
    qs_lora list[APP_LORAS_MAX];
    char paths[APP_LORAS_MAX][APP_LORA_PATH_SIZE];
    uint32_t count;
} app_loras;

/* texts: what was given, ended by NULL, or NULL. A number behind the last colon is the scale.
 * *loras points into itself. QS_ERROR_USAGE. */
qs_status app_loras_parse(char *const *texts, app_loras *loras);

#endif
