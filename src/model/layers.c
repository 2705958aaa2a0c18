#include "model/layers.h"

#include <math.h>

static const char *key(graph *g, const char *name, const char *what)
{
    return graph_format(g, "%s.%s", graph_name(g, name), what);
}

conv2d_params layer_conv2d_params(graph *g, const char *name, tensor_id x, uint32_t out_channels,
                                  uint32_t kernel)
{
    return conv2d_same(x, key(g, name, "weight"), key(g, name, "bias"), out_channels, kernel);
}

tensor_id layer_conv2d(graph *g, const char *name, tensor_id x, uint32_t out_channels,
                       uint32_t kernel, tensor_id embedding, tensor_id residual)
{
    conv2d_params p = layer_conv2d_params(g, name, x, out_channels, kernel);
    p.embedding = embedding;
    p.residual = residual;
    return op_conv2d(g, name, &p);
}

tensor_id layer_upsample(graph *g, tensor_id x, uint32_t out_channels)
{
    conv2d_params p = layer_conv2d_params(g, "conv", x, out_channels, 3);
    p.upsample = true;
    return op_conv2d(g, "conv", &p);
}

tensor_id layer_downsample(graph *g, tensor_id x, uint32_t padding)
{
    conv2d_params p = layer_conv2d_params(g, "conv", x, graph_channels(g, x), 3);
    p.stride = 2;
    p.pad_top = p.pad_left = padding;
    p.pad_bottom = p.pad_right = padding == 0 ? 1 : padding; /* F.pad(x, (0, 1, 0, 1)) */
    return op_conv2d(g, "conv", &p);
}

tensor_id layer_linear(graph *g, const char *name, tensor_id x, uint32_t out_channels, bool bias,
                       activation activation)
{
    return op_linear(g, name,
                     &(linear_params){ .x = x,
                                       .weights = { key(g, name, "weight") },
                                       .biases = { bias ? key(g, name, "bias") : NULL },
                                       .count = 1,
                                       .residual = NO_TENSOR,
                                       .out_channels = out_channels,
                                       .activation = activation });
}

tensor_id layer_linear_add(graph *g, const char *name, tensor_id x, tensor_id residual)
{
    return op_linear(g, name,
                     &(linear_params){ .x = x,
                                       .weights = { key(g, name, "weight") },
                                       .biases = { key(g, name, "bias") },
                                       .count = 1,
                                       .residual = residual,
                                       .out_channels = graph_channels(g, residual) });
}

/* Those of to_q, to_k and to_v from `first` on, side by side. */
static tensor_id project(graph *g, const char *name, tensor_id x, bool bias, uint32_t first,
                         uint32_t count)
{
    static const char *const names[] = { "to_q", "to_k", "to_v" };
    linear_params p = {
        .x = x, .count = count, .residual = NO_TENSOR, .out_channels = graph_channels(g, x)
    };
    for (uint32_t i = 0; i < count; ++i) {
        p.weights[i] = key(g, names[first + i], "weight");
        p.biases[i] = bias ? key(g, names[first + i], "bias") : NULL;
    }
    return op_linear(g, name, &p);
}

/* q, k and v of an image, as bands are. */
static bool are_bound_together(const graph *g, const tensor *x)
{
    const uint64_t bytes = (uint64_t)x->h * x->w * 3 * ceil4(x->c) * dtype_bytes(x->type);
    return bytes + GPU_ALIGNMENT <= g->limits->storage_range_bytes;
}

tensor_id layer_self_attention(graph *g, tensor_id x, uint32_t head_width, bool bias)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const uint32_t heads = graph_channels(g, x) / head_width;
    const float scale = 1.0f / sqrtf((float)head_width);
    if (are_bound_together(g, graph_tensor(g, x))) {
        const attention_params p = { project(g, "to_qkv", x, bias, 0, 3), heads, scale };
        return op_attention(g, "attention", &p);
    }
    const cross_attention_params p = { .q = project(g, "to_q", x, bias, 0, 1),
                                       .kv = project(g, "to_kv", x, bias, 1, 2),
                                       .heads = heads,
                                       .scale = scale };
    return op_cross_attention(g, "attention", &p);
}

tensor_id layer_group_norm(graph *g, const char *name, tensor_id x, uint32_t groups, float eps,
                           tensor_id scale_shift, activation activation)
{
    return op_group_norm(g, name,
                         &(group_norm_params){ .x = x,
                                               .weight = key(g, name, "weight"),
                                               .bias = key(g, name, "bias"),
                                               .scale_shift = scale_shift,
                                               .groups = groups,
                                               .eps = eps,
                                               .activation = activation });
}

tensor_id layer_layer_norm(graph *g, const char *name, tensor_id x, float eps)
{
    return op_layer_norm(g, name, x, key(g, name, "weight"), key(g, name, "bias"), eps);
}
