#include "common/lora.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, size_t length, const char *ending)
{
    const size_t ending_length = strlen(ending);
    return length >= ending_length &&
           strncmp(text + length - ending_length, ending, ending_length) == 0;
}

/* *length: of the path in `text`. What follows a colon is the scale if it is a number; if it is
 * none, the colon is the path's, unless a file's ending is in front of it. */
static qs_status parse(const char *text, size_t *length, float *scale)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    *scale = 1;
    *length = strlen(text);
    if (!colon)
        return QS_OK;
    const double value = strtod(colon + 1, &end);
    const bool is_number = end != colon + 1 && !*end;
    if (!is_number && !ends_with(text, (size_t)(colon - text), ".safetensors"))
        return QS_OK;
    if (!is_number || !(fabs(value) <= 1000))
        return app_error(QS_ERROR_USAGE,
                         "--lora wants FILE or FILE:SCALE, a number from -1000 to 1000, not '%s'",
                         colon + 1);
    *length = (size_t)(colon - text);
    *scale = (float)value;
    return QS_OK;
}

qs_status app_loras_parse(char *const *texts, app_loras *loras)
{
    qs_status status = QS_OK;
    size_t length = 0;
    loras->count = 0;
    for (; texts && *texts; ++texts) {
        const uint32_t i = loras->count;
        if (i == APP_LORAS_MAX)
            return app_error(QS_ERROR_USAGE, "--lora is given more than %d times", APP_LORAS_MAX);
        TRY(parse(*texts, &length, &loras->list[i].scale));
        if (length == 0 || length >= APP_LORA_PATH_SIZE)
            return app_error(QS_ERROR_USAGE, "--lora wants a file's name of 1 to %d bytes",
                             APP_LORA_PATH_SIZE - 1);
        snprintf(loras->paths[i], APP_LORA_PATH_SIZE, "%.*s", (int)length, *texts);
        loras->list[i].path = loras->paths[i];
        ++loras->count;
    }
fail:
    return status;
}
