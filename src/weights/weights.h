/* A component's weight files: one safetensors file or shards with an index. */
#ifndef QS_WEIGHTS_WEIGHTS_H
#define QS_WEIGHTS_WEIGHTS_H

#include <quickstep/safetensors.h>

typedef struct weight_files weight_files;

/* dir: the component's folder ("DIR/unet"). The first of these that exists is opened, the others
 * are not looked at:
 *     diffusion_pytorch_model.safetensors
 *     diffusion_pytorch_model.safetensors.index.json, with its shards
 *     diffusion_pytorch_model.fp16.safetensors
 *     diffusion_pytorch_model.safetensors.index.fp16.json, with its shards
 * Index and shards must list the same tensors. A .bin file only: refused by name. */
qs_status weight_files_open(const char *dir, weight_files **files);
void weight_files_close(weight_files *files);
const char *weight_files_dir(const weight_files *files);
size_t weight_files_count(const weight_files *files);
const qs_tensor *weight_files_at(const weight_files *files, size_t index); /* sorted by name */
const qs_tensor *weight_files_find(const weight_files *files, const char *name); /* or NULL */
/* tensor: of these files */
qs_status weight_files_read_floats(const weight_files *files, const qs_tensor *tensor,
                                   float *values);

#endif
