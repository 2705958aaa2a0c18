#include "ops/conv2d_staged.h"

#include "ops/conv2d_matrix_packing.h"
#include "ops/conv2d_packing.h"
#include "ops/op_support.h"

enum { IN_X, IN_WEIGHT, IN_BIAS, IN_EMBEDDING, IN_RESIDUAL, IN_COUNT }; /* IN_X: or the parts */

typedef struct staged_node {
    staged_tile tile;
    staged_size size;
    tensor_id y; /* out may be the parts of its sums */
    uint32_t kernel, stride, pad_top, pad_left;
    bool upsample, upsample_residual;
    activation activation;
} staged_node;

/* ---- weights -------------------------------------------------------------------------------- */

static void pack(const weight *w, uint32_t key, const float *values, void *packed)
{
    matrix_pack(values, weight_row(w, key), weight_rows(w, key), weight_row(w, w->key_count),
                w->shape[1], w->rank == 4 ? w->shape[2] : 1, packed);
}

static void pack_upsampling(const weight *w, uint32_t key, const float *values, void *packed)
{
    (void)key; /* the only one */
    matrix_pack_upsampling(values, w->shape[0], w->shape[1], packed);
}

static uint32_t taps_of(const conv2d_params *p) /* of a phase */
{
    return p->upsample ? 4 : p->kernel * p->kernel;
}

tensor_id conv2d_matrix_weight(graph *g, const conv2d_params *p, const weight *source)
{
    weight w = *source;
    w.type = DTYPE_F16;
    w.packed_bytes = matrix_packed_bytes(weight_row(&w, w.key_count), w.shape[1], taps_of(p),
                                         p->upsample ? 4 : 1);
    w.pack = p->upsample ? pack_upsampling : pack;
    return graph_weight(g, &w);
}

/* ---- dispatch ------------------------------------------------------------------------------- */

static conv2d_staged_args args_for(const graph *g, const node *self)
{
    const staged_node *p = self->params;
    const tensor *x = graph_tensor(g, self->in[IN_X]), *y = graph_tensor(g, p->y);
    const uint32_t scale = p->upsample ? 2 : 1;
    return (conv2d_staged_args){
        .conv = { .h_in = x->h,
                  .w_in = x->w,
                  .h_out = y->h / scale,
                  .w_out = y->w / scale,
                  .quads_in = divide_up(x->c, 4),
                  .quads_out = divide_up(y->c, 4),
                  .step = p->stride,
                  .pad_top = p->pad_top,
                  .pad_left = p->pad_left,
                  .x = op_view(g, self->in[IN_X]),
                  .y = op_view(g, p->y),
                  .residual = op_view(g, self->in[IN_RESIDUAL]),
                  .embedding = op_view(g, self->in[IN_EMBEDDING]) },
        .images = y->n,
        .chunks = p->size.chunks,
        .split_chunks = staged_split_chunks(p->size.chunks, p->tile.splits),
        .weight_rows = ceil4(y->c),
    };
}

static void constant_inputs(op_dispatch *d, const node *self)
{
    op_constant(d, self->in[IN_BIAS] != NO_TENSOR);
    op_constant(d, self->in[IN_EMBEDDING] != NO_TENSOR);
    op_constant(d, self->in[IN_RESIDUAL] != NO_TENSOR);
}

/* What conv2d_finish.glsl binds. */
static void bind_finish(op_dispatch *d, const node *self, tensor_id fallback)
{
    op_bind(d, self->in[IN_BIAS], ACCESS_READ, fallback);
    op_bind(d, self->in[IN_EMBEDDING], ACCESS_READ, fallback);
    op_bind(d, self->in[IN_RESIDUAL], ACCESS_READ, fallback);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
}

/* conv2d_matrix.comp reads 8 channels at once. */
static bool is_wide(const conv2d_args *conv)
{
    return conv->x.offset % 2 == 0 && conv->x.stride % 2 == 0 && conv->quads_in % 2 == 0;
}

static void bind_product(op_dispatch *d, const node *self, const conv2d_staged_args *args)
{
    const staged_node *p = self->params;
    const staged_tile *tile = &p->tile;
    op_groups(d, divide_up(p->size.pixels, tile->pixels),
              divide_up(p->size.channels, tile->channels), p->size.phases * tile->splits);
    op_bind(d, self->in[IN_X], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[IN_WEIGHT], ACCESS_READ, NO_TENSOR);
    bind_finish(d, self, self->in[IN_X]);
    op_set_push(d, args, sizeof *args);
}

static void dispatch_matrices(const graph *g, const node *self, op_dispatch *d)
{
    const staged_node *p = self->params;
    const staged_tile *tile = &p->tile;
    const gpu_matrix *m = &g->limits->matrix;
    const conv2d_staged_args args = args_for(g, self);
#if SHADERS_WITH_MATRICES /* without them nothing comes here */
    d->shader = SHADER_conv2d_matrix_f16;
#endif
    op_constant(d, tile->rows * tile->columns * m->lanes);
    op_constant(d, tile->pixels);
    op_constant(d, tile->channels);
    op_constant(d, tile->rows);
    op_constant(d, tile->columns);
    op_constant(d, m->m);
    op_constant(d, m->n);
    op_constant(d, m->k);
    op_constant(d, tile->buffers);
    op_constant(d, p->upsample ? 2 : p->kernel);
    op_constant(d, p->activation);
    constant_inputs(d, self);
    op_constant(d, p->upsample | p->upsample_residual << 1);
    op_constant(d, (tile->splits > 1) | is_wide(&args.conv) << 1);
    bind_product(d, self, &args);
}

static void dispatch_lanes(const graph *g, const node *self, op_dispatch *d)
{
    const staged_node *p = self->params;
    const staged_tile *tile = &p->tile;
    const conv2d_staged_args args = args_for(g, self);
    d->shader = storage_shader(g, SHADER_conv2d_staged_f32, SHADER_conv2d_staged_f16);
    op_constant(d, tile->columns);
    op_constant(d, tile->rows);
    op_constant(d, tile->pixels / tile->rows);
    op_constant(d, tile->channels / 4 / tile->columns);
    op_constant(d, p->upsample ? 2 : p->kernel);
    op_constant(d, p->activation);
    constant_inputs(d, self);
    op_constant(d, p->upsample | p->upsample_residual << 1);
    op_constant(d, tile->splits > 1);
    bind_product(d, self, &args);
}

static void dispatch_sum(const graph *g, const node *self, op_dispatch *d)
{
    const staged_node *p = self->params;
    const conv2d_staged_args args = args_for(g, self);
    d->shader = storage_shader(g, SHADER_conv2d_reduce_f32, SHADER_conv2d_reduce_f16);
    pixel_grid(g, d, args.conv.quads_out, p->size.phases * p->size.pixels);
    op_constant(d, p->tile.splits);
    op_constant(d, p->activation);
    constant_inputs(d, self);
    op_constant(d, p->upsample);
    op_constant(d, p->upsample_residual);
    op_bind(d, self->in[IN_X], ACCESS_READ, NO_TENSOR);
    bind_finish(d, self, self->in[IN_X]);
    op_set_push(d, &args, sizeof args);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static staged_size size_of(staged_units units, const conv2d_params *p, uint32_t ci, const tensor *y)
{
    const uint32_t phases = p->upsample ? 4 : 1, taps = taps_of(p);
    const uint32_t chunks =
        units == STAGED_MATRIX ? matrix_chunks(ci, taps) : staged_chunks(ci, taps);
    return (staged_size){ all_pixels(y) / phases, y->c, chunks, phases };
}

uint32_t conv2d_staged_tiles(const graph *g, staged_units units, const conv2d_params *p,
                             const tensor *y, staged_tile tiles[STAGED_TILES_MAX])
{
    if (units == STAGED_MATRIX ? g->storage != DTYPE_F16 : conv2d_tile_quads(y->c) != 4)
        return 0;
    const staged_size size = size_of(units, p, graph_tensor(g, p->x)->c, y);
    return staged_list_tiles(g->limits, units, size, tiles);
}

void conv2d_staged_append(graph *g, bool linear, const char *name, const conv2d_params *p,
                          tensor_id weight, tensor_id bias, tensor_id y, staged_tile tile)
{
    static const op products[][2] = {
        [STAGED_LANES] = { { "conv2d", dispatch_lanes }, { "linear", dispatch_lanes } },
        [STAGED_MATRIX] = { { "conv2d", dispatch_matrices }, { "linear", dispatch_matrices } },
    };
    static const op sum = { "conv2d_reduce", dispatch_sum };
    const tensor out = *graph_tensor(g, y);
    const uint32_t ci = graph_tensor(g, p->x)->c;
    const staged_node node = {
        .tile = tile,
        .size = size_of(tile.units, p, ci, &out),
        .y = y,
        .kernel = p->kernel,
        .stride = p->stride,
        .pad_top = p->pad_top,
        .pad_left = p->pad_left,
        .upsample = p->upsample,
        .upsample_residual = p->upsample_residual,
        .activation = p->activation,
    };
    tensor_id in[IN_COUNT] = {
        [IN_X] = p->x,
        [IN_WEIGHT] = weight,
        [IN_BIAS] = bias,
        [IN_EMBEDDING] = p->embedding,
        [IN_RESIDUAL] = p->residual,
    };
    const double flops = 2.0 * element_count(&out) * ci * taps_of(p);
    const op *first = &products[tile.units][linear];
    if (tile.splits == 1) {
        graph_node(g, first, name, in, IN_COUNT, y, &node, sizeof node, flops);
        return;
    }
    const char *parts_name = graph_format(g, "%s.parts", name);
    const tensor_id parts =
        graph_activation(g, parts_name, DTYPE_F32, tile.splits, all_pixels(&out), 1, out.c);
    const tensor_id none[IN_COUNT] = { p->x, in[IN_WEIGHT], NO_TENSOR, NO_TENSOR, NO_TENSOR };
    graph_node(g, first, parts_name, none, IN_COUNT, parts, &node, sizeof node, flops);
    in[IN_X] = parts;
    graph_node(g, &sum, name, in, IN_COUNT, y, &node, sizeof node,
               (double)tile.splits * element_count(&out));
}
