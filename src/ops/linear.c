#include "ops/conv2d.h"

/* Few rows: linear.comp. More: a 1x1 convolution. */

enum { LINEAR_X, LINEAR_WEIGHT, LINEAR_BIAS, LINEAR_RESIDUAL, LINEAR_INPUTS };

typedef struct linear_node { /* params of op_few_rows */
    activation activation;
} linear_node;

static void pack_weight(const weight *w, const float *values, dtype type, void *packed)
{
    linear_pack(values, w->key_count * w->shape[0], w->shape[1], type == DTYPE_F16, packed);
}

static tensor_id linear_weight(graph *g, const linear_params *p, uint32_t ci)
{
    weight w = {
        .key_count = p->count,
        .rank = 2,
        .shape = { p->out_channels, ci },
        .type = g->storage,
        .packed_bytes =
            linear_packed_bytes(p->count * p->out_channels, ci, g->storage == DTYPE_F16),
        .pack = pack_weight,
    };
    for (uint32_t i = 0; i < p->count; ++i)
        w.keys[i] = p->weights[i];
    return graph_weight(g, &w);
}

static void dispatch_linear(const graph *g, const node *self, op_dispatch *d)
{
    const linear_node *p = self->params;
    const gpu_limits *limits = g->limits;
    const tensor *x = graph_tensor(g, self->in[LINEAR_X]), *y = graph_tensor(g, self->out);
    const tensor_id bias = self->in[LINEAR_BIAS], residual = self->in[LINEAR_RESIDUAL];
    const uint32_t rows = all_pixels(x);
    const linear_tile tile = linear_choose_tile(limits->cpu, limits->subgroup_size, rows);
    const linear_args args = {
        .rows = rows,
        .quads_in = divide_up(x->c, 4),
        .quads_out = divide_up(y->c, 4),
        .x = op_view(g, self->in[LINEAR_X]),
        .y = op_view(g, self->out),
        .residual = op_view(g, residual),
    };
    d->shader =
        op_variant(g, &SHADER_VARIANTS(linear), self->in[LINEAR_X], self->in[LINEAR_WEIGHT]);
    op_constant(d, tile.lanes);
    op_constant(d, tile.rows);
    op_constant(d, tile.slices);
    op_constant(d, bias != NO_TENSOR);
    op_constant(d, residual != NO_TENSOR);
    op_constant(d, p->activation);
    linear_groups(tile, rows, y->c, d->groups);
    op_bind(d, self->in[LINEAR_X], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[LINEAR_WEIGHT], ACCESS_READ, NO_TENSOR);
    op_bind(d, bias, ACCESS_READ, self->in[LINEAR_X]);
    op_bind(d, residual, ACCESS_READ, self->in[LINEAR_X]);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_few_rows = { "linear", dispatch_linear };
static const op op_many_rows = { "linear", conv2d_dispatch };

static void append_few_rows(graph *g, const char *name, const linear_params *p, uint32_t ci,
                            tensor_id bias, tensor_id y, double flops)
{
    const tensor_id in[LINEAR_INPUTS] = {
        [LINEAR_X] = p->x,
        [LINEAR_WEIGHT] = linear_weight(g, p, ci),
        [LINEAR_BIAS] = bias,
        [LINEAR_RESIDUAL] = p->residual,
    };
    const linear_node node = { p->activation };
    graph_node(g, &op_few_rows, name, in, LINEAR_INPUTS, y, &node, sizeof node, flops);
}

static void append_many_rows(graph *g, const char *name, const linear_params *p, uint32_t ci,
                             tensor_id bias, tensor_id y, double flops)
{
    const tensor_id in[CONV2D_INPUTS] = {
        [CONV2D_X] = p->x,
        [CONV2D_WEIGHT] = conv2d_weight(g, p->weights, p->count, p->out_channels, ci, 1, 2),
        [CONV2D_BIAS] = bias,
        [CONV2D_EMBEDDING] = NO_TENSOR,
        [CONV2D_RESIDUAL] = p->residual,
    };
    const conv2d_node node = {
        .kernel = 1,
        .stride = 1,
        .activation = p->activation,
    };
    graph_node(g, &op_many_rows, name, in, CONV2D_INPUTS, y, &node, sizeof node, flops);
}

tensor_id op_linear(graph *g, const char *name, const linear_params *params)
{
    const linear_params *p = params;
    if (graph_status(g) != QS_OK)
        return 0;
    const tensor x = *graph_tensor(g, p->x);
    const tensor_id y =
        graph_activation(g, name, x.type, x.n, x.h, x.w, p->count * p->out_channels);
    if (graph_status(g) != QS_OK ||
        (p->residual != NO_TENSOR && !check_same_shape(g, name, p->residual, y)))
        return 0;
    const tensor_id bias =
        p->biases[0] ? weight_vector(g, p->biases, p->count, p->out_channels) : NO_TENSOR;
    const double flops = 2 * element_count(graph_tensor(g, y)) * x.c;
    if (all_pixels(&x) <= LINEAR_ROWS_MAX)
        append_few_rows(g, name, p, x.c, bias, y, flops);
    else if (conv2d_check_size(g, name, &x, graph_tensor(g, y)))
        append_many_rows(g, name, p, x.c, bias, y, flops);
    return y;
}
