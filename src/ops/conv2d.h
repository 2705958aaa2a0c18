/* conv2d.comp: what linear.c needs besides ops.h. A product with a matrix is a 1x1 convolution. */
#ifndef QS_OPS_CONV2D_H
#define QS_OPS_CONV2D_H

#include "ops/op_support.h"

#include "ops/conv2d_kernel.h"

enum { CONV2D_X, CONV2D_WEIGHT, CONV2D_BIAS, CONV2D_EMBEDDING, CONV2D_RESIDUAL, CONV2D_INPUTS };

typedef struct conv2d_node { /* params of a node that conv2d_dispatch can run */
    uint32_t kernel, stride, pad_top, pad_left;
    bool upsample, upsample_residual;
    bool one_image; /* nothing tells images apart: they are worked on as one */
    activation activation;
} conv2d_node;

void conv2d_dispatch(const graph *g, const node *self, op_dispatch *d);

/* source: keys, rows and shape, [co, ci, kernel, kernel] or [co, ci]. Packed for conv2d.comp. */
tensor_id conv2d_weight(graph *g, const weight *source);

/* False, and the graph failed, if one dispatch cannot cover y. */
bool conv2d_check_size(graph *g, const char *name, const tensor *x, const tensor *y,
                       const conv2d_node *node);

#endif
