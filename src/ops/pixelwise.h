/* Ops that make each pixel by itself, of the same pixel of their inputs. */
#ifndef QS_OPS_PIXELWISE_H
#define QS_OPS_PIXELWISE_H

#include "ops/op_support.h"

/* graph_node of such an op; in[0 .. pixel_inputs) have y's pixels, the others are read whole. Where
 * one of these is larger than what the device binds, a node for each band of pixels, counted
 * through all images. */
void pixelwise_node(graph *g, const op *op, const char *name, const tensor_id *in,
                    uint32_t in_count, uint32_t pixel_inputs, tensor_id y, const void *params,
                    size_t params_bytes, double flops);

#endif
