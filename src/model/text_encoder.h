/* transformers.CLIPTextModel as a graph (transformers: models/clip/modeling_clip.py). */
#ifndef QS_MODEL_TEXT_ENCODER_H
#define QS_MODEL_TEXT_ENCODER_H

#include "model/config.h"
#include "ops/ops.h"

/* ids: u32 state [n, 1, 1, tokens]; prefix: what the names of the weights begin with, "text_model"
 * or
 * "" as transformers 5 writes them. Returns last_hidden_state [n, tokens, 1, hidden_size]. */
tensor_id text_encoder_build(graph *g, const text_encoder_config *config, const char *prefix,
                             tensor_id ids);

/* Where in ids [count] the state lies that stands for the whole text (pooler_output): the first
 * eos_token_id, or with the old configs' 2 the largest id; 0 where there is none. */
uint32_t text_encoder_end(const text_encoder_config *config, const uint32_t *ids, uint32_t count);

#endif
