/* Convolutions and products on matrix units: conv2d_matrix.comp. */
#ifndef QS_OPS_CONV2D_MATRIX_H
#define QS_OPS_CONV2D_MATRIX_H

#include "ops/ops.h"

#include "ops/conv2d_matrix_packing.h"

/* Tiles for y = p, the fastest by estimate first; returns their number. 0: no matrix units, or
 * not halves. */
uint32_t conv2d_matrix_tiles(const graph *g, const conv2d_params *p, const tensor *y,
                             matrix_tile tiles[MATRIX_TILES_MAX]);

/* source: keys, rows and shape of the weight. */
tensor_id conv2d_matrix_weight(graph *g, const conv2d_params *p, const weight *source);

/* Appends the node `name` for y = p; in front of it NAME.parts if the sums are split. linear: the
 * op's name is "linear", not "conv2d". weight: of conv2d_matrix_weight; bias: of weight_vector, or
 * NO_TENSOR (p's own are not looked at). */
void conv2d_matrix_append(graph *g, bool linear, const char *name, const conv2d_params *p,
                          tensor_id weight, tensor_id bias, tensor_id y, matrix_tile tile);

#endif
