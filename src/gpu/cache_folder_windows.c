/* The folder of the files that belong to a device: %LOCALAPPDATA%/quickstep, which is this user's
 * alone. */
#include "gpu/internal.h"

#include <stdio.h>
#include <stdlib.h>

char *gpu_cache_folder(const char **fault)
{
    *fault = NULL;
    const char *local = getenv("LOCALAPPDATA");
    char *path = NULL;
    if (!local || !local[0] || asprintf(&path, "%s/quickstep", local) < 0)
        return NULL;
    for (char *c = path; *c; c++)
        *c = *c == '\\' ? '/' : *c;
    return path;
}
