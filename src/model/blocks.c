#include "model/blocks.h"

#include "model/layers.h"

static tensor_id scale_output(graph *g, const block_options *o, tensor_id x)
{
    return o->output_divisor == 1 ? x : op_rescale(g, "output_scale", x, 1 / o->output_divisor, 0);
}

tensor_id block_resnet(graph *g, const block_options *o, const resnet_params *p)
{
    const bool shortcut = graph_channels(g, p->x) != p->out_channels;
    tensor_id x = p->x;
    tensor_id h =
        layer_group_norm(g, "norm1", x, o->norm_groups, o->norm_eps, NO_TENSOR, o->activation);
    if (p->resample == RESAMPLE_DOWN) {
        h = op_avg_pool(g, "resample_hidden", h);
        x = op_avg_pool(g, "resample_input", x);
    }
    conv2d_params conv1 = layer_conv2d_params(g, "conv1", h, p->out_channels, 3);
    conv1.embedding = p->scale_shift ? NO_TENSOR : p->embedding;
    conv1.upsample = p->resample == RESAMPLE_UP;
    h = op_conv2d(g, "conv1", &conv1);
    h = layer_group_norm(g, "norm2", h, o->norm_groups, o->norm_eps,
                         p->scale_shift ? p->embedding : NO_TENSOR, o->activation);
    if (shortcut)
        x = layer_conv2d(g, "conv_shortcut", x, p->out_channels, 1, NO_TENSOR, NO_TENSOR);
    conv2d_params conv2 = layer_conv2d_params(g, "conv2", h, p->out_channels, 3);
    conv2.residual = x;
    conv2.upsample_residual = p->resample == RESAMPLE_UP; /* a 1x1 shortcut commutes with it */
    return scale_output(g, o, op_conv2d(g, "conv2", &conv2));
}

tensor_id block_attention(graph *g, const block_options *o, tensor_id x, uint32_t norm_groups,
                          uint32_t head_width)
{
    tensor_id h = x;
    if (norm_groups)
        h = layer_group_norm(g, "group_norm", x, norm_groups, o->norm_eps, NO_TENSOR,
                             ACTIVATION_NONE);
    h = layer_self_attention(g, h, head_width, true);
    return scale_output(g, o, layer_linear_add(g, "to_out.0", h, x));
}
