#include "weights/safetensors_file.h"
#include "core/half.h"
#include "core/status.h"
#include "weights/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors data is little endian");

/* ------------------------------------------------------------------------------------------- */
/* Opening                                                                                      */

static qs_status check_header_length(const char *path, uint64_t header_bytes, uint64_t file_bytes)
{
    if (header_bytes > HEADER_FORMAT_MAX)
        return qs_error(QS_ERROR_MODEL,
                        "%s: header length %llu is over the format's limit of %d bytes", path,
                        (unsigned long long)header_bytes, HEADER_FORMAT_MAX);
    if (header_bytes > file_bytes - 8)
        return qs_error(QS_ERROR_MODEL, "%s: header length %llu, but the file has only %llu bytes",
                        path, (unsigned long long)header_bytes, (unsigned long long)file_bytes);
    if (header_bytes == 0)
        return qs_error(QS_ERROR_MODEL, "%s: header length 0", path);
    if (header_bytes > HEADER_BYTES_MAX)
        return qs_error(QS_ERROR_MODEL, "%s: header of %llu bytes, at most %d are supported", path,
                        (unsigned long long)header_bytes, HEADER_BYTES_MAX);
    return QS_OK;
}

/* The header is read, not looked at through the mapping: a file that shrinks at this moment must be
 * an error and not SIGBUS. */
static qs_status read_header(qs_safetensors *file)
{
    qs_status status = QS_OK;
    unsigned char length[8];
    char *text = NULL;
    uint64_t header_bytes = 0;

    if (file->map_bytes < sizeof length)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: %zu bytes are too few, a safetensors file starts with 8 bytes of header "
                     "length",
                     file->path, file->map_bytes));
    TRY(file_read(file->fd, file->path, 0, length, sizeof length));
    for (int i = 7; i >= 0; i--)
        header_bytes = header_bytes << 8 | length[i];
    TRY(check_header_length(file->path, header_bytes, file->map_bytes));

    text = malloc(header_bytes);
    if (!text)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for a header of %llu bytes", file->path,
                     (unsigned long long)header_bytes));
    TRY(file_read(file->fd, file->path, sizeof length, text, header_bytes));
    file->data_offset = sizeof length + header_bytes;
    TRY(safetensors_parse_header(file, text, header_bytes, file->map_bytes - file->data_offset));

fail:
    free(text);
    return status;
}

static qs_status map_file(qs_safetensors *file)
{
    uint64_t size = 0;
    const qs_status status = file_open(file->path, &file->fd, &size);
    if (status != QS_OK)
        return status;
    if (size > SIZE_MAX)
        return qs_error(QS_ERROR_MEMORY, "%s: %llu bytes do not fit the address space", file->path,
                        (unsigned long long)size);
    file->map_bytes = size;
    if (size == 0) /* cannot be mapped; read_header refuses it */
        return QS_OK;
    void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file->fd, 0);
    if (map == MAP_FAILED)
        return qs_error(QS_ERROR_MEMORY, "%s: cannot map %zu bytes: %s", file->path,
                        file->map_bytes, strerror(errno));
    file->map = map;
    return QS_OK;
}

qs_status qs_safetensors_open(const char *path, qs_safetensors **file)
{
    qs_status status = QS_OK;
    if (!path || !file)
        return qs_error(QS_ERROR_USAGE, "qs_safetensors_open: NULL argument");
    *file = NULL;
    qs_safetensors *f = calloc(1, sizeof *f);
    if (!f)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory", path);
    f->fd = -1;
    f->path = arena_strdup(&f->arena, path);
    if (!f->path)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory", path));
    TRY(map_file(f));
    TRY(read_header(f));
    *file = f;
    return QS_OK;

fail:
    qs_safetensors_close(f);
    return status;
}

void qs_safetensors_close(qs_safetensors *file)
{
    if (!file)
        return;
    if (file->map)
        munmap(file->map, file->map_bytes);
    if (file->fd >= 0)
        close(file->fd);
    arena_finish(&file->arena);
    free(file);
}

/* ------------------------------------------------------------------------------------------- */
/* Looking things up                                                                            */

size_t qs_safetensors_count(const qs_safetensors *file)
{
    return file ? file->count : 0;
}

const qs_tensor *qs_safetensors_at(const qs_safetensors *file, size_t index)
{
    return file && index < file->count ? &file->tensors[index] : NULL;
}

static int compare_name(const void *name, const void *tensor)
{
    return strcmp(name, (*(const qs_tensor *const *)tensor)->name);
}

const qs_tensor *qs_safetensors_find(const qs_safetensors *file, const char *name)
{
    if (!file || !name || file->count == 0)
        return NULL;
    const qs_tensor *const *found =
        bsearch(name, file->by_name, file->count, sizeof *file->by_name, compare_name);
    return found ? *found : NULL;
}

const char *qs_safetensors_metadata(const qs_safetensors *file, const char *key)
{
    if (!file || !key)
        return NULL;
    for (size_t i = 0; i < file->metadata_count; i++)
        if (strcmp(file->metadata[2 * i], key) == 0)
            return file->metadata[2 * i + 1];
    return NULL;
}

/* ------------------------------------------------------------------------------------------- */
/* Reading values                                                                               */

#define CONVERT(type, expression)                                                                  \
    for (size_t i = 0; i < count; i++) {                                                           \
        type x;                                                                                    \
        memcpy(&x, bytes + i * sizeof x, sizeof x);                                                \
        values[i] = (expression);                                                                  \
    }                                                                                              \
    return

static bool is_convertible(qs_dtype dtype)
{
    return dtype != QS_DTYPE_BOOL && dtype != QS_DTYPE_F8_E4M3 && dtype != QS_DTYPE_F8_E5M2;
}

static void convert(qs_dtype dtype, const unsigned char *bytes, size_t count, float *values)
{
    switch (dtype) {
    case QS_DTYPE_F64: CONVERT(double, (float)x);
    case QS_DTYPE_F32: memcpy(values, bytes, count * sizeof *values); return;
    case QS_DTYPE_F16: CONVERT(uint16_t, float_from_half(x));
    case QS_DTYPE_BF16: CONVERT(uint16_t, float_from_bf16(x));
    case QS_DTYPE_I64: CONVERT(int64_t, (float)x);
    case QS_DTYPE_I32: CONVERT(int32_t, (float)x);
    case QS_DTYPE_I16: CONVERT(int16_t, (float)x);
    case QS_DTYPE_I8: CONVERT(int8_t, (float)x);
    case QS_DTYPE_U64: CONVERT(uint64_t, (float)x);
    case QS_DTYPE_U32: CONVERT(uint32_t, (float)x);
    case QS_DTYPE_U16: CONVERT(uint16_t, (float)x);
    case QS_DTYPE_U8: CONVERT(uint8_t, (float)x);
    case QS_DTYPE_BOOL:
    case QS_DTYPE_F8_E4M3:
    case QS_DTYPE_F8_E5M2: return; /* refused before */
    }
}

/* A tensor of another file would read this one's bytes. */
static bool is_of(const qs_safetensors *file, const qs_tensor *tensor)
{
    const uintptr_t map = (uintptr_t)file->map, data = (uintptr_t)tensor->data;
    return data >= map + file->data_offset && data - map <= file->map_bytes &&
           tensor->size_bytes <= file->map_bytes - (data - map);
}

/* pread in small pieces and not the mapping: no size check can be made at the same moment as a load
 * through the mapping, so only a read turns a file truncated under us into an error instead of
 * SIGBUS. Float32 goes straight to `values`; a piece of the rest stays in the cache. */
qs_status qs_safetensors_read_floats(const qs_safetensors *file, const qs_tensor *tensor,
                                     float *values)
{
    if (!file || !tensor || !values)
        return qs_error(QS_ERROR_USAGE, "qs_safetensors_read_floats: NULL argument");
    if (!is_of(file, tensor))
        return qs_error(QS_ERROR_USAGE, "%s: tensor \"%s\" is not of this file", file->path,
                        tensor->name ? tensor->name : "");
    if (!is_convertible(tensor->dtype))
        return qs_error(QS_ERROR_MODEL, "%s: tensor \"%s\" is %s, which cannot be read as floats",
                        file->path, tensor->name, qs_dtype_name(tensor->dtype));
    qs_status status = QS_OK;
    const uint64_t offset = (uint64_t)((const unsigned char *)tensor->data - file->map);
    if (tensor->dtype == QS_DTYPE_F32) {
        TRY(file_read(file->fd, file->path, offset, values, tensor->size_bytes));
        return QS_OK;
    }
    unsigned char piece[16384];
    const size_t element_bytes = qs_dtype_size_bytes(tensor->dtype);
    for (size_t done = 0; done < tensor->size_bytes;) {
        const size_t left = tensor->size_bytes - done;
        const size_t bytes = left < sizeof piece ? left : sizeof piece;
        TRY(file_read(file->fd, file->path, offset + done, piece, bytes));
        convert(tensor->dtype, piece, bytes / element_bytes, values + done / element_bytes);
        done += bytes;
    }
    return QS_OK;

fail:
    return qs_error_prefix(status, "tensor \"%s\"", tensor->name);
}
