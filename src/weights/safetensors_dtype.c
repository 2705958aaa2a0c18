/* Element types, and the size of tensors of them. */
#include "weights/safetensors_file.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size_bytes;
} dtypes[] = {
    [QS_DTYPE_F64] = { "F64", 8 },         [QS_DTYPE_F32] = { "F32", 4 },
    [QS_DTYPE_F16] = { "F16", 2 },         [QS_DTYPE_BF16] = { "BF16", 2 },
    [QS_DTYPE_I64] = { "I64", 8 },         [QS_DTYPE_I32] = { "I32", 4 },
    [QS_DTYPE_I16] = { "I16", 2 },         [QS_DTYPE_I8] = { "I8", 1 },
    [QS_DTYPE_U64] = { "U64", 8 },         [QS_DTYPE_U32] = { "U32", 4 },
    [QS_DTYPE_U16] = { "U16", 2 },         [QS_DTYPE_U8] = { "U8", 1 },
    [QS_DTYPE_BOOL] = { "BOOL", 1 },       [QS_DTYPE_F8_E4M3] = { "F8_E4M3", 1 },
    [QS_DTYPE_F8_E5M2] = { "F8_E5M2", 1 },
};

enum { DTYPE_COUNT = sizeof dtypes / sizeof dtypes[0] };

const char *qs_dtype_name(qs_dtype dtype)
{
    return (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].name : "unknown";
}

size_t qs_dtype_size_bytes(qs_dtype dtype)
{
    return (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].size_bytes : 0;
}

bool safetensors_dtype_parse(const char *name, qs_dtype *dtype)
{
    for (unsigned i = 0; i < DTYPE_COUNT; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            *dtype = (qs_dtype)i;
            return true;
        }
    }
    return false;
}

bool safetensors_size(const qs_tensor *tensor, uint64_t *element_count, uint64_t *size_bytes)
{
    *element_count = 1;
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (__builtin_mul_overflow(*element_count, tensor->shape[i], element_count))
            return false;
    const uint64_t element_bytes = qs_dtype_size_bytes(tensor->dtype);
    return !__builtin_mul_overflow(*element_count, element_bytes, size_bytes);
}
