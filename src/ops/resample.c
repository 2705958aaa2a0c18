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

/* Of an image's: rows of x and of y that belong together, and how many of these are bound at a
 * time. */
typedef struct row_units {
    uint32_t x_rows, y_rows, count, bound;
} row_units;

static row_units units_of(const graph *g, tensor_id x_id, tensor_id y_id)
{
    const tensor *x = graph_tensor(g, x_id), *y = graph_tensor(g, y_id);
    const bool larger = y->h > x->h;
    row_units u = { .x_rows = larger ? 1 : 2, .y_rows = larger ? 2 : 1 };
    u.count = y->h / u.y_rows;
    u.bound = min_u32(op_pixels_bound(g, x_id) / (u.x_rows * x->w),
                      op_pixels_bound(g, y_id) / (u.y_rows * y->w));
    return u;
}

static tensor_id rows_of(graph *g, tensor_id id, uint32_t image, uint32_t first, uint32_t count)
{
    const tensor t = *graph_tensor(g, id);
    return graph_band(g, id, (image * t.h + first) * t.w, count, t.w);
}

static void append_bands(graph *g, const op *op, const char *name, tensor_id x, tensor_id y,
                         double flops_per_element)
{
    const row_units u = units_of(g, x, y);
    const uint32_t images = graph_tensor(g, y)->n, each = min_u32(u.bound, u.count);
    const uint32_t per_image = divide_up(u.count, each), count = images * per_image;
    for (uint32_t i = 0; i < count && graph_status(g) == QS_OK; ++i) {
        const uint32_t image = i / per_image, first = i % per_image * each;
        const uint32_t units = min_u32(each, u.count - first);
        const tensor_id in = rows_of(g, x, image, first * u.x_rows, units * u.x_rows);
        const tensor_id out = rows_of(g, y, image, first * u.y_rows, units * u.y_rows);
        if (out != NO_TENSOR)
            graph_node(g, op, op_band_name(g, name, i, count), &in, 1, out, NULL, 0,
                       flops_per_element * element_count(graph_tensor(g, out)));
    }
}

static tensor_id append(graph *g, const op *op, const char *name, tensor_id x, uint32_t h,
                        uint32_t w, double flops_per_element)
{
    const tensor t = *graph_tensor(g, x);
    const tensor_id y = graph_activation(g, name, t.type, t.n, h, w, t.c);
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const bool whole = op_is_bound_whole(g, x) && op_is_bound_whole(g, y);
    if (whole || units_of(g, x, y).bound == 0) /* 0: the plan says which tensor it is */
        graph_node(g, op, name, &x, 1, y, NULL, 0,
                   flops_per_element * element_count(graph_tensor(g, y)));
    else
        append_bands(g, op, name, x, y, flops_per_element);
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
