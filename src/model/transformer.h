/* diffusers.Transformer2DModel (models/transformers/transformer_2d.py, models/attention.py): pixels
 * that look at each other, then at the words. */
#ifndef QS_MODEL_TRANSFORMER_H
#define QS_MODEL_TRANSFORMER_H

#include "ops/ops.h"

/* Keys and values of the words for every cross attention of a network, in its order; each layer
 * takes what is next. */
typedef struct word_cursor {
    tensor_id
        keys_values; /* [n, tokens, 1, 2 * channels of all]: to_k(states), to_v(states) of each */
    uint32_t channel;
} word_cursor;

typedef struct transformer_params {
    uint32_t heads, layers, norm_groups;
    bool linear_projection;    /* use_linear_projection: proj_in, proj_out are linears */
    bool only_cross_attention; /* attn1 looks at the words, too */
} transformer_params;

tensor_id transformer_2d(graph *g, const transformer_params *params, word_cursor *words,
                         tensor_id x);

#endif
