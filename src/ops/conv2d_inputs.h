/* The inputs of a node that computes a convolution, directly or through shared memory. */
#ifndef QS_OPS_CONV2D_INPUTS_H
#define QS_OPS_CONV2D_INPUTS_H

#include "ops/op_support.h"

enum { CONV2D_X, CONV2D_WEIGHT, CONV2D_BIAS, CONV2D_EMBEDDING, CONV2D_RESIDUAL, CONV2D_INPUTS };

/* p's own weight and bias are not looked at. */
void conv2d_inputs(const conv2d_params *p, tensor_id weight, tensor_id bias,
                   tensor_id in[CONV2D_INPUTS]);

/* Of a node that, alone or with others, computes y = p. */
conv2d_args conv2d_args_for(const graph *g, const node *self, const conv2d_params *p, tensor_id y);

/* Bias, embedding and residual: a constant each, whether there is one; and their bindings, followed
 * by the output's. */
void conv2d_constant_inputs(op_dispatch *d, const node *self);
void conv2d_bind_inputs(op_dispatch *d, const node *self);

#endif
