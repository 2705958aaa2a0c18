#include "ops/pixelwise.h"

typedef struct rescale_params {
    float scale, shift;
} rescale_params;

static void dispatch_rescale(const graph *g, const node *self, op_dispatch *d, uint32_t shader)
{
    const rescale_params *p = self->params;
    const tensor *y = graph_tensor(g, self->out);
    const rescale_args args = {
        .x = op_view(g, self->in[0]),
        .y = op_view(g, self->out),
        .pixels = all_pixels(y),
        .quads = ceil4(y->c) / 4,
        .channels = y->c,
        .scale = p->scale,
        .shift = p->shift,
    };
    d->shader = shader;
    pixel_grid(g, d, args.quads, args.pixels);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static void dispatch_inside(const graph *g, const node *self, op_dispatch *d)
{
    dispatch_rescale(g, self, d, storage_shader(g, SHADER_rescale_f32, SHADER_rescale_f16));
}

static void dispatch_in(const graph *g, const node *self, op_dispatch *d)
{
    dispatch_rescale(g, self, d, storage_shader(g, SHADER_rescale_in_f32, SHADER_rescale_in_f16));
}

static void dispatch_out(const graph *g, const node *self, op_dispatch *d)
{
    dispatch_rescale(g, self, d, storage_shader(g, SHADER_rescale_out_f32, SHADER_rescale_out_f16));
}

static const op op_inside = { "rescale", dispatch_inside };
static const op op_in = { "rescale_in", dispatch_in };
static const op op_out = { "rescale_out", dispatch_out };

/* The float side is bound as vectors of four. */
static bool check_lanes(graph *g, const char *name, tensor_id id)
{
    const tensor *t = graph_tensor(g, id);
    if (t->type == DTYPE_F32 && t->stride % 4 == 0)
        return true;
    graph_fail(
        g, qs_error(QS_ERROR_OTHER, "%s: the state must be f32 with whole vectors of four", name));
    return false;
}

static bool check_channels(graph *g, const char *name, tensor_id x, tensor_id to)
{
    const tensor *a = graph_tensor(g, x), *b = graph_tensor(g, to);
    if (a->n == b->n && a->h == b->h && a->w == b->w && a->c >= b->c)
        return true;
    graph_fail(g, qs_error(QS_ERROR_OTHER,
                           "%s: [%u, %u, %u, %u] are not the first channels of "
                           "[%u, %u, %u, %u]",
                           name, b->n, b->h, b->w, b->c, a->n, a->h, a->w, a->c));
    return false;
}

static void append(graph *g, const op *op, const char *name, tensor_id x, tensor_id y,
                   rescale_params p)
{
    pixelwise_node(g, op, name, &x, 1, 1, y, &p, sizeof p, 2 * element_count(graph_tensor(g, y)));
}

static tensor_id append_like(graph *g, const op *op, const char *name, tensor_id x,
                             rescale_params p)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor t = *graph_tensor(g, x);
    const tensor_id y = graph_activation(g, name, g->storage, t.n, t.h, t.w, t.c);
    if (graph_status(g) == QS_OK)
        append(g, op, name, x, y, p);
    return y;
}

tensor_id op_rescale(graph *g, const char *name, tensor_id x, float scale, float shift)
{
    return append_like(g, &op_inside, name, x, (rescale_params){ scale, shift });
}

tensor_id op_rescale_in(graph *g, const char *name, tensor_id x, float scale, float shift)
{
    if (graph_status(g) != QS_OK || !check_lanes(g, name, x))
        return NO_TENSOR;
    return append_like(g, &op_in, name, x, (rescale_params){ scale, shift });
}

void op_rescale_out(graph *g, const char *name, tensor_id x, tensor_id to, float scale, float shift)
{
    if (graph_status(g) == QS_OK && check_lanes(g, name, to) && check_channels(g, name, x, to))
        append(g, &op_out, name, x, to, (rescale_params){ scale, shift });
}
