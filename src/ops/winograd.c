#include "ops/winograd.h"

#include "ops/conv2d_packing.h"
#include "ops/winograd_packing.h"

/* The points of all tiles at once are 2.25 (tile 4) or 4 times the activations, in float. A large
 * image is worked on in bands, one after another in the same scratch memory, of which a band's
 * points take at most so much: it should stay in the caches. */
enum { BAND_BYTES = 4 << 20 };
enum { SMALL_WEIGHT_BYTES = 4 << 20 };
enum { TILES_MAX = 1 << 22 }; /* of all images: the shaders divide by way of float */

typedef struct winograd_node {
    uint32_t tile;
    uint32_t tiles_x, tiles_y;
    uint32_t first, count; /* tiles, counted through all images */
    uint32_t pad_top, pad_left;
    bool upsample_residual;
    activation activation;
} winograd_node;

/* ---- sizes --------------------------------------------------------------------------------- */

static uint32_t image_tiles(const tensor *y, uint32_t tile)
{
    return divide_up(y->h, tile) * divide_up(y->w, tile);
}

/* Of the points, from tile to tile. A workgroup of the product reads a few channels of many tiles
 * at a time. Where tiles lie a multiple of 1024 bytes apart, their cache lines fall into a few sets
 * of the cache and evict each other: 512 channels of 64 tiles took 1.25 times as long. */
static uint32_t points_stride(uint32_t channels)
{
    return channels % 256 == 0 ? channels + 16 : ceil4(channels);
}

/* The tiles of a band, but for the last. */
static uint32_t band_tiles(const tensor *x, const tensor *y, uint32_t tile)
{
    const uint32_t tiles = y->n * image_tiles(y, tile);
    const uint32_t channels = points_stride(x->c > y->c ? x->c : y->c);
    const uint32_t most = BAND_BYTES / (4 * winograd_points(tile) * channels);
    const uint32_t bands = divide_up(tiles, most < 64 ? 64 : most);
    return min_u32(divide_up(divide_up(tiles, bands), 64) * 64, tiles); /* whole workgroups */
}

static conv2d_tile product_tile(const gpu_limits *limits, uint32_t tiles, uint32_t co)
{
    conv2d_tile t = { limits->cpu ? limits->subgroup_size : 64, limits->cpu ? 8 : 4,
                      conv2d_tile_quads(co) };
    while (t.pixels > 1 && conv2d_wasteful(t, tiles))
        t.pixels /= 2;
    return t;
}

bool winograd_can(const graph *g, const conv2d_params *p, const tensor *y, uint32_t tile)
{
    const tensor *x = graph_tensor(g, p->x);
    if (p->kernel != 3 || p->stride != 1 || p->upsample || y->c <= 8 ||
        (double)y->n * image_tiles(y, tile) >= TILES_MAX)
        return false;
    const uint64_t tiles = band_tiles(x, y, tile);
    const uint64_t channels = points_stride(x->c > y->c ? x->c : y->c);
    const uint64_t range = g->limits->storage_range_bytes;
    return tiles * winograd_points(tile) * channels * sizeof(float) <= range &&
           winograd_packed_bytes(tile, y->c, x->c, g->storage == DTYPE_F16) <= range;
}

bool winograd_pays(const graph *g, const conv2d_params *p, const tensor *y, uint32_t tile)
{
    /* Measured with llvmpipe: tile 2 nowhere, and tile 4 where the transforms are few against the
     * product. Weights grow to four times their size: where an image has few tiles that is too much
     * memory for the time it saves, unless they are small. */
    const tensor *x = graph_tensor(g, p->x);
    const uint32_t tiles = image_tiles(y, tile), channels = min_u32(x->c, y->c);
    const size_t weight_bytes = winograd_packed_bytes(tile, y->c, x->c, g->storage == DTYPE_F16);
    return g->limits->cpu && tile == 4 && tiles * y->n >= 16 &&
           channels >= (tiles * y->n >= 64 ? 64 : 96) &&
           (tiles >= 64 || weight_bytes <= SMALL_WEIGHT_BYTES);
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static winograd_args args_for(const winograd_node *p, const tensor *t)
{
    return (winograd_args){
        .h = t->h,
        .w = t->w,
        .quads = divide_up(t->c, 4),
        .tiles_x = p->tiles_x,
        .tiles_y = p->tiles_y,
        .first = p->first,
        .count = p->count,
        .stride = points_stride(t->c) / 4,
        .pad_top = p->pad_top,
        .pad_left = p->pad_left,
    };
}

static void dispatch_input(const graph *g, const node *self, op_dispatch *d)
{
    const winograd_node *p = self->params;
    const tensor_id x = self->in[0];
    winograd_args args = args_for(p, graph_tensor(g, x));
    args.x = op_view(g, x);
    d->shader = op_shader(g, &TEXEL_BUILDS(winograd_input), x, x);
    pixel_grid(g, d, args.quads, args.count);
    op_constant(d, p->tile);
    op_bind(d, x, ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

enum { PRODUCT_POINTS, PRODUCT_WEIGHT, PRODUCT_INPUTS };

static void dispatch_product(const graph *g, const node *self, op_dispatch *d)
{
    const tensor_id points = self->in[PRODUCT_POINTS], weight = self->in[PRODUCT_WEIGHT];
    const tensor *x = graph_tensor(g, points), *y = graph_tensor(g, self->out);
    const uint32_t *channels = self->params;
    const winograd_product_args args = {
        .tiles = x->w,
        .quads_in = divide_up(*channels, 4),
        .quads_out = divide_up(y->c, 4),
        .stride = x->stride / 4,
    };
    const conv2d_tile tile = product_tile(g->limits, args.tiles, y->c);
    d->shader = op_shader(g, &SHADER_BUILDS(winograd_product), points, weight);
    op_constant(d, tile.lanes);
    op_constant(d, tile.pixels);
    op_constant(d, tile.quads);
    conv2d_groups(tile, x->n, args.tiles, y->c, d->groups);
    op_bind(d, points, ACCESS_READ, NO_TENSOR);
    op_bind(d, weight, ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

enum { OUTPUT_PRODUCTS, OUTPUT_BIAS, OUTPUT_EMBEDDING, OUTPUT_RESIDUAL, OUTPUT_INPUTS };

static void dispatch_output(const graph *g, const node *self, op_dispatch *d)
{
    const winograd_node *p = self->params;
    const tensor_id products = self->in[OUTPUT_PRODUCTS], bias = self->in[OUTPUT_BIAS];
    const tensor_id embedding = self->in[OUTPUT_EMBEDDING], residual = self->in[OUTPUT_RESIDUAL];
    winograd_args args = args_for(p, graph_tensor(g, self->out));
    args.y = op_view(g, self->out);
    args.residual = op_view(g, residual);
    args.embedding = op_view(g, embedding);
    d->shader = op_shader(g, &TEXEL_BUILDS(winograd_output), products, products);
    pixel_grid(g, d, args.quads, args.count);
    op_constant(d, p->tile);
    op_constant(d, bias != NO_TENSOR);
    op_constant(d, embedding != NO_TENSOR);
    op_constant(d, residual != NO_TENSOR);
    op_constant(d, p->activation);
    op_constant(d, p->upsample_residual);
    op_bind(d, products, ACCESS_READ, NO_TENSOR);
    op_bind(d, bias, ACCESS_READ, products);
    op_bind(d, embedding, ACCESS_READ, products);
    op_bind(d, residual, ACCESS_READ, products);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_input = { "winograd_input", dispatch_input };
static const op op_product = { "winograd_product", dispatch_product };
static const op op_output = { "winograd_output", dispatch_output };

/* ---- nodes --------------------------------------------------------------------------------- */

static void pack_weight(const weight *w, uint32_t key, const float *values, void *packed)
{
    (void)key; /* the only one */
    winograd_pack(w->layout[0], values, w->shape[0], w->shape[1], w->type == DTYPE_F16, packed);
}

tensor_id winograd_weight(graph *g, const conv2d_params *p, uint32_t tile)
{
    const uint32_t co = p->out_channels, ci = graph_tensor(g, p->x)->c;
    return graph_weight(
        g, &(weight){ .keys = &p->weight,
                      .key_count = 1,
                      .rank = 4,
                      .shape = { co, ci, 3, 3 },
                      .packed_bytes = winograd_packed_bytes(tile, co, ci, g->storage == DTYPE_F16),
                      .pack = pack_weight,
                      .type = g->storage,
                      .layout = { tile } });
}

/* Additions and multiplications of a one-dimensional transform, of inputs and of outputs. */
static double input_flops(uint32_t tile)
{
    return tile == 2 ? 4 : 20;
}

static double output_flops(uint32_t tile)
{
    return tile == 2 ? 4 : 17;
}

static void append_band(graph *g, const char *name, const conv2d_params *p, tensor_id y,
                        const tensor_id in[OUTPUT_INPUTS], tensor_id weight,
                        const winograd_node *node)
{
    const tensor x = *graph_tensor(g, p->x);
    const uint32_t side = node->tile + 2, co = p->out_channels, points = side * side;
    const char *input_name = graph_format(g, "%s.points", name);
    const char *product_name = graph_format(g, "%s.products", name);
    const tensor_id values =
        graph_activation(g, input_name, DTYPE_F32, points, 1, node->count, points_stride(x.c));
    const tensor_id products =
        graph_activation(g, product_name, DTYPE_F32, points, 1, node->count, co);
    if (graph_status(g) != QS_OK)
        return;
    const double tiles = node->count;
    graph_node(g, &op_input, input_name, &p->x, 1, values, node, sizeof *node,
               tiles * x.c * 2 * side * input_flops(node->tile));
    graph_node(g, &op_product, product_name,
               (tensor_id[PRODUCT_INPUTS]){ [PRODUCT_POINTS] = values, [PRODUCT_WEIGHT] = weight },
               PRODUCT_INPUTS, products, &x.c, sizeof x.c, 2 * tiles * points * x.c * co);
    tensor_id last[OUTPUT_INPUTS];
    for (uint32_t i = 0; i < OUTPUT_INPUTS; ++i)
        last[i] = in[i];
    last[OUTPUT_PRODUCTS] = products;
    graph_node(g, &op_output, name, last, OUTPUT_INPUTS, y, node, sizeof *node,
               tiles * co * (side + node->tile) * output_flops(node->tile));
}

void winograd_append(graph *g, const char *name, const conv2d_params *p, tensor_id weight,
                     tensor_id bias, tensor_id y, uint32_t tile)
{
    const tensor x = *graph_tensor(g, p->x), t = *graph_tensor(g, y);
    const tensor_id in[OUTPUT_INPUTS] = {
        [OUTPUT_BIAS] = bias,
        [OUTPUT_EMBEDDING] = p->embedding,
        [OUTPUT_RESIDUAL] = p->residual,
    };
    winograd_node node = {
        .tile = tile,
        .tiles_x = divide_up(t.w, tile),
        .tiles_y = divide_up(t.h, tile),
        .pad_top = p->pad_top,
        .pad_left = p->pad_left,
        .upsample_residual = p->upsample_residual,
        .activation = p->activation,
    };
    const uint32_t tiles = t.n * image_tiles(&t, tile), band = band_tiles(&x, &t, tile);
    for (uint32_t i = 0; node.first < tiles && graph_status(g) == QS_OK; ++i) {
        node.count = min_u32(band, tiles - node.first);
        append_band(g, op_band_name(g, name, i, divide_up(tiles, band)), p, y, in, weight, &node);
        node.first += node.count;
    }
}
