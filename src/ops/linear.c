#include "ops/conv2d.h"
#include "ops/conv2d_bands.h"
#include "ops/linear_packing.h"

/* Few rows: linear.comp. More: a 1x1 convolution. */

enum { LINEAR_X, LINEAR_WEIGHT, LINEAR_BIAS, LINEAR_RESIDUAL, LINEAR_INPUTS };

typedef struct linear_node { /* params of op_few_rows */
    activation activation;
} linear_node;

static void pack_weight(const weight *w, uint32_t key, const float *values, void *packed)
{
    linear_pack(values, weight_row(w, key), weight_rows(w, key), weight_row(w, w->key_count),
                w->shape[1], w->type == DTYPE_F16, packed);
}

static tensor_id linear_weight(graph *g, const weight *source)
{
    weight w = *source;
    w.type = g->storage;
    w.packed_bytes =
        linear_packed_bytes(weight_row(&w, w.key_count), w.shape[1], g->storage == DTYPE_F16);
    w.pack = pack_weight;
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
    d->shader = op_shader(g, &SHADER_BUILDS(linear), self->in[LINEAR_X], self->in[LINEAR_WEIGHT]);
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

/* y = act(W x + bias + residual); source: the keys, rows and shape [co, ci] of W */
static void append_product(graph *g, const char *name, tensor_id x_id, const weight *source,
                           tensor_id bias, tensor_id residual, activation activation, tensor_id y)
{
    const tensor x = *graph_tensor(g, x_id);
    if (all_pixels(&x) <= LINEAR_ROWS_MAX) {
        const tensor_id in[LINEAR_INPUTS] = {
            [LINEAR_X] = x_id,
            [LINEAR_WEIGHT] = linear_weight(g, source),
            [LINEAR_BIAS] = bias,
            [LINEAR_RESIDUAL] = residual,
        };
        const linear_node node = { activation };
        graph_node(g, &op_few_rows, name, in, LINEAR_INPUTS, y, &node, sizeof node,
                   2 * element_count(graph_tensor(g, y)) * x.c);
        return;
    }
    const conv2d_params as_convolution = {
        .x = x_id,
        .bias = bias == NO_TENSOR ? NULL : "bias",
        .embedding = NO_TENSOR,
        .residual = residual,
        .out_channels = graph_tensor(g, y)->c,
        .kernel = 1,
        .stride = 1,
        .activation = activation,
    };
    conv2d_way way;
    if (!conv2d_choose(g, name, &as_convolution, graph_tensor(g, y), &way))
        return;
    const tensor_id weight = conv2d_on_matrices(&way)
                                 ? conv2d_matrix_weight(g, &as_convolution, source)
                                 : conv2d_weight(g, source);
    conv2d_bands bands = conv2d_cut(g, name, &as_convolution, y);
    while (conv2d_next_band(g, &bands)) {
        if (way.algorithm == CONV2D_STAGED)
            conv2d_staged_append(g, true, bands.name, &bands.p, weight, bias, bands.y, way.staged);
        else
            conv2d_append(g, &op_many_rows, bands.name, &bands.p, weight, bias, bands.y,
                          way.direct);
    }
}

tensor_id op_linear(graph *g, const char *name, const linear_params *params)
{
    const linear_params *p = params;
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor x = *graph_tensor(g, p->x);
    const tensor_id y =
        graph_activation(g, name, x.type, x.n, x.h, x.w, p->count * p->out_channels);
    if (graph_status(g) != QS_OK ||
        (p->residual != NO_TENSOR && !check_same_shape(g, name, p->residual, y)))
        return NO_TENSOR;
    const tensor_id bias =
        p->biases[0] ? weight_vectors(g, p->biases, p->count, p->out_channels, NULL) : NO_TENSOR;
    append_product(g, name, p->x,
                   &(weight){ .keys = p->weights,
                              .key_count = p->count,
                              .rank = 2,
                              .shape = { p->out_channels, x.c } },
                   bias, p->residual, p->activation, y);
    return y;
}

/* ---- many products of one x ---------------------------------------------------------------- */

void op_linear_stack_begin(graph *g, linear_stack *stack, tensor_id x)
{
    *stack = (linear_stack){ .x = x, .node = g->node_count };
}

tensor_id op_linear_stack_add(graph *g, linear_stack *stack, const char *name, const char *weight,
                              const char *bias, uint32_t out_channels)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    if (stack->count == LINEAR_STACK_MAX) {
        graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: more than %d products of one input",
                               graph_name(g, name), LINEAR_STACK_MAX));
        return NO_TENSOR;
    }
    const tensor x = *graph_tensor(g, stack->x);
    const uint32_t i = stack->count++;
    stack->weights[i] = weight;
    stack->biases[i] = bias;
    stack->rows[i] = out_channels;
    stack->y[i] = graph_activation(g, name, x.type, x.n, x.h, x.w, out_channels);
    return stack->y[i];
}

/* The products [first, end). */
static weight stacked(const linear_stack *stack, uint32_t first, uint32_t end)
{
    return (weight){ .keys = stack->weights + first,
                     .key_count = end - first,
                     .rows = stack->rows + first,
                     .rank = 2 };
}

static uint32_t stacked_channels(const linear_stack *stack, uint32_t first, uint32_t end)
{
    const weight source = stacked(stack, first, end);
    return weight_row(&source, source.key_count);
}

uint32_t op_linear_stack_channels(const linear_stack *stack)
{
    return stacked_channels(stack, 0, stack->count);
}

static void slice(graph *g, linear_stack *stack, tensor_id whole)
{
    for (uint32_t i = 0; i < stack->count; ++i)
        graph_slice(g, stack->y[i], whole, stacked_channels(stack, 0, i));
}

/* The products from `first` on whose weights are bound together, in the largest of their packings:
 * up to the result. */
static uint32_t bound_together(const graph *g, const linear_stack *stack, uint32_t first)
{
    const uint32_t ci = graph_channels(g, stack->x);
    const uint64_t most = g->limits->storage_range_bytes - GPU_ALIGNMENT;
    uint32_t end = first + 1;
    while (end < stack->count && conv2d_packed_bytes(stacked_channels(stack, first, end + 1), ci, 1,
                                                     g->storage == DTYPE_F16) <= most)
        end++;
    return end;
}

/* The products [first, end) into their channels of `whole`. */
static void append_products(graph *g, const linear_stack *stack, const char *name, uint32_t first,
                            uint32_t end, tensor_id whole)
{
    weight source = stacked(stack, first, end);
    source.shape[1] = graph_channels(g, stack->x);
    const tensor_id bias = stack->biases[first] ? weight_vectors(g, stack->biases + first,
                                                                 source.key_count, 0, source.rows)
                                                : NO_TENSOR;
    const tensor_id y = end - first == stack->count
                            ? whole
                            : graph_part(g, name, whole, stacked_channels(stack, 0, first),
                                         stacked_channels(stack, first, end));
    append_product(g, name, stack->x, &source, bias, NO_TENSOR, ACTIVATION_NONE, y);
}

void op_linear_stack_end(graph *g, linear_stack *stack, const char *name, tensor_id to)
{
    if (graph_status(g) != QS_OK || stack->count == 0)
        return;
    const tensor x = *graph_tensor(g, stack->x);
    const tensor_id whole = to != NO_TENSOR ? to
                                            : graph_activation(g, name, x.type, x.n, x.h, x.w,
                                                               op_linear_stack_channels(stack));
    if (graph_status(g) != QS_OK)
        return;
    if (to == NO_TENSOR)
        slice(g, stack, whole);
    const uint32_t nodes = g->node_count;
    for (uint32_t first = 0, part = 0, end; first < stack->count; first = end, ++part) {
        end = bound_together(g, stack, first);
        append_products(g, stack,
                        end == stack->count ? name : graph_format(g, "%s.part%u", name, part),
                        first, end, whole);
    }
    for (uint32_t moved = nodes; graph_status(g) == QS_OK && moved < g->node_count; ++moved)
        graph_move_last_node(g, stack->node); /* the last each time, so in their order */
}

void op_linear_stack_take(graph *g, linear_stack *stack)
{
    if (graph_status(g) == QS_OK)
        slice(g, stack, stack->x);
}
