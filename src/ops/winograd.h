/* The 3x3 convolution with stride 1 by Winograd's algorithm: three nodes, NAME.points,
 * NAME.products and NAME. Where it works in bands, each has its three; in all but the last NAME is
 * NAME.bandI. What conv2d.c needs. */
#ifndef QS_OPS_WINOGRAD_H
#define QS_OPS_WINOGRAD_H

#include "ops/op_support.h"

/* Whether it can be computed so, on this device. tile: 2 or 4 output pixels to a side. */
bool winograd_can(const graph *g, const conv2d_params *p, const tensor *y, uint32_t tile);

/* Whether that is the default. */
bool winograd_pays(const graph *g, const conv2d_params *p, const tensor *y, uint32_t tile);

tensor_id winograd_weight(graph *g, const conv2d_params *p, uint32_t tile);

/* Appends the nodes that write y. weight: of winograd_weight; bias: of weight_vector, or NO_TENSOR
 * (p's own are not looked at). */
void winograd_append(graph *g, const char *name, const conv2d_params *p, tensor_id weight,
                     tensor_id bias, tensor_id y, uint32_t tile);

#endif
