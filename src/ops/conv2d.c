#include "ops/conv2d.h"

#include "graph/choice.h"
#include "ops/conv2d_bands.h"
#include "ops/winograd.h"

/* ---- weights ------------------------------------------------------------------------------- */

static void pack_weight(const weight *w, uint32_t key, const float *values, void *packed)
{
    conv2d_pack(values, weight_row(w, key), weight_rows(w, key), weight_row(w, w->key_count),
                w->shape[1], w->rank == 4 ? w->shape[2] : 1, w->type == DTYPE_F16, packed);
}

tensor_id conv2d_weight(graph *g, const weight *source)
{
    weight w = *source;
    w.packed_bytes = conv2d_packed_bytes(weight_row(&w, w.key_count), w.shape[1],
                                         w.rank == 4 ? w.shape[2] : 1, g->storage == DTYPE_F16);
    w.pack = pack_weight;
    w.type = g->storage;
    return graph_weight(g, &w);
}

static void pack_upsampling(const weight *w, uint32_t key, const float *values, void *packed)
{
    (void)key; /* the only one */
    conv2d_pack_upsampling(values, w->shape[0], w->shape[1], w->type == DTYPE_F16, packed);
}

static tensor_id upsampling_weight(graph *g, const char *key, uint32_t co, uint32_t ci)
{
    return graph_weight(g,
                        &(weight){
                            .keys = &key,
                            .key_count = 1,
                            .rank = 4,
                            .shape = { co, ci, 3, 3 },
                            .packed_bytes = conv2d_packed_bytes(co, ci, 4, g->storage == DTYPE_F16),
                            .pack = pack_upsampling,
                            .type = g->storage,
                        });
}

/* ---- dispatch ------------------------------------------------------------------------------ */

enum { PIXELS_MAX = 1 << 22 }; /* of an image: the shader divides by way of float */

/* What a workgroup's z counts, and their size: images, or the four phases of enlarged ones; or all
 * images as a single one, so that small ones fill a workgroup together. */
typedef struct conv2d_images {
    uint32_t n, h, w;
} conv2d_images;

/* Nothing tells images apart: they are worked on as one. */
static bool is_one_image(const conv2d_params *p)
{
    return p->kernel == 1 && p->stride == 1 && p->embedding == NO_TENSOR && !p->upsample_residual &&
           p->pad_top + p->pad_left + p->pad_bottom + p->pad_right == 0;
}

static conv2d_images images_of(const tensor *y, const conv2d_params *p)
{
    if (p->upsample)
        return (conv2d_images){ 4 * y->n, y->h / 2, y->w / 2 };
    if (is_one_image(p) && all_pixels(y) < PIXELS_MAX)
        return (conv2d_images){ 1, y->n * y->h, y->w };
    return (conv2d_images){ y->n, y->h, y->w };
}

void conv2d_dispatch(const graph *g, const node *self, op_dispatch *d)
{
    const conv2d_params *p = &((const conv2d_node *)self->params)->conv;
    const conv2d_tile tile = ((const conv2d_node *)self->params)->tile;
    const tensor *y = graph_tensor(g, self->out);
    const tensor_id x = self->in[CONV2D_X];
    const conv2d_images images = images_of(y, p);
    conv2d_args args = conv2d_args_for(g, self, p, self->out);
    if (is_one_image(p))
        args.h_in = args.h_out = images.h;
    d->shader = op_shader(g, &SHADER_BUILDS(conv2d), x, self->in[CONV2D_WEIGHT]);
    op_constant(d, tile.lanes);
    op_constant(d, tile.pixels);
    op_constant(d, tile.quads);
    op_constant(d, p->upsample ? 2 : p->kernel);
    conv2d_constant_inputs(d, self);
    op_constant(d, p->activation);
    op_constant(d, p->upsample);
    op_constant(d, p->upsample_residual);
    conv2d_groups(tile, images.n, images.h * images.w, y->c, d->groups);
    op_bind(d, x, ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[CONV2D_WEIGHT], ACCESS_READ, NO_TENSOR);
    conv2d_bind_inputs(d, self);
    op_set_push(d, &args, sizeof args);
}

static const op op_conv = { "conv2d", conv2d_dispatch };

/* ---- variants ------------------------------------------------------------------------------ */

/* Output rows, or columns. */
static uint32_t output_size(const conv2d_params *p, uint32_t size, uint32_t before, uint32_t behind)
{
    const uint32_t enlarged = p->upsample ? 2 * size : size;
    return (enlarged + before + behind - p->kernel) / (p->stride ? p->stride : 1) + 1;
}

/* A convolution by itself: of an input of this shape. */
typedef struct conv2d_alone {
    uint32_t n, h, w, c;
    conv2d_params op; /* tensors: 0 where there is one */
} conv2d_alone;

static void build_alone(graph *g, const void *params)
{
    const conv2d_alone *alone = params;
    conv2d_params p = alone->op;
    const uint32_t co = p.out_channels, shrink = p.upsample_residual ? 2 : 1;
    const uint32_t h = output_size(&p, alone->h, p.pad_top, p.pad_bottom);
    const uint32_t w = output_size(&p, alone->w, p.pad_left, p.pad_right);
    p.x = graph_activation(g, "x", g->storage, alone->n, alone->h, alone->w, alone->c);
    if (p.embedding != NO_TENSOR)
        p.embedding = graph_activation(g, "embedding", g->storage, alone->n, 1, 1, co);
    if (p.residual != NO_TENSOR)
        p.residual =
            graph_activation(g, "residual", g->storage, alone->n, h / shrink, w / shrink, co);
    op_conv2d(g, "op", &p);
}

static conv2d_alone describe(const tensor *x, const conv2d_params *p)
{
    conv2d_alone alone = { x->n, x->h, x->w, x->c, *p };
    alone.op.weight = "weight";
    alone.op.bias = p->bias ? "bias" : NULL;
    alone.op.x = 0;
    alone.op.embedding = p->embedding == NO_TENSOR ? NO_TENSOR : 0;
    alone.op.residual = p->residual == NO_TENSOR ? NO_TENSOR : 0;
    return alone;
}

static void list_winograd(const graph *g, const conv2d_params *p, const tensor *y, bool paying,
                          choice *c, conv2d_way ways[])
{
    for (uint32_t tile = 4; tile >= 2; tile -= 2)
        if (winograd_can(g, p, y, tile) && winograd_pays(g, p, y, tile) == paying) {
            ways[c->variant_count] = (conv2d_way){ .algorithm = CONV2D_WINOGRAD, .winograd = tile };
            choice_variant(c, "winograd%u", tile);
        }
}

static bool list_staged(const graph *g, staged_units units, const conv2d_params *p, const tensor *y,
                        choice *c, conv2d_way ways[])
{
    staged_tile tiles[STAGED_TILES_MAX];
    const char *kind = units == STAGED_MATRIX ? "matrix" : "staged";
    const uint32_t count = conv2d_staged_tiles(g, units, p, y, tiles);
    for (uint32_t i = 0; i < count; ++i) {
        ways[c->variant_count] = (conv2d_way){ .algorithm = CONV2D_STAGED, .staged = tiles[i] };
        if (tiles[i].splits == 1)
            choice_variant(c, "%s %ux%u", kind, tiles[i].pixels, tiles[i].channels);
        else
            choice_variant(c, "%s %ux%u split%u", kind, tiles[i].pixels, tiles[i].channels,
                           tiles[i].splits);
    }
    return count > 0;
}

_Static_assert((int)CHOICE_VARIANTS_MAX >= (int)STAGED_TILES_MAX + (int)CONV2D_TILES_MAX + 2,
               "tiles on matrix units or without, direct ones and Winograd's two");

/* The default first. A software device's "matrix units" are slower than its vectors, and its shared
 * memory is memory. */
static void list_ways(const graph *g, const conv2d_params *p, const tensor *y,
                      const conv2d_tile *tiles, uint32_t tile_count, choice *c, conv2d_way ways[])
{
    if (!g->limits->cpu && !list_staged(g, STAGED_MATRIX, p, y, c, ways))
        list_staged(g, STAGED_LANES, p, y, c, ways);
    list_winograd(g, p, y, true, c, ways);
    for (uint32_t i = 0; i < tile_count; ++i) {
        ways[c->variant_count] = (conv2d_way){ .algorithm = CONV2D_DIRECT, .direct = tiles[i] };
        choice_variant(c, "direct %ux%ux%u", tiles[i].lanes, tiles[i].pixels, tiles[i].quads);
    }
    list_winograd(g, p, y, false, c, ways);
}

bool conv2d_choose(graph *g, const char *name, const conv2d_params *p, const tensor *y,
                   conv2d_way *way)
{
    const tensor *x = graph_tensor(g, p->x);
    const conv2d_images images = images_of(y, p);
    const uint32_t pixels = images.h * images.w;
    const conv2d_alone alone = describe(x, p);
    choice c = { .build = build_alone, .params = &alone, .params_bytes = sizeof alone };
    conv2d_way ways[CHOICE_VARIANTS_MAX] = { 0 };
    conv2d_tile tiles[CONV2D_TILES_MAX];
    uint32_t groups[3];
    const conv2d_product product = {
        .cpu = g->limits->cpu,
        .subgroup_size = g->limits->subgroup_size,
        .lanes_max = g->limits->workgroup_invocations,
        .n = images.n,
        .pixel_count = pixels,
        .ci = x->c,
        .co = y->c,
    };
    const uint32_t count = conv2d_list_tiles(&product, tiles);
    if (image_pixels(y) >= PIXELS_MAX || image_pixels(x) >= PIXELS_MAX ||
        !conv2d_groups(tiles[0], images.n, pixels, y->c, groups)) {
        graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: [%u, %u, %u, %u] is too large for one dispatch",
                               graph_name(g, name), y->n, y->h, y->w, y->c));
        return false;
    }
    choice_key(&c, "conv2d %s %ux%ux%ux%u -> %ux%ux%u k%u s%u%s", dtype_name(g->storage), x->n,
               x->h, x->w, x->c, y->h, y->w, y->c, p->kernel, p->stride,
               p->upsample ? " upsampled" : "");
    list_ways(g, p, y, tiles, count, &c, ways);
    *way = ways[graph_choose(g, name, &c)];
    return true;
}

/* ---- shape --------------------------------------------------------------------------------- */

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
    if (p->upsample && (p->kernel != 3 || p->stride != 1 || p->pad_top != 1 || p->pad_left != 1 ||
                        p->pad_bottom != 1 || p->pad_right != 1)) {
        graph_fail(g, qs_error(QS_ERROR_OTHER,
                               "%s: enlarges its input, which needs a 3x3 kernel with padding 1",
                               full_name));
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
        const uint32_t scale = p->upsample_residual ? 2 : 1;
        if (r->n != x->n || scale * r->h != h || scale * r->w != w || r->c != p->out_channels) {
            graph_fail(g, qs_error(QS_ERROR_MODEL,
                                   "%s: the residual is [%u, %u, %u, %u], not [%u, %u, %u, %u]",
                                   full_name, r->n, r->h, r->w, r->c, x->n, h / scale, w / scale,
                                   p->out_channels));
            return false;
        }
    }
    return true;
}

void conv2d_append(graph *g, const op *op, const char *name, const conv2d_params *p,
                   tensor_id weight, tensor_id bias, tensor_id y, conv2d_tile tile)
{
    const conv2d_node node = { *p, tile };
    tensor_id in[CONV2D_INPUTS];
    conv2d_inputs(p, weight, bias, in);
    const uint32_t taps = p->upsample ? 4 : p->kernel * p->kernel;
    const double sums = element_count(graph_tensor(g, y));
    graph_node(g, op, name, in, CONV2D_INPUTS, y, &node, sizeof node,
               2.0 * sums * graph_tensor(g, p->x)->c * taps);
}

static tensor_id packed_weight(graph *g, const conv2d_params *p, conv2d_way way)
{
    const uint32_t ci = graph_tensor(g, p->x)->c;
    const weight source = { .keys = &p->weight,
                            .key_count = 1,
                            .rank = 4,
                            .shape = { p->out_channels, ci, p->kernel, p->kernel } };
    return way.algorithm == CONV2D_WINOGRAD ? winograd_weight(g, p, way.winograd)
           : conv2d_on_matrices(&way)       ? conv2d_matrix_weight(g, p, &source)
           : p->upsample                    ? upsampling_weight(g, p->weight, p->out_channels, ci)
                                            : conv2d_weight(g, &source);
}

tensor_id op_conv2d(graph *g, const char *name, const conv2d_params *p)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor x = *graph_tensor(g, p->x);
    const uint32_t h = output_size(p, x.h, p->pad_top, p->pad_bottom);
    const uint32_t w = output_size(p, x.w, p->pad_left, p->pad_right);
    if (!check_shapes(g, name, p, h, w))
        return NO_TENSOR;
    const tensor_id y = graph_activation(g, name, x.type, x.n, h, w, p->out_channels);
    conv2d_way way;
    if (graph_status(g) != QS_OK || !conv2d_choose(g, name, p, graph_tensor(g, y), &way))
        return NO_TENSOR;
    const tensor_id weight = packed_weight(g, p, way);
    const tensor_id bias = p->bias ? weight_vector(g, p->bias, p->out_channels) : NO_TENSOR;
    conv2d_bands bands = conv2d_cut(g, name, p, y);
    while (conv2d_next_band(g, &bands)) {
        if (way.algorithm == CONV2D_WINOGRAD)
            winograd_append(g, bands.name, &bands.p, weight, bias, bands.y, way.winograd);
        else if (way.algorithm == CONV2D_STAGED)
            conv2d_staged_append(g, false, bands.name, &bands.p, weight, bias, bands.y, way.staged);
        else
            conv2d_append(g, &op_conv, bands.name, &bands.p, weight, bias, bands.y, way.direct);
    }
    return y;
}
