/* Tensors of safetensors files as float arrays of a known shape. */
#ifndef CLI_TENSORS_H
#define CLI_TENSORS_H

#include "engine.h"

#include <quickstep/safetensors.h>

/* "[1, 4, 64, 64]", in a buffer of its own; valid until the next call. */
const char *cli_shape_text(const qs_tensor *tensor);

/* The tensor's `count` numbers, to be freed by the caller. */
qs_status cli_read_values(const qs_safetensors *file, const qs_tensor *tensor, size_t count,
                          float **values);

/* A tensor [n, channels, h, w], h and w the model's latent's, to be freed by the caller; *count
 * receives n, 1 .. count_max. QS_ERROR_USAGE names file, tensor and shapes. */
qs_status cli_read_latents(const cli_engine *engine, const char *path, const qs_safetensors *file,
                           const char *name, uint32_t channels, uint32_t count_max, float **values,
                           uint32_t *count);

/* A tensor [steps, n, c, h, w] likewise; *values stays NULL where the file has none. */
qs_status cli_read_step_latents(const cli_engine *engine, const char *path,
                                const qs_safetensors *file, const char *name, uint32_t steps,
                                uint32_t count, float **values);

/* A tensor of `count` numbers, or of one, which then stands for all; to be freed by the caller.
 * *values stays NULL where the file has no such tensor and it is not required. */
qs_status cli_read_vector(const char *path, const qs_safetensors *file, const char *name,
                          bool required, uint32_t count, float **values);

/* One float tensor [n, c, h, w] as a file. metadata as in qs_safetensors_write. */
qs_status cli_write_pictures(const char *path, const char *name, const float *values, uint32_t n,
                             uint32_t c, uint32_t h, uint32_t w, const char *const *metadata);

#endif
