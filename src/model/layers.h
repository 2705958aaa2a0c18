/* torch.nn modules under the graph's scope: names become weight keys. */
#ifndef QS_MODEL_LAYERS_H
#define QS_MODEL_LAYERS_H

#include "ops/ops.h"

/* A 3x3 or 1x1 convolution "NAME" with padding kernel / 2; weights NAME.weight and NAME.bias. */
tensor_id layer_conv2d(graph *g, const char *name, tensor_id x, uint32_t out_channels,
                       uint32_t kernel, tensor_id embedding, tensor_id residual);

/* What layer_conv2d gives op_conv2d, without embedding and residual. */
conv2d_params layer_conv2d_params(graph *g, const char *name, tensor_id x, uint32_t out_channels,
                                  uint32_t kernel);

/* diffusers.Upsample2D: x enlarged twice (nearest), and the 3x3 convolution "conv" over it. */
tensor_id layer_upsample(graph *g, tensor_id x, uint32_t out_channels);

/* diffusers.Downsample2D's convolution "conv": 3x3, stride 2, padding 1, or 0 with one row and
 * column of zeros behind. */
tensor_id layer_downsample(graph *g, tensor_id x, uint32_t padding);

tensor_id layer_linear(graph *g, const char *name, tensor_id x, uint32_t out_channels, bool bias,
                       activation activation);

/* linear(x) + residual, as wide as the residual, with a bias. */
tensor_id layer_linear_add(graph *g, const char *name, tensor_id x, tensor_id residual);

/* x's attention to itself: projections to_q, to_k and to_v, as wide as x, and softmax(q k^T /
 * sqrt(head_width)) v. */
tensor_id layer_self_attention(graph *g, tensor_id x, uint32_t head_width, bool bias);

tensor_id layer_layer_norm(graph *g, const char *name, tensor_id x, float eps);

tensor_id layer_group_norm(graph *g, const char *name, tensor_id x, uint32_t groups, float eps,
                           tensor_id scale_shift, activation activation);

#endif
