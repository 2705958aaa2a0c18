/* What a UNet2DConditionModel makes of a prompt before it draws: the same for every step. */
#ifndef QS_MODEL_UNET_CONDITION_H
#define QS_MODEL_UNET_CONDITION_H

#include "model/config.h"
#include "ops/ops.h"

/* Of the text encoders and the caller; f32 states. */
typedef struct unet_words {
    tensor_id states;   /* [texts, tokens, 1, cross_attention_dim] */
    tensor_id pooled;   /* [texts, 1, 1, pooled_dim], read only where the config has one */
    tensor_id weights;  /* [n, 1, 1, 4]: of text i and of text i + second (op_blend) */
    tensor_id guidance; /* [rows]: 1000 * (scale - 1), read only with time_cond_proj_dim */
    tensor_id time_ids; /* [rows, 1, 1, TIME_IDS], read only with time_id_dim */
    uint32_t second;
} unet_words;

/* NO_TENSOR where the network has none. */
typedef struct unet_condition {
    tensor_id keys_values; /* [n, tokens, 1, all]: model/transformer.h, the graph's storage type */
    tensor_id prompt;      /* f32 [rows, 1, 1, time_embedding_dim], added to the time's embedding */
    tensor_id guidance; /* f32 [rows, 1, 1, block_out_channels[0]], added to the time's sinusoids */
} unet_condition;

/* The states `condition`, `prompt_embedding`, `guidance_embedding`. */
unet_condition unet_condition_states(graph *g, const unet_config *config, uint32_t n,
                                     uint32_t tokens, uint32_t rows);

void unet_condition_build(graph *g, const unet_config *config, const unet_words *words,
                          const unet_condition *to);

#endif
