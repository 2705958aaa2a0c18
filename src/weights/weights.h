/* A component's weight files: one safetensors file or shards with an index. */
#ifndef QS_WEIGHTS_WEIGHTS_H
#define QS_WEIGHTS_WEIGHTS_H

#include "weights/low_rank.h"

typedef struct weight_files weight_files;

/* How the names of weights begin: diffusers' and transformers' ("model.safetensors"). */
#define WEIGHTS_DIFFUSERS "diffusion_pytorch_model"
#define WEIGHTS_TRANSFORMERS "model"

/* dir: the component's folder ("DIR/unet"); stem: one of the above. Without a variant (NULL) the
 * first of these that is there, the others are not looked at: diffusion_pytorch_model.safetensors
 *     diffusion_pytorch_model.safetensors.index.json, with its shards
 *     the folder's one variant
 * and with a variant, say "fp16":
 *     diffusion_pytorch_model.fp16.safetensors
 *     diffusion_pytorch_model.safetensors.index.fp16.json, with its shards
 * Index and shards must list the same tensors. Pickles (.bin, .pt, .ckpt) are refused by name. */
qs_status weight_files_open(const char *dir, const char *stem, const char *variant,
                            weight_files **files);
void weight_files_close(weight_files *files);
const char *weight_files_dir(const weight_files *files);
size_t weight_files_count(const weight_files *files);

/* Sorted by name. The name is today's: attention weights of old files, "query.weight", are found
 * as "to_q.weight", too, and what wrappers put in front of all names ("module.", "unet.", "model.",
 * "_orig_mod.") is left out, with a notice; the tensor's own name is the file's. NULL past the
 * last. */
const qs_tensor *weight_files_at(const weight_files *files, size_t index);
const char *weight_files_name(const weight_files *files, size_t index);
const qs_tensor *weight_files_find(const weight_files *files, const char *name); /* or NULL */

/* What `name` is called in old files; false: the same. */
typedef struct tensor_name {
    char text[528];
} tensor_name;
bool weight_old_name(const char *name, tensor_name *old);

/* Whenever the tensor of this name is read, `added` is added, behind what was added before; it
 * outlives the files. */
void weight_files_add(weight_files *files, const char *name, low_rank *added);

/* tensor: of these files */
qs_status weight_files_read_floats(const weight_files *files, const qs_tensor *tensor,
                                   float *values);

#endif
