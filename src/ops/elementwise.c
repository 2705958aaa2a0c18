#include "ops/elementwise.h"

#include "ops/pixelwise.h"

/* as in the shader */
typedef enum elementwise_function { COPY, ADD, ACTIVATE, SOFT_CLAMP, GEGLU } elementwise_function;

typedef struct elementwise_node {
    elementwise_function function;
    activation activation; /* of ACTIVATE */
} elementwise_node;

static void dispatch_elementwise(const graph *g, const node *self, op_dispatch *d)
{
    const elementwise_node *node = self->params;
    const tensor *y = graph_tensor(g, self->out);
    const tensor_id a = self->in[0], b = self->in[1];
    elementwise_args args = {
        .a = op_view(g, a),
        .b = op_view(g, b),
        .y = op_view(g, self->out),
        .pixels = all_pixels(y),
        .quads = ceil4(y->c) / 4,
    };
    if (node->function == GEGLU) /* the second half of one tensor */
        args.b.offset += args.quads;
    d->shader = storage_shader(g, SHADER_elementwise_f32, SHADER_elementwise_f16);
    pixel_grid(g, d, args.quads, args.pixels);
    op_constant(d, node->function);
    op_constant(d, node->activation);
    op_bind(d, a, ACCESS_READ, NO_TENSOR);
    op_bind(d, b, ACCESS_READ, a);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_elementwise_copy = { "copy", dispatch_elementwise };
static const op op_elementwise_add = { "add", dispatch_elementwise };
static const op op_elementwise_activate[ACTIVATION_COUNT] = {
    [ACTIVATION_SILU] = { "silu", dispatch_elementwise },
    [ACTIVATION_RELU] = { "relu", dispatch_elementwise },
    [ACTIVATION_MISH] = { "mish", dispatch_elementwise },
    [ACTIVATION_GELU] = { "gelu", dispatch_elementwise },
    [ACTIVATION_QUICK_GELU] = { "quick_gelu", dispatch_elementwise },
};
static const op op_elementwise_geglu = { "geglu", dispatch_elementwise };
static const op op_elementwise_soft_clamp = { "soft_clamp", dispatch_elementwise };

static void append(graph *g, const op *op, elementwise_node node, const char *name, tensor_id a,
                   tensor_id b, tensor_id y, double flops_per_element)
{
    pixelwise_node(g, op, name, (tensor_id[]){ a, b }, 2, 2, y, &node, sizeof node,
                   flops_per_element * element_count(graph_tensor(g, y)));
}

static tensor_id like(graph *g, const char *name, tensor_id x)
{
    const tensor t = *graph_tensor(g, x);
    return graph_activation(g, name, t.type, t.n, t.h, t.w, t.c);
}

void elementwise_copy(graph *g, const char *name, tensor_id x, tensor_id y)
{
    append(g, &op_elementwise_copy, (elementwise_node){ COPY }, name, x, NO_TENSOR, y, 0);
}

tensor_id op_add(graph *g, const char *name, tensor_id a, tensor_id b)
{
    if (graph_status(g) != QS_OK || !check_same_shape(g, name, a, b))
        return NO_TENSOR;
    const tensor_id y = like(g, name, a);
    if (graph_status(g) == QS_OK)
        append(g, &op_elementwise_add, (elementwise_node){ ADD }, name, a, b, y, 1);
    return y;
}

static tensor_id append_unary(graph *g, const op *op, elementwise_node node, const char *name,
                              tensor_id x)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor_id y = like(g, name, x);
    if (graph_status(g) == QS_OK)
        append(g, op, node, name, x, NO_TENSOR, y, 4);
    return y;
}

tensor_id op_activate(graph *g, const char *name, tensor_id x, activation activation)
{
    return append_unary(g, &op_elementwise_activate[activation],
                        (elementwise_node){ ACTIVATE, activation }, name, x);
}

tensor_id op_soft_clamp(graph *g, const char *name, tensor_id x)
{
    return append_unary(g, &op_elementwise_soft_clamp, (elementwise_node){ SOFT_CLAMP }, name, x);
}

/* ---- one number an image -------------------------------------------------------------------- */

static void dispatch_scalar(const graph *g, const node *self, op_dispatch *d, bool divide)
{
    const tensor *y = graph_tensor(g, self->out);
    const scalar_args args = {
        .x = op_view(g, self->in[0]),
        .y = op_view(g, self->out),
        .pixels = all_pixels(y),
        .image_pixels = image_pixels(y),
        .quads = ceil4(y->c) / 4,
        .channels = y->c,
    };
    d->shader = storage_shader(g, SHADER_scalar_f32, SHADER_scalar_f16);
    pixel_grid(g, d, args.quads, args.pixels);
    op_constant(d, divide);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[1], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static void dispatch_add_scalar(const graph *g, const node *self, op_dispatch *d)
{
    dispatch_scalar(g, self, d, false);
}

static void dispatch_divide_scalar(const graph *g, const node *self, op_dispatch *d)
{
    dispatch_scalar(g, self, d, true);
}

static tensor_id append_scalar(graph *g, const op *op, const char *name, tensor_id x, tensor_id s)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor_id y = like(g, name, x);
    if (graph_status(g) == QS_OK)
        graph_node(g, op, name, (tensor_id[]){ x, s }, 2, y, NULL, 0,
                   element_count(graph_tensor(g, y)));
    return y;
}

tensor_id op_add_scalar(graph *g, const char *name, tensor_id x, tensor_id s)
{
    static const op add = { "add_scalar", dispatch_add_scalar };
    return append_scalar(g, &add, name, x, s);
}

tensor_id op_divide_scalar(graph *g, const char *name, tensor_id x, tensor_id s)
{
    static const op divide = { "divide_scalar", dispatch_divide_scalar };
    return append_scalar(g, &divide, name, x, s);
}

/* ---- GEGLU ----------------------------------------------------------------------------------- */

tensor_id op_geglu(graph *g, const char *name, tensor_id x)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor t = *graph_tensor(g, x);
    if (t.c % 8 != 0) {
        graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: %u channels: each half needs a multiple of 4",
                               graph_name(g, name), t.c));
        return NO_TENSOR;
    }
    const tensor_id y = graph_activation(g, name, t.type, t.n, t.h, t.w, t.c / 2);
    if (graph_status(g) == QS_OK)
        append(g, &op_elementwise_geglu, (elementwise_node){ GEGLU }, name, x, x, y, 16);
    return y;
}
