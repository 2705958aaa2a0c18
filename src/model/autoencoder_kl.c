/* diffusers.AutoencoderKL (models/autoencoders/autoencoder_kl.py, vae.py). */
#include "model/autoencoder_kinds.h"
#include "model/blocks.h"
#include "model/layers.h"

static const float NORM_EPS = 1e-6f;

static block_options options_of(const autoencoder_config *c)
{
    return (block_options){ .norm_groups = c->norm_num_groups,
                            .norm_eps = NORM_EPS,
                            .activation = ACTIVATION_SILU,
                            .output_divisor = 1 };
}

static tensor_id conv(graph *g, const char *name, tensor_id x, uint32_t channels, uint32_t kernel)
{
    return layer_conv2d(g, name, x, channels, kernel, NO_TENSOR, NO_TENSOR);
}

static tensor_id resnet(graph *g, const autoencoder_config *c, uint32_t index, tensor_id x,
                        uint32_t channels)
{
    const block_options options = options_of(c);
    graph_push_scope(g, "resnets.%u", index);
    x = block_resnet(g, &options,
                     &(resnet_params){ .x = x, .embedding = NO_TENSOR, .out_channels = channels });
    graph_pop_scope(g);
    return x;
}

/* UNetMidBlock2D without a time. */
static tensor_id mid_block(graph *g, const autoencoder_config *c, tensor_id x)
{
    const block_options options = options_of(c);
    const uint32_t channels = graph_channels(g, x);
    graph_push_scope(g, "mid_block");
    x = resnet(g, c, 0, x, channels);
    if (c->mid_block_add_attention) {
        graph_push_scope(g, "attentions.0");
        x = block_attention(g, &options, x, options.norm_groups, channels);
        graph_pop_scope(g);
    }
    x = resnet(g, c, 1, x, channels);
    graph_pop_scope(g);
    return x;
}

static tensor_id head(graph *g, const autoencoder_config *c, tensor_id x, uint32_t channels)
{
    x = layer_group_norm(g, "conv_norm_out", x, c->norm_num_groups, NORM_EPS, NO_TENSOR,
                         ACTIVATION_SILU);
    return conv(g, "conv_out", x, channels, 3);
}

/* DownEncoderBlock2D */
static tensor_id down_block(graph *g, const autoencoder_config *c, uint32_t stage, tensor_id x)
{
    graph_push_scope(g, "down_blocks.%u", stage);
    for (uint32_t i = 0; i < c->layers_per_block; ++i)
        x = resnet(g, c, i, x, c->block_out_channels[stage]);
    if (stage + 1 < c->stage_count) {
        graph_push_scope(g, "downsamplers.0");
        x = layer_downsample(g, x, 0);
        graph_pop_scope(g);
    }
    graph_pop_scope(g);
    return x;
}

/* UpDecoderBlock2D */
static tensor_id up_block(graph *g, const autoencoder_config *c, uint32_t index, tensor_id x)
{
    const uint32_t channels = c->block_out_channels[c->stage_count - 1 - index];
    graph_push_scope(g, "up_blocks.%u", index);
    for (uint32_t i = 0; i <= c->layers_per_block; ++i)
        x = resnet(g, c, i, x, channels);
    if (index + 1 < c->stage_count) {
        graph_push_scope(g, "upsamplers.0");
        x = layer_upsample(g, x, channels);
        graph_pop_scope(g);
    }
    graph_pop_scope(g);
    return x;
}

tensor_id autoencoder_kl_encode(graph *g, const autoencoder_config *c, tensor_id x)
{
    graph_push_scope(g, "encoder");
    x = conv(g, "conv_in", x, c->block_out_channels[0], 3);
    for (uint32_t stage = 0; stage < c->stage_count; ++stage)
        x = down_block(g, c, stage, x);
    x = mid_block(g, c, x);
    x = head(g, c, x, 2 * c->latent_channels);
    graph_pop_scope(g);
    return c->use_quant_conv ? conv(g, "quant_conv", x, 2 * c->latent_channels, 1) : x;
}

tensor_id autoencoder_kl_decode(graph *g, const autoencoder_config *c, tensor_id x)
{
    if (c->use_post_quant_conv)
        x = conv(g, "post_quant_conv", x, c->latent_channels, 1);
    graph_push_scope(g, "decoder");
    x = conv(g, "conv_in", x, c->block_out_channels[c->stage_count - 1], 3);
    x = mid_block(g, c, x);
    for (uint32_t i = 0; i < c->stage_count; ++i)
        x = up_block(g, c, i, x);
    x = head(g, c, x, c->image_channels);
    graph_pop_scope(g);
    return x;
}
