#include "ops/conv2d.h"

/* ---- weights ------------------------------------------------------------------------------- */

static void pack_weight(const weight *w, const float *values, dtype type, void *packed)
{
    conv2d_pack(values, w->key_count * w->shape[0], w->shape[1], w->rank == 4 ? w->shape[2] : 1,
                type == DTYPE_F16, packed);
}

tensor_id conv2d_weight(graph *g, const char *const *keys, uint32_t key_count, uint32_t co,
                        uint32_t ci, uint32_t kernel, uint32_t rank)
{
    weight w = {
        .key_count = key_count,
        .rank = rank,
        .shape = { co, ci, rank == 4 ? kernel : 0, rank == 4 ? kernel : 0 },
        .packed_bytes = conv2d_packed_bytes(key_count * co, ci, kernel, g->storage == DTYPE_F16),
        .pack = pack_weight,
        .type = g->storage,
    };
    for (uint32_t i = 0; i < key_count; ++i)
        w.keys[i] = keys[i];
    return graph_weight(g, &w);
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static conv2d_tile tile_for(const graph *g, const tensor *y)
{
    return conv2d_choose_tile(g->limits->cpu, g->limits->subgroup_size, y->n, image_pixels(y),
                              y->c);
}

static conv2d_args args_for(const graph *g, const node *self)
{
    const conv2d_node *p = self->params;
    const tensor *x = graph_tensor(g, self->in[CONV2D_X]), *y = graph_tensor(g, self->out);
    return (conv2d_args){
        .h_in = x->h,
        .w_in = x->w,
        .h_out = y->h,
        .w_out = y->w,
        .quads_in = divide_up(x->c, 4),
        .quads_out = divide_up(y->c, 4),
        .step = p->stride,
        .pad_top = p->pad_top,
        .pad_left = p->pad_left,
        .x = op_view(g, self->in[CONV2D_X]),
        .y = op_view(g, self->out),
        .residual = op_view(g, self->in[CONV2D_RESIDUAL]),
        .embedding = op_view(g, self->in[CONV2D_EMBEDDING]),
    };
}

void conv2d_dispatch(const graph *g, const node *self, op_dispatch *d)
{
    const conv2d_node *p = self->params;
    const tensor *y = graph_tensor(g, self->out);
    const tensor_id x = self->in[CONV2D_X];
    const conv2d_tile tile = tile_for(g, y);
    const conv2d_args args = args_for(g, self);
    d->shader = op_variant(g, &SHADER_VARIANTS(conv2d), x, self->in[CONV2D_WEIGHT]);
    op_constant(d, tile.lanes);
    op_constant(d, tile.pixels);
    op_constant(d, tile.quads);
    op_constant(d, p->kernel);
    op_constant(d, self->in[CONV2D_BIAS] != NO_TENSOR);
    op_constant(d, self->in[CONV2D_EMBEDDING] != NO_TENSOR);
    op_constant(d, self->in[CONV2D_RESIDUAL] != NO_TENSOR);
    op_constant(d, p->activation);
    conv2d_groups(tile, y->n, image_pixels(y), y->c, d->groups);
    op_bind(d, x, ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[CONV2D_WEIGHT], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[CONV2D_BIAS], ACCESS_READ, x);
    op_bind(d, self->in[CONV2D_EMBEDDING], ACCESS_READ, x);
    op_bind(d, self->in[CONV2D_RESIDUAL], ACCESS_READ, x);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_conv = { "conv2d", conv2d_dispatch };

/* ---- shape --------------------------------------------------------------------------------- */

bool conv2d_check_size(graph *g, const char *name, const tensor *x, const tensor *y)
{
    uint32_t groups[3];
    if (image_pixels(y) < 1u << 22 && image_pixels(x) < 1u << 22 &&
        conv2d_groups(tile_for(g, y), y->n, image_pixels(y), y->c, groups))
        return true;
    graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: [%u, %u, %u, %u] is too large for one dispatch",
                           graph_name(g, name), y->n, y->h, y->w, y->c));
    return false;
}

static bool check_shapes(graph *g, const char *name, const conv2d_params *p, uint32_t h, uint32_t w)
{
    const tensor *x = graph_tensor(g, p->x);
    const char *full_name = graph_name(g, name);
    if (p->kernel == 0 || p->stride == 0 || x->h + p->pad_top + p->pad_bottom < p->kernel ||
        x->w + p->pad_left + p->pad_right < p->kernel) {
        graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: a %ux%u kernel on %ux%u pixels", full_name,
                               p->kernel, p->kernel, x->h, x->w));
        return false;
    }
    if (p->embedding != NO_TENSOR) {
        const tensor *e = graph_tensor(g, p->embedding);
        if (e->n != x->n || all_pixels(e) != e->n || e->c != p->out_channels) {
            graph_fail(g, qs_error(QS_ERROR_MODEL,
                                   "%s: the embedding is [%u, %u, %u, %u], not [%u, 1, 1, %u]",
                                   full_name, e->n, e->h, e->w, e->c, x->n, p->out_channels));
            return false;
        }
    }
    if (p->residual != NO_TENSOR) {
        const tensor *r = graph_tensor(g, p->residual);
        if (r->n != x->n || r->h != h || r->w != w || r->c != p->out_channels) {
            graph_fail(g, qs_error(QS_ERROR_MODEL,
                                   "%s: the residual is [%u, %u, %u, %u], not [%u, %u, %u, %u]",
                                   full_name, r->n, r->h, r->w, r->c, x->n, h, w, p->out_channels));
            return false;
        }
    }
    return true;
}

tensor_id op_conv2d(graph *g, const char *name, const conv2d_params *params)
{
    if (graph_status(g) != QS_OK)
        return 0;
    const conv2d_params *p = params;
    const tensor x = *graph_tensor(g, p->x);
    const uint32_t h =
        (x.h + p->pad_top + p->pad_bottom - p->kernel) / (p->stride ? p->stride : 1) + 1;
    const uint32_t w =
        (x.w + p->pad_left + p->pad_right - p->kernel) / (p->stride ? p->stride : 1) + 1;
    if (!check_shapes(g, name, p, h, w))
        return 0;
    const tensor_id y = graph_activation(g, name, x.type, x.n, h, w, p->out_channels);
    if (graph_status(g) != QS_OK || !conv2d_check_size(g, name, &x, graph_tensor(g, y)))
        return 0;
    const tensor_id in[CONV2D_INPUTS] = {
        [CONV2D_X] = p->x,
        [CONV2D_WEIGHT] = conv2d_weight(g, &p->weight, 1, p->out_channels, x.c, p->kernel, 4),
        [CONV2D_BIAS] = p->bias ? weight_vector(g, &p->bias, 1, p->out_channels) : NO_TENSOR,
        [CONV2D_EMBEDDING] = p->embedding,
        [CONV2D_RESIDUAL] = p->residual,
    };
    const conv2d_node node = {
        .kernel = p->kernel,
        .stride = p->stride,
        .pad_top = p->pad_top,
        .pad_left = p->pad_left,
        .activation = p->activation,
    };
    graph_node(g, &op_conv, name, in, CONV2D_INPUTS, y, &node, sizeof node,
               2.0 * element_count(graph_tensor(g, y)) * x.c * p->kernel * p->kernel);
    return y;
}
