/* conv2d.comp: what linear.c needs besides ops.h. A product with a matrix is a 1x1 convolution. */
#ifndef QS_OPS_CONV2D_H
#define QS_OPS_CONV2D_H

#include "ops/op_support.h"

#include "ops/conv2d_kernel.h"
#include "ops/conv2d_matrix.h"

enum { CONV2D_X, CONV2D_WEIGHT, CONV2D_BIAS, CONV2D_EMBEDDING, CONV2D_RESIDUAL, CONV2D_INPUTS };

typedef struct conv2d_way { /* the variant chosen */
    matrix_tile matrix;     /* of conv2d_matrix.comp, or pixels 0 */
    uint32_t winograd;      /* its tile, or 0: conv2d.comp */
    conv2d_tile tile;       /* of conv2d.comp */
} conv2d_way;

typedef struct conv2d_node { /* params of a node that conv2d_dispatch can run */
    uint32_t kernel, stride, pad_top, pad_left;
    bool upsample, upsample_residual;
    bool one_image; /* nothing tells images apart: they are worked on as one */
    activation activation;
    conv2d_way way; /* conv2d_choose */
} conv2d_node;

void conv2d_dispatch(const graph *g, const node *self, op_dispatch *d);

/* source: keys, rows and shape, [co, ci, kernel, kernel] or [co, ci]. Packed for conv2d.comp. */
tensor_id conv2d_weight(graph *g, const weight *source);

/* Gives the node its way, the last thing that it lacks. False, and the graph failed, if one
 * dispatch cannot cover y. p: what the node computes; its weight need not be named. */
bool conv2d_choose(graph *g, const char *name, const conv2d_params *p, const tensor *y,
                   conv2d_node *node);

#endif
