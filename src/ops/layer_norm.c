#include "ops/pixelwise.h"

enum { LANES = 32, GROUPS_MAX = 65535 };

typedef struct layer_norm_node {
    float eps;
} layer_norm_node;

static void dispatch_layer_norm(const graph *g, const node *self, op_dispatch *d)
{
    const layer_norm_node *p = self->params;
    const tensor *y = graph_tensor(g, self->out);
    const layer_norm_args args = {
        .x = op_view(g, self->in[0]),
        .y = op_view(g, self->out),
        .pixels = all_pixels(y),
        .quads = ceil4(y->c) / 4,
        .channels = y->c,
        .eps = p->eps,
    };
    const uint32_t across = min_u32(args.pixels, GROUPS_MAX);
    d->shader = storage_shader(g, SHADER_layer_norm_f32, SHADER_layer_norm_f16);
    op_constant(d, LANES);
    op_groups(d, across, divide_up(args.pixels, across), 1);
    for (uint32_t i = 0; i < self->in_count; ++i)
        op_bind(d, self->in[i], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_layers = { "layer_norm", dispatch_layer_norm };

tensor_id op_layer_norm(graph *g, const char *name, tensor_id x, const char *weight,
                        const char *bias, float eps)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor t = *graph_tensor(g, x);
    const tensor_id in[] = { x, weight_vector(g, weight, t.c), weight_vector(g, bias, t.c) };
    const tensor_id y = graph_activation(g, name, t.type, t.n, t.h, t.w, t.c);
    const layer_norm_node node = { eps };
    if (graph_status(g) == QS_OK)
        pixelwise_node(g, &op_layers, name, in, 3, 1, y, &node, sizeof node, 8 * element_count(&t));
    return y;
}
