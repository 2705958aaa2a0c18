#include "ops/conv2d_staged.h"

#include "ops/conv2d_inputs.h"
#include "ops/conv2d_matrix_packing.h"
#include "ops/conv2d_packing.h"

/* Where sums are split, their parts are the first node's output and, as x, the second one's input.
 */
typedef struct staged_node {
    conv2d_params conv;
    staged_tile tile;
    staged_size size;
    tensor_id y;
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
    const tensor *y = graph_tensor(g, p->y);
    return (conv2d_staged_args){
        .conv = conv2d_args_for(g, self, &p->conv, p->y),
        .images = y->n,
        .chunks = p->size.chunks,
        .split_chunks = staged_split_chunks(p->size.chunks, p->tile.splits),
        .weight_rows = ceil4(y->c),
    };
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
    op_bind(d, self->in[CONV2D_X], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[CONV2D_WEIGHT], ACCESS_READ, NO_TENSOR);
    conv2d_bind_inputs(d, self);
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
    op_constant(d, p->conv.upsample ? 2 : p->conv.kernel);
    op_constant(d, p->conv.activation);
    conv2d_constant_inputs(d, self);
    op_constant(d, p->conv.upsample | p->conv.upsample_residual << 1);
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
    op_constant(d, p->conv.upsample ? 2 : p->conv.kernel);
    op_constant(d, p->conv.activation);
    conv2d_constant_inputs(d, self);
    op_constant(d, p->conv.upsample | p->conv.upsample_residual << 1);
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
    op_constant(d, p->conv.activation);
    conv2d_constant_inputs(d, self);
    op_constant(d, p->conv.upsample);
    op_constant(d, p->conv.upsample_residual);
    op_bind(d, self->in[CONV2D_X], ACCESS_READ, NO_TENSOR);
    conv2d_bind_inputs(d, self);
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
    const staged_node node = { *p, tile, size_of(tile.units, p, ci, &out), y };
    tensor_id in[CONV2D_INPUTS];
    conv2d_inputs(p, weight, bias, in);
    const double flops = 2.0 * element_count(&out) * ci * taps_of(p);
    const op *first = &products[tile.units][linear];
    if (tile.splits == 1) {
        graph_node(g, first, name, in, CONV2D_INPUTS, y, &node, sizeof node, flops);
        return;
    }
    const char *parts_name = graph_format(g, "%s.parts", name);
    const tensor_id parts =
        graph_activation(g, parts_name, DTYPE_F32, tile.splits, all_pixels(&out), 1, out.c);
    const tensor_id none[CONV2D_INPUTS] = { p->x, in[CONV2D_WEIGHT], NO_TENSOR, NO_TENSOR,
                                            NO_TENSOR };
    graph_node(g, first, parts_name, none, CONV2D_INPUTS, parts, &node, sizeof node, flops);
    in[CONV2D_X] = parts;
    graph_node(g, &sum, name, in, CONV2D_INPUTS, y, &node, sizeof node,
               (double)tile.splits * element_count(&out));
}
