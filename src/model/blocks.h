/* diffusers' blocks that UNets and autoencoders are made of, under the graph's scope. */
#ifndef QS_MODEL_BLOCKS_H
#define QS_MODEL_BLOCKS_H

#include "ops/ops.h"

/* What all blocks of a network, or of a part of it, have in common. */
typedef struct block_options {
    uint32_t norm_groups;
    float norm_eps;
    activation activation;
    float output_divisor; /* output_scale_factor and rescale_output_factor */
} block_options;

typedef enum resample { RESAMPLE_NONE, RESAMPLE_UP, RESAMPLE_DOWN } resample;

/* models.resnet.ResnetBlock2D. embedding: time_emb_proj's output, or NO_TENSOR without a time;
 * [n, 1, 1, 2 * out_channels] of resnet_time_scale_shift "scale_shift", otherwise [n, 1, 1,
 * out_channels]. */
typedef struct resnet_params {
    tensor_id x, embedding;
    uint32_t out_channels;
    resample resample;
    bool scale_shift;
} resnet_params;
tensor_id block_resnet(graph *g, const block_options *options, const resnet_params *params);

/* models.attention_processor.Attention: self-attention with a residual, heads of head_width
 * channels; norm_groups 0: no norm. */
tensor_id block_attention(graph *g, const block_options *options, tensor_id x, uint32_t norm_groups,
                          uint32_t head_width);

#endif
