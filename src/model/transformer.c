#include "model/transformer.h"

#include "model/layers.h"

#include <math.h>

static const float GROUP_NORM_EPS = 1e-6f, LAYER_NORM_EPS = 1e-5f; /* no config says otherwise */

static tensor_id to_out(graph *g, tensor_id h, tensor_id residual)
{
    return op_linear(g, "to_out.0",
                     &(linear_params){ .x = h,
                                       .weights = { graph_name(g, "to_out.0.weight") },
                                       .biases = { graph_name(g, "to_out.0.bias") },
                                       .count = 1,
                                       .residual = residual,
                                       .out_channels = graph_channels(g, residual) });
}

/* x + attention of norm_x to itself */
static tensor_id self_attention(graph *g, uint32_t heads, tensor_id norm_x, tensor_id x)
{
    const uint32_t channels = graph_channels(g, x);
    const tensor_id qkv = op_linear(
        g, "to_qkv",
        &(linear_params){ .x = norm_x,
                          .weights = { graph_name(g, "to_q.weight"), graph_name(g, "to_k.weight"),
                                       graph_name(g, "to_v.weight") },
                          .count = 3,
                          .residual = NO_TENSOR,
                          .out_channels = channels });
    const attention_params p = { qkv, heads, 1.0f / sqrtf((float)(channels / heads)) };
    return to_out(g, op_attention(g, "attention", &p), x);
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
    return to_out(g, op_cross_attention(g, "attention", &p), x);
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
    x = op_linear(g, "2",
                  &(linear_params){ .x = h,
                                    .weights = { graph_name(g, "2.weight") },
                                    .biases = { graph_name(g, "2.bias") },
                                    .count = 1,
                                    .residual = x,
                                    .out_channels = channels });
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
    return op_linear(
        g, name,
        &(linear_params){ .x = x,
                          .weights = { graph_format(g, "%s.weight", graph_name(g, name)) },
                          .biases = { graph_format(g, "%s.bias", graph_name(g, name)) },
                          .count = 1,
                          .residual = residual,
                          .out_channels = channels });
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
