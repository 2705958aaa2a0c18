#include "common/file_hash.h"

#include "common/input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

qs_status app_file_hash(const char *path, char hash[APP_HASH_SIZE])
{
    uint64_t h = 0xcbf29ce484222325u;
    uint8_t block[4096];
    size_t got;
    FILE *file;
    const qs_status status = app_input_open(path, &file);
    if (status != QS_OK)
        return status;
    while ((got = fread(block, 1, sizeof block, file)) > 0)
        for (size_t i = 0; i < got; i++)
            h = (h ^ block[i]) * 0x100000001b3u;
    const bool failed = ferror(file);
    fclose(file);
    if (failed)
        return app_error(QS_ERROR_USAGE, "%s: %s", path, strerror(errno));
    snprintf(hash, APP_HASH_SIZE, "%016" PRIx64, h);
    return QS_OK;
}
