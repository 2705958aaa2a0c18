/* Convolutions and products whose workgroups go through shared memory: conv2d_matrix.comp and
 * conv2d_staged.comp. */
#ifndef QS_OPS_CONV2D_STAGED_H
#define QS_OPS_CONV2D_STAGED_H

#include "ops/ops.h"

#include "ops/conv2d_staged_tiles.h"

/* Tiles for y = p, the fastest by estimate first; returns their number. 0: no matrix units, or not
 * halves, or, by lanes, few output channels. */
uint32_t conv2d_staged_tiles(const graph *g, staged_units units, const conv2d_params *p,
                             const tensor *y, staged_tile tiles[STAGED_TILES_MAX]);

/* For matrix units. source: keys, rows and shape of the weight. By lanes it is conv2d_weight's. */
tensor_id conv2d_matrix_weight(graph *g, const conv2d_params *p, const weight *source);

/* Appends the node `name` for y = p; in front of it NAME.parts if the sums are split. linear: the
 * op's name is "linear", not "conv2d". weight: packed for the tile's units; bias: of weight_vector,
 * or NO_TENSOR (p's own are not looked at). */
void conv2d_staged_append(graph *g, bool linear, const char *name, const conv2d_params *p,
                          tensor_id weight, tensor_id bias, tensor_id y, staged_tile tile);

#endif
