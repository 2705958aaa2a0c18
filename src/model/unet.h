/* diffusers.UNet2DModel as a graph (diffusers: models/unets/unet_2d.py, unet_2d_blocks.py). */
#ifndef QS_MODEL_UNET_H
#define QS_MODEL_UNET_H

#include "model/config.h"
#include "ops/ops.h"

typedef struct unet_inputs {
    tensor_id sample;  /* [n, h, w, in_channels], the graph's storage type */
    tensor_id time;    /* f32 [n] */
    tensor_id segment; /* f32 [n], read only with config->segment_embedding */
    tensor_id labels;  /* [n], u32 or f32 by unet_labels_are_numbers; read only with classes */
} unet_inputs;

/* Returns the model's output [n, h, w, out_channels]. Errors are in graph_status(). */
tensor_id unet_build(graph *g, const unet_config *config, const unet_inputs *inputs);

#endif
