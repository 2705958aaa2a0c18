/*
 * Reading and writing safetensors files, strictly: a file that breaks any rule of the format is
 * refused with QS_ERROR_MODEL naming file and tensor.
 */
#ifndef QUICKSTEP_SAFETENSORS_H
#define QUICKSTEP_SAFETENSORS_H

#include <quickstep/quickstep.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum qs_dtype {
    QS_DTYPE_F64, QS_DTYPE_F32, QS_DTYPE_F16, QS_DTYPE_BF16,
    QS_DTYPE_I64, QS_DTYPE_I32, QS_DTYPE_I16, QS_DTYPE_I8,
    QS_DTYPE_U64, QS_DTYPE_U32, QS_DTYPE_U16, QS_DTYPE_U8, QS_DTYPE_BOOL,
    QS_DTYPE_F8_E4M3, QS_DTYPE_F8_E5M2,
} qs_dtype;

enum { QS_RANK_MAX = 8 };

typedef struct qs_tensor {
    const char *name;
    qs_dtype dtype;
    uint32_t rank;
    uint64_t shape[QS_RANK_MAX];
    /* Little endian, row major. Of an opened file: in the mapping, perhaps unaligned; if somebody
     * truncates the file, touching it is SIGBUS, where qs_safetensors_read_floats is an error. */
    const void *data;
    size_t size_bytes;
} qs_tensor;

typedef struct qs_safetensors qs_safetensors;

QS_API const char *qs_dtype_name(qs_dtype dtype); /* "F32" */
QS_API size_t qs_dtype_size_bytes(qs_dtype dtype);

/* Maps the file. Names and data stay valid until close. Refused beside what breaks the format: a
 * header over 4 MiB, over 8,192 tensors, a rank over 8, a name over 512 bytes or with control
 * characters, dtypes not listed above. */
QS_API qs_status qs_safetensors_open(const char *path, qs_safetensors **file);
QS_API void qs_safetensors_close(qs_safetensors *file);
QS_API size_t qs_safetensors_count(const qs_safetensors *file);
/* By position in the file, by name, and a value of the metadata; NULL if there is none. */
QS_API const qs_tensor *qs_safetensors_at(const qs_safetensors *file, size_t index);
QS_API const qs_tensor *qs_safetensors_find(const qs_safetensors *file, const char *name);
QS_API const char *qs_safetensors_metadata(const qs_safetensors *file, const char *key);

/* F32, F16, BF16, F64 -> float; the integers are converted too. QS_ERROR_MODEL for other types or
 * if the file has shrunk since it was opened, QS_ERROR_USAGE for another file's tensor. values:
 * room for the product of the shape. */
QS_API qs_status qs_safetensors_read_floats(const qs_safetensors *file, const qs_tensor *tensor,
                                            float *values);

/* Writes a new file or none: a temporary beside it, renamed at the end. metadata: key, value,
 * key, value, ..., NULL; or NULL. The data is laid out in the order given. QS_ERROR_WRITE. */
QS_API qs_status qs_safetensors_write(const char *path, const qs_tensor *tensors, size_t count,
                                      const char *const *metadata);

#ifdef __cplusplus
}
#endif
#endif
