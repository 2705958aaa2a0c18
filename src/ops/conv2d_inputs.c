#include "ops/conv2d_inputs.h"

void conv2d_inputs(const conv2d_params *p, tensor_id weight, tensor_id bias,
                   tensor_id in[CONV2D_INPUTS])
{
    in[CONV2D_X] = p->x;
    in[CONV2D_WEIGHT] = weight;
    in[CONV2D_BIAS] = bias;
    in[CONV2D_EMBEDDING] = p->embedding;
    in[CONV2D_RESIDUAL] = p->residual;
}

conv2d_args conv2d_args_for(const graph *g, const node *self, const conv2d_params *p, tensor_id y)
{
    const tensor *in = graph_tensor(g, self->in[CONV2D_X]), *out = graph_tensor(g, y);
    const uint32_t scale = p->upsample ? 2 : 1;
    return (conv2d_args){
        .h_in = in->h,
        .w_in = in->w,
        .h_out = out->h / scale,
        .w_out = out->w / scale,
        .quads_in = divide_up(in->c, 4),
        .quads_out = divide_up(out->c, 4),
        .step = p->stride,
        .pad_top = p->pad_top,
        .pad_left = p->pad_left,
        .x = op_view(g, self->in[CONV2D_X]),
        .y = op_view(g, y),
        .residual = op_view(g, self->in[CONV2D_RESIDUAL]),
        .embedding = op_view(g, self->in[CONV2D_EMBEDDING]),
    };
}

void conv2d_constant_inputs(op_dispatch *d, const node *self)
{
    op_constant(d, self->in[CONV2D_BIAS] != NO_TENSOR);
    op_constant(d, self->in[CONV2D_EMBEDDING] != NO_TENSOR);
    op_constant(d, self->in[CONV2D_RESIDUAL] != NO_TENSOR);
}

void conv2d_bind_inputs(op_dispatch *d, const node *self)
{
    const tensor_id x = self->in[CONV2D_X];
    op_bind(d, self->in[CONV2D_BIAS], ACCESS_READ, x);
    op_bind(d, self->in[CONV2D_EMBEDDING], ACCESS_READ, x);
    op_bind(d, self->in[CONV2D_RESIDUAL], ACCESS_READ, x);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
}
