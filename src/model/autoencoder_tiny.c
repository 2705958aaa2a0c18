/* diffusers.AutoencoderTiny (models/autoencoders/autoencoder_tiny.py, vae.py) and its Flux.2 kind.
 */
#include "model/autoencoder_kinds.h"

#include "model/layers.h"

#include <stdio.h>

static const float GROUP_NORM_EPS = 1e-5f; /* torch.nn.GroupNorm's default */
enum { POOL_GROUPS = 4, POOL_WIDENING = 4 };

/* What varies from convolution to convolution; its padding is kernel / 2. */
typedef struct conv_options {
    uint32_t kernel, stride;
    bool bias;
    tensor_id residual;
    activation activation;
} conv_options;

static const conv_options PLAIN = { 3, 1, true, NO_TENSOR, ACTIVATION_NONE };
static const conv_options WITH_RELU = { 3, 1, true, NO_TENSOR, ACTIVATION_RELU };
static const conv_options NO_BIAS = { 3, 1, false, NO_TENSOR, ACTIVATION_NONE };
static const conv_options HALVING = { 3, 2, false, NO_TENSOR, ACTIVATION_NONE };

/* Convolution "NAME" with the weight NAME.weight and perhaps NAME.bias. */
static tensor_id conv(graph *g, const char *name, tensor_id x, uint32_t out_channels,
                      conv_options options)
{
    char weight[32], bias[32];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    conv2d_params p =
        conv2d_same(x, graph_name(g, weight), options.bias ? graph_name(g, bias) : NULL,
                    out_channels, options.kernel);
    p.residual = options.residual;
    p.stride = options.stride;
    p.activation = options.activation;
    return op_conv2d(g, name, &p);
}

/* The same, as entry `index` of a torch.nn.Sequential. */
static tensor_id layer(graph *g, uint32_t index, tensor_id x, uint32_t out_channels,
                       conv_options options)
{
    char name[16];
    snprintf(name, sizeof name, "%u", index);
    return conv(g, name, x, out_channels, options);
}

static tensor_id pool(graph *g, tensor_id x, uint32_t width)
{
    conv_options product = { 1, 1, false, NO_TENSOR, ACTIVATION_NONE };
    tensor_id h = conv(g, "pool.0", x, POOL_WIDENING * width, product);
    h = layer_group_norm(g, "pool.1", h, POOL_GROUPS, GROUP_NORM_EPS, NO_TENSOR, ACTIVATION_RELU);
    product.residual = x;
    return conv(g, "pool.3", h, width, product);
}

/* diffusers.AutoencoderTinyBlock; its skip is the identity, since all widths are equal. */
static tensor_id block(graph *g, uint32_t index, tensor_id x, uint32_t width, bool with_pool)
{
    graph_push_scope(g, "%u", index);
    if (with_pool)
        x = pool(g, x, width);
    tensor_id h = conv(g, "conv.0", x, width, WITH_RELU);
    h = conv(g, "conv.2", h, width, WITH_RELU);
    conv_options last = WITH_RELU;
    last.residual = x;
    h = conv(g, "conv.4", h, width, last);
    graph_pop_scope(g);
    return h;
}

tensor_id autoencoder_tiny_encode(graph *g, const autoencoder_config *c, tensor_id x)
{
    uint32_t index = 0;
    const uint32_t width = c->encoder_width;
    graph_push_scope(g, "encoder.layers");
    for (uint32_t stage = 0; stage < c->stage_count; ++stage) {
        x = layer(g, index++, x, width, stage == 0 ? PLAIN : HALVING);
        for (uint32_t i = 0; i < c->encoder_blocks[stage]; ++i)
            x = block(g, index++, x, width, c->use_midblock_gn && stage + 1 == c->stage_count);
    }
    x = layer(g, index, x, c->latent_channels, PLAIN);
    graph_pop_scope(g);
    return x;
}

tensor_id autoencoder_tiny_decode(graph *g, const autoencoder_config *c, tensor_id x)
{
    uint32_t index = 2; /* 1 is the ReLU behind the first convolution */
    const uint32_t width = c->decoder_width;
    graph_push_scope(g, "decoder");
    x = op_soft_clamp(g, "clamp", x);
    graph_push_scope(g, "layers");
    x = layer(g, 0, x, width, WITH_RELU);
    for (uint32_t stage = 0; stage < c->stage_count; ++stage) {
        const bool last = stage + 1 == c->stage_count;
        for (uint32_t i = 0; i < c->decoder_blocks[stage]; ++i)
            x = block(g, index++, x, width, c->use_midblock_gn && stage == 0);
        if (!last) {
            char name[16];
            snprintf(name, sizeof name, "%u", index++);
            x = op_upsample_nearest(g, name, x);
        }
        x = layer(g, index++, x, last ? c->image_channels : width, last ? PLAIN : NO_BIAS);
    }
    graph_pop_scope(g);
    graph_pop_scope(g);
    return x;
}
