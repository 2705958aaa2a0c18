/*
 * Files that belong to a device. The pipeline cache's: a header of our own, then what the driver
 * gave. Drivers have crashed on data that was not theirs, so it reaches them only if every field
 * agrees; anything else is a miss.
 */
#include "gpu/internal.h"

#include "core/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
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

enum { UUID_TEXT_BYTES = 2 * VK_UUID_SIZE + 1 };

static void format_uuid(const uint8_t uuid[VK_UUID_SIZE], char text[UUID_TEXT_BYTES])
{
    for (size_t i = 0; i < VK_UUID_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", uuid[i]);
}

/* Once a process: the cache saves seconds, and a program that starts slowly does not say why. */
static void notice(const char *format, const char *path, const char *why)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&said))
        log_line(QS_LOG_WARNING, format, path, why);
}

static char *format_path(const gpu_physical *physical, const char *name, const char *ending)
{
    char uuid[UUID_TEXT_BYTES], *file = NULL;
    const char *fault;
    char *folder = gpu_cache_folder(&fault);
    format_uuid(physical->info.uuid, uuid);
    if (fault)
        notice("the cache folder %s is not used: %s; every start compiles anew", folder, fault);
    else if (folder && asprintf(&file, "%s/%s-%s.%s", folder, name, uuid, ending) < 0)
        file = NULL;
    free(folder);
    return file;
}

char *gpu_cache_path(const gpu_physical *physical)
{
    return format_path(physical, "pipelines", "bin");
}

char *gpu_cache_file(const qs_device *device, const char *name, const char *ending)
{
    return format_path(&device->physical, name, ending);
}

void gpu_device_identity(const qs_device *device, char identity[GPU_IDENTITY_BYTES])
{
    const gpu_physical *p = &device->physical;
    char uuid[UUID_TEXT_BYTES];
    format_uuid(p->pipeline_cache_uuid, uuid);
    snprintf(identity, GPU_IDENTITY_BYTES, "%x:%x driver %x %s shaders %016llx", p->vendor_id,
             p->device_id, p->driver_version, uuid, (unsigned long long)shader_table_hash);
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

/* Removes what programs that were killed while they wrote this file have left: PATH.XXXXXX of more
 * than an hour ago. */
static void sweep(const char *path)
{
    static const time_t HOUR = 3600;
    const char *name = strrchr(path, '/') + 1;
    const size_t length = strlen(name), folder_length = (size_t)(name - path);
    char *left = malloc(strlen(path) + sizeof ".XXXXXX");
    if (!left)
        return;
    snprintf(left, folder_length + 1, "%s", path);
    DIR *folder = opendir(left);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        struct stat info;
        if (strlen(entry->d_name) != length + strlen(".XXXXXX") || entry->d_name[length] != '.' ||
            strncmp(entry->d_name, name, length) != 0)
            continue;
        strcpy(left + folder_length, entry->d_name);
        if (lstat(left, &info) == 0 && S_ISREG(info.st_mode) && info.st_mtime < time(NULL) - HOUR)
            unlink(left);
    }
    if (folder)
        closedir(folder);
    free(left);
}

bool gpu_cache_write(const char *path, const void *head, size_t head_bytes, const void *data,
                     size_t bytes)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return false;
    make_folders(temporary);
    const int file = mkostemp(temporary, O_CLOEXEC);
    bool written = file >= 0 && write_all(file, head, head_bytes) && write_all(file, data, bytes);
    if (file >= 0)
        written = close(file) == 0 && written;
    if (written)
        written = rename(temporary, path) == 0;
    if (!written)
        notice("%s cannot be written, and every start compiles anew: %s", path, strerror(errno));
    if (!written && file >= 0)
        unlink(temporary);
    sweep(path);
    free(temporary);
    return written;
}

void gpu_cache_save(const gpu_physical *physical, const char *path, const void *data, size_t size)
{
    if (size == 0 || size > payload_max)
        return;
    const struct cache_header header = make_header(physical, data, size);
    gpu_cache_write(path, &header, sizeof header, data, size);
}
