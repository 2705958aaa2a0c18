/* conv2d.comp: what linear.c needs besides ops.h. A product with a matrix is a 1x1 convolution. */
#ifndef QS_OPS_CONV2D_H
#define QS_OPS_CONV2D_H

#include "ops/conv2d_inputs.h"
#include "ops/conv2d_packing.h"
#include "ops/conv2d_staged.h"

/* The variant chosen. */
typedef enum conv2d_algorithm { CONV2D_DIRECT, CONV2D_WINOGRAD, CONV2D_STAGED } conv2d_algorithm;

typedef struct conv2d_way {
    conv2d_algorithm algorithm;
    union {
        conv2d_tile direct;
        uint32_t winograd; /* output pixels to a side of a tile */
        staged_tile staged;
    };
} conv2d_way;

/* Its weight is conv2d_matrix_weight's; of Winograd's algorithm it is winograd_weight's. */
static inline bool conv2d_on_matrices(const conv2d_way *way)
{
    return way->algorithm == CONV2D_STAGED && way->staged.units == STAGED_MATRIX;
}

/* Params of a node that conv2d_dispatch can run: a convolution, directly. */
typedef struct conv2d_node {
    conv2d_params conv;
    conv2d_tile tile;
} conv2d_node;

void conv2d_dispatch(const graph *g, const node *self, op_dispatch *d);

/* source: keys, rows and shape, [co, ci, kernel, kernel] or [co, ci]. Packed for conv2d.comp. */
tensor_id conv2d_weight(graph *g, const weight *source);

/* Appends the node of a convolution that conv2d.comp computes. op: with conv2d_dispatch; weight: of
 * conv2d_weight; bias: of weight_vector, or NO_TENSOR (p's own are not looked at). */
void conv2d_append(graph *g, const op *op, const char *name, const conv2d_params *p,
                   tensor_id weight, tensor_id bias, tensor_id y, conv2d_tile tile);

/* How y = p is to be computed. False, and the graph failed, if one dispatch cannot cover y. p's
 * weight need not be named. */
bool conv2d_choose(graph *g, const char *name, const conv2d_params *p, const tensor *y,
                   conv2d_way *way);

#endif
