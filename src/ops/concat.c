#include "ops/elementwise.h"
#include "ops/pixelwise.h"

/* ---- both parts start at a multiple of four channels: slices, or copies into slices -------- */

/* Of a whole that is larger than what the device binds no part is a slice: the op that has made the
 * part binds it at once, and of a slice all channels are bound. */
static void place(graph *g, const char *name, tensor_id part, tensor_id whole, uint32_t channel)
{
    if (graph_can_slice(g, part, whole, channel) && op_is_bound_whole(g, whole)) {
        graph_slice(g, part, whole, channel);
        return;
    }
    const tensor t = *graph_tensor(g, part);
    const char *copy_name = graph_format(g, "%s.copy%u", name, channel);
    const tensor_id copy = graph_activation(g, copy_name, t.type, t.n, t.h, t.w, t.c);
    if (graph_status(g) != QS_OK)
        return;
    graph_slice(g, copy, whole, channel);
    elementwise_copy(g, copy_name, part, copy);
}

/* ---- otherwise: element by element --------------------------------------------------------- */

static void dispatch_concat(const graph *g, const node *self, op_dispatch *d)
{
    const tensor *y = graph_tensor(g, self->out);
    const concat_args args = {
        .a = op_view(g, self->in[0]),
        .b = op_view(g, self->in[1]),
        .y = op_view(g, self->out),
        .pixels = all_pixels(y),
        .a_channels = graph_tensor(g, self->in[0])->c,
        .b_channels = graph_tensor(g, self->in[1])->c,
    };
    d->shader = storage_shader(g, SHADER_concat_copy_f32, SHADER_concat_copy_f16);
    pixel_grid(g, d, ceil4(y->c) / 4, args.pixels);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[1], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_concat_copy = { "concat", dispatch_concat };

tensor_id op_concat(graph *g, const char *name, tensor_id a, tensor_id b)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor s = *graph_tensor(g, a), t = *graph_tensor(g, b);
    if (s.n != t.n || s.h != t.h || s.w != t.w) {
        graph_fail(g,
                   qs_error(QS_ERROR_MODEL, "%s: cannot join [%u, %u, %u, %u] and [%u, %u, %u, %u]",
                            graph_name(g, name), s.n, s.h, s.w, s.c, t.n, t.h, t.w, t.c));
        return NO_TENSOR;
    }
    const tensor_id whole = graph_activation(g, name, s.type, s.n, s.h, s.w, s.c + t.c);
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    if (s.c % 4 == 0) {
        place(g, name, a, whole, 0);
        place(g, name, b, whole, s.c);
    } else {
        pixelwise_node(g, &op_concat_copy, name, (tensor_id[]){ a, b }, 2, 2, whole, NULL, 0, 0);
    }
    return whole;
}
