#include "weights/safetensors_file.h"
#include "core/status.h"
#include "weights/file.h"

#include <stdlib.h>
#include <string.h>

#define METADATA_KEY "__metadata__"

/* ------------------------------------------------------------------------------------------- */
/* Before parsing                                                                               */

/* A list of tensors has one object a tensor and at most 12 commas in it; metadata adds a comma an
 * entry. A header with far more is a bomb: "[1,1,1,..." takes 20 times its size when parsed. */
static qs_status check_header_amount(const char *path, const char *text, size_t text_bytes)
{
    size_t objects = 0, commas = 0;
    bool in_string = false;
    for (size_t i = 0; i < text_bytes; i++) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else {
            in_string = c == '"';
            objects += c == '{';
            commas += c == ',';
        }
    }
    if (objects > TENSOR_COUNT_MAX + 2) /* the header itself and the metadata */
        return qs_error(QS_ERROR_MODEL,
                        "%s: header lists about %zu tensors, at most %d are "
                        "supported",
                        path, objects - 2, TENSOR_COUNT_MAX);
    if (commas > 16 * objects + 4096)
        return qs_error(QS_ERROR_MODEL,
                        "%s: header has %zu list entries for about %zu tensors: not a list of "
                        "tensors",
                        path, commas, objects);
    return QS_OK;
}

/* ------------------------------------------------------------------------------------------- */
/* One tensor                                                                                   */

static qs_status tensor_error(const qs_safetensors *file, const char *name, const char *reason)
{
    return qs_error(QS_ERROR_MODEL, "%s: tensor \"%s\": %s", file->path, name, reason);
}

static qs_status check_name(const qs_safetensors *file, const char *name)
{
    const size_t length = strlen(name);
    if (length > TENSOR_NAME_MAX)
        return qs_error(QS_ERROR_MODEL,
                        "%s: tensor \"%s\": the name has %zu bytes, at most %d are supported",
                        file->path, text_clean(name).text, length, TENSOR_NAME_MAX);
    if (text_has_control(name))
        return qs_error(QS_ERROR_MODEL, "%s: tensor \"%s\": the name has a control character",
                        file->path, text_clean(name).text);
    return QS_OK;
}

static qs_status parse_dtype(const qs_safetensors *file, const json_t *info, qs_tensor *tensor)
{
    const char *dtype = json_string_value(json_object_get(info, "dtype"));
    if (!dtype)
        return tensor_error(file, tensor->name, "\"dtype\" is missing or not a string");
    if (!safetensors_dtype_parse(dtype, &tensor->dtype))
        return qs_error(QS_ERROR_MODEL, "%s: tensor \"%s\": unknown dtype \"%s\"", file->path,
                        tensor->name, text_clean(dtype).text);
    return QS_OK;
}

/* A JSON integer that is not negative; fractions and 1e30 are JSON reals and no sizes. */
static bool get_size(const json_t *value, uint64_t *size)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *size = (uint64_t)json_integer_value(value);
    return true;
}

static qs_status parse_shape(const qs_safetensors *file, const json_t *info, qs_tensor *tensor)
{
    const json_t *shape = json_object_get(info, "shape");
    if (!json_is_array(shape))
        return tensor_error(file, tensor->name, "\"shape\" is missing or not a list");
    if (json_array_size(shape) > QS_RANK_MAX)
        return qs_error(QS_ERROR_MODEL, "%s: tensor \"%s\": rank %zu, at most %d is supported",
                        file->path, tensor->name, json_array_size(shape), QS_RANK_MAX);
    tensor->rank = (uint32_t)json_array_size(shape);
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (!get_size(json_array_get(shape, i), &tensor->shape[i]))
            return qs_error(QS_ERROR_MODEL,
                            "%s: tensor \"%s\": shape[%u] is not an integer of 0 or more",
                            file->path, tensor->name, i);
    return QS_OK;
}

static qs_status parse_range(const qs_safetensors *file, const json_t *info, size_t data_bytes,
                             qs_tensor *tensor)
{
    const json_t *offsets = json_object_get(info, "data_offsets");
    uint64_t begin = 0, end = 0, element_count = 0, size_bytes = 0;
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
        !get_size(json_array_get(offsets, 0), &begin) ||
        !get_size(json_array_get(offsets, 1), &end))
        return tensor_error(file, tensor->name,
                            "\"data_offsets\" is missing or not two integers of 0 or more");
    if (begin > end)
        return qs_error(QS_ERROR_MODEL, "%s: tensor \"%s\": data_offsets [%llu, %llu] go backwards",
                        file->path, tensor->name, (unsigned long long)begin,
                        (unsigned long long)end);
    if (!safetensors_size(tensor, &element_count, &size_bytes))
        return tensor_error(file, tensor->name, "the size of its shape overflows 64 bits");
    if (end - begin != size_bytes)
        return qs_error(QS_ERROR_MODEL,
                        "%s: tensor \"%s\": data_offsets [%llu, %llu] hold %llu bytes, shape and "
                        "dtype %s need %llu",
                        file->path, tensor->name, (unsigned long long)begin,
                        (unsigned long long)end, (unsigned long long)(end - begin),
                        qs_dtype_name(tensor->dtype), (unsigned long long)size_bytes);
    if (end > data_bytes)
        return qs_error(QS_ERROR_MODEL,
                        "%s: tensor \"%s\" ends at byte %llu of the data, the file has only %zu: "
                        "truncated?",
                        file->path, tensor->name, (unsigned long long)end, data_bytes);
    tensor->data = file->map + file->data_offset + begin;
    tensor->size_bytes = (size_t)size_bytes;
    return QS_OK;
}

static qs_status parse_tensor(qs_safetensors *file, const char *name, json_t *info,
                              size_t data_bytes, qs_tensor *tensor)
{
    qs_status status = QS_OK;
    const char *key;
    json_t *value;

    TRY(check_name(file, name));
    if (!json_is_object(info))
        TRY(tensor_error(file, name, "is not described by an object"));
    json_object_foreach(info, key, value) if (strcmp(key, "dtype") != 0 &&
                                              strcmp(key, "shape") != 0 &&
                                              strcmp(key, "data_offsets") != 0)
        TRY(qs_error(QS_ERROR_MODEL, "%s: tensor \"%s\": unknown key \"%s\"", file->path, name,
                     text_clean(key).text));
    tensor->name = arena_strdup(&file->arena, name);
    if (!tensor->name)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for tensor names", file->path));
    TRY(parse_dtype(file, info, tensor));
    TRY(parse_shape(file, info, tensor));
    TRY(parse_range(file, info, data_bytes, tensor));
fail:
    return status;
}

/* ------------------------------------------------------------------------------------------- */
/* All of them                                                                                  */

static qs_status parse_metadata(qs_safetensors *file, json_t *metadata)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return qs_error(QS_ERROR_MODEL, "%s: " METADATA_KEY " is not an object", file->path);
    file->metadata =
        arena_alloc(&file->arena, 2 * json_object_size(metadata), sizeof *file->metadata);
    if (!file->metadata)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory for the metadata", file->path);
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return qs_error(QS_ERROR_MODEL, "%s: " METADATA_KEY ": \"%s\" is not a string",
                            file->path, text_clean(key).text);
        const char **pair = &file->metadata[2 * file->metadata_count++];
        pair[0] = arena_strdup(&file->arena, key);
        pair[1] = arena_strdup(&file->arena, json_string_value(value));
        if (!pair[0] || !pair[1])
            return qs_error(QS_ERROR_MEMORY, "%s: no memory for the metadata", file->path);
    }
    return QS_OK;
}

static int compare_position(const void *a, const void *b)
{
    const qs_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->size_bytes > y->size_bytes) - (x->size_bytes < y->size_bytes);
}

static int compare_name(const void *a, const void *b)
{
    const qs_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* The order in the header is free (a JSON object has none); the data has neither hole nor overlap.
 */
static qs_status check_layout(const qs_safetensors *file, size_t data_bytes)
{
    const unsigned char *const data = file->map + file->data_offset;
    size_t expected = 0;
    for (size_t i = 0; i < file->count; i++) {
        const qs_tensor *tensor = &file->tensors[i];
        const size_t begin = (size_t)((const unsigned char *)tensor->data - data);
        if (begin > expected)
            return qs_error(QS_ERROR_MODEL,
                            "%s: tensor \"%s\" starts at byte %zu of the data, a hole of %zu bytes "
                            "is before it",
                            file->path, tensor->name, begin, begin - expected);
        if (begin < expected)
            return qs_error(QS_ERROR_MODEL,
                            "%s: tensor \"%s\" starts at byte %zu of the data and overlaps "
                            "\"%s\", which ends at %zu",
                            file->path, tensor->name, begin, file->tensors[i - 1].name, expected);
        expected = begin + tensor->size_bytes;
    }
    if (expected != data_bytes)
        return qs_error(QS_ERROR_MODEL,
                        "%s: the last tensor%s%s%s ends at byte %zu of the data, the file has %zu",
                        file->path, file->count ? " \"" : "",
                        file->count ? file->tensors[file->count - 1].name : "",
                        file->count ? "\"" : "", expected, data_bytes);
    return QS_OK;
}

static qs_status parse_root(qs_safetensors *file, json_t *root, size_t data_bytes)
{
    qs_status status = QS_OK;
    const char *key;
    json_t *value;

    if (!json_is_object(root))
        TRY(qs_error(QS_ERROR_MODEL, "%s: header is a JSON array, an object is needed",
                     file->path));
    const size_t capacity = json_object_size(root);
    file->tensors = arena_alloc(&file->arena, capacity, sizeof *file->tensors);
    file->by_name = arena_alloc(&file->arena, capacity, sizeof *file->by_name);
    if (!file->tensors || !file->by_name)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for %zu tensors", file->path, capacity));
    json_object_foreach(root, key, value)
    {
        if (strcmp(key, METADATA_KEY) == 0) {
            TRY(parse_metadata(file, value));
        } else {
            TRY(parse_tensor(file, key, value, data_bytes, &file->tensors[file->count]));
            file->count++;
        }
    }
    qsort(file->tensors, file->count, sizeof *file->tensors, compare_position);
    for (size_t i = 0; i < file->count; i++)
        file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->count, sizeof *file->by_name, compare_name);
    TRY(check_layout(file, data_bytes));
fail:
    return status;
}

qs_status safetensors_parse_header(qs_safetensors *file, const char *text, size_t text_bytes,
                                   size_t data_bytes)
{
    qs_status status = check_header_amount(file->path, text, text_bytes);
    if (status != QS_OK)
        return status;
    json_error_t error;
    json_t *root = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return qs_error(QS_ERROR_MODEL, "%s: header is not valid JSON: %s (line %d, column %d)",
                        file->path, text_clean(error.text).text, error.line, error.column);
    status = parse_root(file, root, data_bytes);
    json_decref(root);
    return status;
}
