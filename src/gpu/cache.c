/*
 * The pipeline cache's file: a header of our own, then what the driver gave. Drivers have crashed
 * on data that was not theirs, so it reaches them only if every field agrees; anything else is a
 * miss.
 */
#include "gpu/internal.h"

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHE_VERSION = 1 };
static const uint64_t payload_max = (uint64_t)256 << 20;

struct cache_header {
    char magic[8];
    uint32_t version, vendor_id, device_id, driver_version;
    uint8_t pipeline_cache_uuid[16];
    uint64_t shaders; /* shader_table_hash */
    uint64_t payload_bytes, checksum;
};
_Static_assert(sizeof(struct cache_header) == 64, "the file's layout has no holes");

static struct cache_header make_header(const gpu_physical *physical, const void *data, size_t size)
{
    struct cache_header header = {
        .magic = "QSCACHE",
        .version = CACHE_VERSION,
        .vendor_id = physical->vendor_id,
        .device_id = physical->device_id,
        .driver_version = physical->driver_version,
        .shaders = shader_table_hash,
        .payload_bytes = size,
        .checksum = 0xcbf29ce484222325u,
    };
    memcpy(header.pipeline_cache_uuid, physical->pipeline_cache_uuid, VK_UUID_SIZE);
    for (size_t i = 0; i < size; i++) /* FNV-1a */
        header.checksum = (header.checksum ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
    return header;
}

/* ---- where -------------------------------------------------------------------------------- */

static char *format_path(const gpu_physical *physical, const char *base, const char *middle)
{
    char uuid[33], *path = NULL;
    for (size_t i = 0; i < sizeof physical->info.uuid; i++)
        snprintf(uuid + 2 * i, 3, "%02x", physical->info.uuid[i]);
    if (asprintf(&path, "%s%s/quickstep/pipelines-%s.bin", base, middle, uuid) < 0)
        return NULL;
    return path;
}

char *gpu_cache_path(const gpu_physical *physical)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0] == '/') /* the specification: a relative one is to be ignored */
        return format_path(physical, xdg, "");
    if (home && home[0] == '/')
        return format_path(physical, home, "/.cache");
    return NULL;
}

/* ---- reading ------------------------------------------------------------------------------ */

static bool read_all(int file, void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t got = read(file, (char *)data + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* The file's size, if it is a file that could be a cache; 0 otherwise. */
static size_t plausible_size(int file)
{
    struct stat info;
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) ||
        info.st_size <= (off_t)sizeof(struct cache_header) ||
        (uint64_t)info.st_size > payload_max + sizeof(struct cache_header))
        return 0;
    return (size_t)info.st_size;
}

static void *read_payload(const gpu_physical *physical, int file, size_t *size)
{
    struct cache_header header;
    const size_t file_size = plausible_size(file);
    if (file_size == 0 || !read_all(file, &header, sizeof header))
        return NULL;
    const size_t payload = file_size - sizeof header;
    void *data = malloc(payload);
    if (data && read_all(file, data, payload)) {
        const struct cache_header expected = make_header(physical, data, payload);
        if (memcmp(&header, &expected, sizeof header) == 0) {
            *size = payload;
            return data;
        }
    }
    free(data);
    return NULL;
}

void *gpu_cache_load(const gpu_physical *physical, const char *path, size_t *size)
{
    /* O_NONBLOCK: a FIFO in its place must not stop us */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return NULL;
    void *data = read_payload(physical, file, size);
    close(file);
    log_line(QS_LOG_DEBUG, "pipeline cache %s: %s", path, data ? "used" : "does not fit");
    return data;
}

/* ---- writing ------------------------------------------------------------------------------ */

static bool write_all(int file, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t put = write(file, (const char *)data + done, size - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

/* mkdir -p of the path's folder; what fails shows when the file is created. */
static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
}

void gpu_cache_save(const gpu_physical *physical, const char *path, const void *data, size_t size)
{
    const struct cache_header header = make_header(physical, data, size);
    char *temporary = NULL;
    if (size == 0 || size > payload_max || asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return;
    make_folders(temporary);
    const int file = mkostemp(temporary, O_CLOEXEC);
    bool written =
        file >= 0 && write_all(file, &header, sizeof header) && write_all(file, data, size);
    if (file >= 0)
        written = close(file) == 0 && written;
    if (written) /* whole or not at all, also with two programs at once */
        written = rename(temporary, path) == 0;
    if (!written)
        log_line(QS_LOG_DEBUG, "pipeline cache %s: not written: %s", path, strerror(errno));
    if (!written && file >= 0)
        unlink(temporary);
    free(temporary);
}
