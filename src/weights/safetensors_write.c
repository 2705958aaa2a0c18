#include "weights/safetensors_file.h"
#include "core/status.h"
#include "weights/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------------------------------- */
/* The header                                                                                   */

static qs_status check_tensor(const char *path, const qs_tensor *tensor)
{
    uint64_t element_count, size_bytes;
    if (!tensor->name || text_has_control(tensor->name) || strlen(tensor->name) > TENSOR_NAME_MAX ||
        strcmp(tensor->name, "__metadata__") == 0)
        return qs_error(QS_ERROR_USAGE,
                        "%s: a tensor's name is NULL, \"__metadata__\", over %d bytes or has a "
                        "control character",
                        path, TENSOR_NAME_MAX);
    if (tensor->rank > QS_RANK_MAX || qs_dtype_size_bytes(tensor->dtype) == 0)
        return qs_error(QS_ERROR_USAGE, "%s: tensor \"%s\": rank %u, dtype %d", path, tensor->name,
                        tensor->rank, (int)tensor->dtype);
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (tensor->shape[i] > INT64_MAX)
            return qs_error(QS_ERROR_USAGE, "%s: tensor \"%s\": shape[%u] is absurd", path,
                            tensor->name, i);
    if (!safetensors_size(tensor, &element_count, &size_bytes) || size_bytes != tensor->size_bytes)
        return qs_error(QS_ERROR_USAGE,
                        "%s: tensor \"%s\": size_bytes %zu is not that of its shape", path,
                        tensor->name, tensor->size_bytes);
    if (!tensor->data && size_bytes != 0)
        return qs_error(QS_ERROR_USAGE, "%s: tensor \"%s\": data is NULL", path, tensor->name);
    return QS_OK;
}

static qs_status add_metadata(const char *path, json_t *root, const char *const *metadata)
{
    json_t *object = json_object();
    if (json_object_set_new(root, "__metadata__", object) != 0)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory for the header", path);
    for (; metadata[0]; metadata += 2)
        if (!metadata[1] || json_object_set_new(object, metadata[0], json_string(metadata[1])) != 0)
            return qs_error(QS_ERROR_USAGE, "%s: metadata \"%s\" is not UTF-8 or has no value",
                            path, metadata[0]);
    return QS_OK;
}

static qs_status add_tensor(const char *path, json_t *root, const qs_tensor *tensor, size_t begin)
{
    const qs_status status = check_tensor(path, tensor);
    if (status != QS_OK)
        return status;
    if (json_object_get(root, tensor->name))
        return qs_error(QS_ERROR_USAGE, "%s: two tensors are called \"%s\"", path, tensor->name);
    json_t *shape = json_array();
    for (uint32_t i = 0; i < tensor->rank; i++)
        json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i]));
    json_t *info =
        json_pack("{s:s, s:o, s:[I, I]}", "dtype", qs_dtype_name(tensor->dtype), "shape", shape,
                  "data_offsets", (json_int_t)begin, (json_int_t)(begin + tensor->size_bytes));
    if (json_object_set_new(root, tensor->name, info) != 0)
        return qs_error(QS_ERROR_USAGE, "%s: a tensor's name is not UTF-8, or no memory", path);
    return QS_OK;
}

/* *header: the 8 bytes of length, the JSON and spaces up to a multiple of 8, to be freed. */
static qs_status make_header(const char *path, const qs_tensor *tensors, size_t count,
                             const char *const *metadata, char **header, size_t *header_bytes)
{
    qs_status status = QS_OK;
    size_t data_bytes = 0;
    char *text = NULL;
    json_t *root = json_object();
    if (!root)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for the header", path));
    if (count > TENSOR_COUNT_MAX)
        TRY(qs_error(QS_ERROR_USAGE, "%s: %zu tensors, at most %d are supported", path, count,
                     TENSOR_COUNT_MAX));
    if (metadata)
        TRY(add_metadata(path, root, metadata));
    for (size_t i = 0; i < count; i++) {
        TRY(add_tensor(path, root, &tensors[i], data_bytes));
        data_bytes += tensors[i].size_bytes;
    }
    text = json_dumps(root, JSON_COMPACT);
    const size_t text_bytes = text ? strlen(text) : 0, padded_bytes = (text_bytes + 7) / 8 * 8;
    char *bytes = text ? malloc(8 + padded_bytes) : NULL;
    if (!bytes)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for the header", path));
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)padded_bytes >> (8 * i));
    memcpy(bytes + 8, text, text_bytes);
    memset(bytes + 8 + text_bytes, ' ', padded_bytes - text_bytes);
    *header = bytes;
    *header_bytes = 8 + padded_bytes;
    if (padded_bytes > HEADER_BYTES_MAX)
        status = qs_error(QS_ERROR_USAGE, "%s: header of %zu bytes, at most %d are supported", path,
                          padded_bytes, HEADER_BYTES_MAX);
fail:
    free(text);
    json_decref(root);
    return status;
}

/* ------------------------------------------------------------------------------------------- */
/* The file                                                                                     */

static qs_status write_all(int fd, const char *path, const void *bytes, size_t count)
{
    for (size_t done = 0; done < count;) {
        const size_t left = count - done, most = (size_t)1 << 30;
        const ssize_t put = write(fd, (const char *)bytes + done, left < most ? left : most);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return qs_error(QS_ERROR_WRITE, "%s: cannot write: %s", path, strerror(errno));
        done += (size_t)put;
    }
    return QS_OK;
}

/* A new file beside `path`, with the permissions an ordinary open gives (mkstemp's are 0600) and
 * less of its name where that leaves no room for the rest. */
static qs_status open_temporary(const char *path, char **temporary, int *fd)
{
    const size_t room = strlen(path) + 40;
    const char *base = path + strlen(path);
    while (base > path && !strchr(QS_PATH_SEPARATORS, base[-1]))
        base--;
    char *name = malloc(room);
    if (!name)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory", path);
    for (int i = 0; i < 100; i++) {
        snprintf(name, room, "%.*s%.200s.%ld-%d.tmp", (int)(base - path), path, base,
                 (long)getpid(), i);
        *fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd >= 0 || errno != EEXIST)
            break;
    }
    if (*fd < 0) {
        const int error = errno;
        free(name);
        return qs_error(QS_ERROR_WRITE, "%s: cannot write: %s", path, strerror(error));
    }
    *temporary = name;
    return QS_OK;
}

qs_status qs_safetensors_write(const char *path, const qs_tensor *tensors, size_t count,
                               const char *const *metadata)
{
    qs_status status = QS_OK;
    char *header = NULL, *temporary = NULL;
    size_t header_bytes = 0;
    int fd = -1;

    if (!path || (!tensors && count != 0))
        return qs_error(QS_ERROR_USAGE, "qs_safetensors_write: NULL argument");
    TRY(make_header(path, tensors, count, metadata, &header, &header_bytes));
    TRY(open_temporary(path, &temporary, &fd));
    TRY(write_all(fd, path, header, header_bytes));
    for (size_t i = 0; i < count; i++)
        TRY(write_all(fd, path, tensors[i].data, tensors[i].size_bytes));
    const bool stored = fsync(fd) == 0; /* or a rename could leave an empty file */
    const bool closed = close(fd) == 0;
    fd = -1;
    if (!stored || !closed || rename(temporary, path) != 0)
        TRY(qs_error(QS_ERROR_WRITE, "%s: cannot write: %s", path, strerror(errno)));
    free(temporary);
    free(header);
    return QS_OK;

fail:
    if (fd >= 0)
        close(fd);
    if (temporary)
        unlink(temporary);
    free(temporary);
    free(header);
    return status;
}
