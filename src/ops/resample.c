#include "ops/op_support.h"

static void dispatch_resample(const graph *g, const node *self, op_dispatch *d, uint32_t shader,
                              tensor_id counted)
{
    const tensor *x = graph_tensor(g, self->in[0]), *t = graph_tensor(g, counted);
    const resample_args args = {
        .x = op_view(g, self->in[0]),
        .y = op_view(g, self->out),
        .pixels = all_pixels(t),
        .quads = ceil4(x->c) / 4,
        .width = t->w,
        .height = t->h,
        .input_width = x->w,
        .input_height = x->h,
    };
    d->shader = shader;
    pixel_grid(g, d, args.quads, args.pixels);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static void dispatch_upsample(const graph *g, const node *self, op_dispatch *d)
{
    dispatch_resample(g, self, d,
                      storage_shader(g, SHADER_upsample_nearest_f32, SHADER_upsample_nearest_f16),
                      self->in[0]);
}

static void dispatch_avg_pool(const graph *g, const node *self, op_dispatch *d)
{
    dispatch_resample(g, self, d, storage_shader(g, SHADER_avg_pool_f32, SHADER_avg_pool_f16),
                      self->out);
}

static const op op_upsample = { "upsample_nearest", dispatch_upsample };
static const op op_pool = { "avg_pool", dispatch_avg_pool };

static tensor_id append(graph *g, const op *op, const char *name, tensor_id x, uint32_t h,
                        uint32_t w, double flops_per_element)
{
    const tensor t = *graph_tensor(g, x);
    const tensor_id y = graph_activation(g, name, t.type, t.n, h, w, t.c);
    if (graph_status(g) == QS_OK)
        graph_node(g, op, name, &x, 1, y, NULL, 0,
                   flops_per_element * element_count(graph_tensor(g, y)));
    return y;
}

tensor_id op_upsample_nearest(graph *g, const char *name, tensor_id x)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor *t = graph_tensor(g, x);
    return append(g, &op_upsample, name, x, 2 * t->h, 2 * t->w, 0);
}

tensor_id op_avg_pool(graph *g, const char *name, tensor_id x)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor *t = graph_tensor(g, x);
    return append(g, &op_pool, name, x, t->h / 2, t->w / 2, 4);
}
