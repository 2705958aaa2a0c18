/* What openai/consistency_models published about its checkpoints beside the weights. */
#ifndef QS_MODEL_PUBLISHED_H
#define QS_MODEL_PUBLISHED_H

#include "model/config.h"

#include <jansson.h>

/*
 * Fills trained_steps and two_step_index of a consistency model's scheduler (others are left
 * alone): one step is what such a model is for, and for most of the published ones there is a
 * second point of the grid, found by search (scripts/launch.sh). The model is recognised by a name
 * in the folder's path ("diffusers-cd_bedroom256_l2", "models--openai--diffusers-ct_cat256") or in
 * a "_name_or_path" of the files (entries of `files` may be NULL), or by what only it has.
 */
void published_steps(const char *unet_dir, const json_t *const *files, size_t file_count,
                     const unet_config *unet, scheduler_config *scheduler);

#endif
