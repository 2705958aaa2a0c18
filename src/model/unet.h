/* diffusers.UNet2DModel and UNet2DConditionModel as a graph (diffusers: models/unets/unet_2d.py,
 * unet_2d_condition.py, unet_2d_blocks.py). */
#ifndef QS_MODEL_UNET_H
#define QS_MODEL_UNET_H

#include "model/unet_condition.h"

typedef struct unet_inputs {
    tensor_id sample;  /* [n, h, w, in_channels], the graph's storage type */
    tensor_id time;    /* f32 [n] */
    tensor_id segment; /* f32 [n], read only with config->segment_embedding */
    tensor_id labels;  /* [n], u32 or f32 by unet_labels_are_numbers; read only with classes */
    /* f32 [m, 1, 1, 4]: `labels` are [2 m], and image i has weights[i % m] of label i % m and of
     * label i % m + m (op_blend); or NO_TENSOR */
    tensor_id label_weights;
    /* [n, 1, 1, unet_projection_channels], what unet_build_projections made of these, of which then
     * only time is read; or NO_TENSOR: the network makes it itself */
    tensor_id projections;
    unet_condition condition; /* read only with config->cross_attention_dim */
} unet_inputs;

/* What depends on time, segment and labels only: every resnet's projection of their embedding, side
 * by side in the state `to` [n, 1, 1, unet_projection_channels]. */
void unet_build_projections(graph *g, const unet_config *config, const unet_inputs *inputs,
                            tensor_id to);
uint32_t unet_projection_channels(graph *g, const unet_config *config);

/* Returns the model's output [n, h, w, out_channels]. Errors are in graph_status(). */
tensor_id unet_build(graph *g, const unet_config *config, const unet_inputs *inputs);

#endif
