/* transformers.CLIPTextModel and CLIPTextModelWithProjection as a graph (transformers:
 * models/clip/modeling_clip.py). */
#ifndef QS_MODEL_TEXT_ENCODER_H
#define QS_MODEL_TEXT_ENCODER_H

#include "model/config.h"
#include "ops/ops.h"

typedef struct text_encoder_output {
    tensor_id states; /* [n, tokens, 1, hidden_size]: what the config says the network reads */
    tensor_id pooled; /* [n, 1, 1, projection_dim, or hidden_size]: the state at the text's end */
} text_encoder_output;

/* ids: u32 state [n, 1, 1, tokens]; ends: u32 state [n, 1, 1, 1], or NO_TENSOR: no pooled state.
 * prefix: what the names of the weights begin with, "text_model" or "" as transformers 5 writes
 * them. What nobody reads is not there: without a pooled state a penultimate one needs no last
 * layer. */
text_encoder_output text_encoder_build(graph *g, const text_encoder_config *config,
                                       const char *prefix, tensor_id ids, tensor_id ends);

/* Where in ids [count] the state lies that stands for the whole text (pooler_output): the first
 * eos_token_id, or with the old configs' 2 the largest id; 0 where there is none. */
uint32_t text_encoder_end(const text_encoder_config *config, const uint32_t *ids, uint32_t count);

#endif
