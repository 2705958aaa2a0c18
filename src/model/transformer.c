#include "model/transformer.h"

#include "model/layers.h"

#include <math.h>

static const float GROUP_NORM_EPS = 1e-6f, LAYER_NORM_EPS = 1e-5f; /* no config says otherwise */

/* x + attention of norm_x to itself */
static tensor_id self_attention(graph *g, uint32_t heads, tensor_id norm_x, tensor_id x)
{
    const tensor_id y = layer_self_attention(g, norm_x, graph_channels(g, x) / heads, false);
    return layer_linear_add(g, "to_out.0", y, x);
}

/* x + attention of norm_x to the words */
static tensor_id word_attention(graph *g, uint32_t heads, word_cursor *words, tensor_id norm_x,
                                tensor_id x)
{
    const uint32_t channels = graph_channels(g, x);
    const cross_attention_params p = {
        .q = layer_linear(g, "to_q", norm_x, channels, false, ACTIVATION_NONE),
        .kv = graph_part(g, "words", words->keys_values, words->channel, 2 * channels),
        .heads = heads,
        .scale = 1.0f / sqrtf((float)(channels / heads)),
    };
    words->channel += 2 * channels;
    return layer_linear_add(g, "to_out.0", op_cross_attention(g, "attention", &p), x);
}

/* diffusers.models.attention.BasicTransformerBlock */
static tensor_id block(graph *g, const transformer_params *p, word_cursor *words, tensor_id x)
{
    const uint32_t channels = graph_channels(g, x);
    tensor_id h = layer_layer_norm(g, "norm1", x, LAYER_NORM_EPS);
    graph_push_scope(g, "attn1");
    x = p->only_cross_attention ? word_attention(g, p->heads, words, h, x)
                                : self_attention(g, p->heads, h, x);
    graph_pop_scope(g);
    h = layer_layer_norm(g, "norm2", x, LAYER_NORM_EPS);
    graph_push_scope(g, "attn2");
    x = word_attention(g, p->heads, words, h, x);
    graph_pop_scope(g);
    h = layer_layer_norm(g, "norm3", x, LAYER_NORM_EPS);
    graph_push_scope(g, "ff.net");
    h = layer_linear(g, "0.proj", h, 8 * channels, true, ACTIVATION_NONE);
    h = op_geglu(g, "0.geglu", h);
    x = layer_linear_add(g, "2", h, x);
    graph_pop_scope(g);
    return x;
}

/* proj_in and proj_out: x of as many channels, + residual */
static tensor_id projection(graph *g, const transformer_params *p, const char *name, tensor_id x,
                            tensor_id residual)
{
    const uint32_t channels = graph_channels(g, x);
    if (!p->linear_projection)
        return layer_conv2d(g, name, x, channels, 1, NO_TENSOR, residual);
    return residual == NO_TENSOR ? layer_linear(g, name, x, channels, true, ACTIVATION_NONE)
                                 : layer_linear_add(g, name, x, residual);
}

tensor_id transformer_2d(graph *g, const transformer_params *p, word_cursor *words, tensor_id x)
{
    tensor_id h =
        layer_group_norm(g, "norm", x, p->norm_groups, GROUP_NORM_EPS, NO_TENSOR, ACTIVATION_NONE);
    h = projection(g, p, "proj_in", h, NO_TENSOR);
    for (uint32_t i = 0; i < p->layers; ++i) {
        graph_push_scope(g, "transformer_blocks.%u", i);
        h = block(g, p, words, h);
        graph_pop_scope(g);
    }
    return projection(g, p, "proj_out", h, x);
}
