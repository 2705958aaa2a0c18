#include "ops/op_support.h"

/*
 * One dispatch where the groups of a workgroup (a block) have few enough pixels, otherwise two: the
 * statistics of chunks of the image, which the second one merges.
 */

/* ---- how the groups and pixels are cut into workgroups -------------------------------------- */

typedef struct norm_tile {
    uint32_t block_groups, block_quads; /* whole groups that are whole vectors of four, too */
    uint32_t lanes_x, lanes_y;          /* along the block's vectors; along the pixels */
    uint32_t entries;                   /* block_quads * lanes_y or more */
    uint32_t blocks;
    bool whole;                    /* a workgroup has all pixels of its block */
    uint32_t chunks, chunk_pixels; /* of the statistics, otherwise */
    uint32_t part_pixels;          /* of a workgroup of group_norm */
} norm_tile;

enum { ENTRIES_MAX = 480 }; /* of 32 bytes: in the 16 KiB of shared memory that every device has */

/* llvmpipe leaves a shader's loops for good, and without a word, after 65535 rounds of all of them
 * together (LP_MAX_TGSI_LOOP_ITERATIONS); a whole block goes over its pixels twice. */
enum { ROUNDS_MAX = 24576 };

/* Of the loop in which a lane goes over these pixels once. */
static uint32_t rounds(const norm_tile *tile, uint32_t pixels)
{
    return divide_up(pixels, tile->lanes_y) * divide_up(tile->block_quads, tile->lanes_x);
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint32_t next_power_of_two(uint32_t value)
{
    uint32_t power = 1;
    while (power < value)
        power *= 2;
    return power;
}

/* A GPU's lane has 16 vectors or more. A block is a number of units: the smallest number of groups
 * that ends at a vector's end. */
static norm_tile tile_of_units(const gpu_limits *limits, const tensor *x, uint32_t groups,
                               uint32_t units)
{
    const uint32_t unit_groups = 4 / gcd(4, x->c / groups);
    norm_tile tile = { .block_groups = units * unit_groups };
    tile.block_quads = divide_up(tile.block_groups * (x->c / groups), 4);
    tile.blocks = divide_up(groups, tile.block_groups);
    const uint32_t busy =
        next_power_of_two(min_u32(tile.block_quads * (image_pixels(x) / 16), 256));
    uint32_t lanes = limits->cpu ? limits->subgroup_size : busy < 64 ? 64 : busy;
    while (lanes > limits->workgroup_invocations)
        lanes /= 2;
    tile.lanes_x = min_u32(min_u32(8, lanes), next_power_of_two(tile.block_quads));
    tile.lanes_y = lanes / tile.lanes_x;
    while (tile.lanes_y > 1 && tile.block_quads * tile.lanes_y > ENTRIES_MAX)
        tile.lanes_y /= 2;
    const uint32_t entries = next_power_of_two(tile.block_quads * tile.lanes_y);
    tile.entries = entries < 64 ? 64 : min_u32(entries, ENTRIES_MAX);
    return tile;
}

/* All pixels of a block in one workgroup, if there can be workgroups enough for the device. A CPU's
 * start of a workgroup with barriers costs as much as some thousand vectors. */
static norm_tile whole_tile(const gpu_limits *limits, const tensor *x, uint32_t groups)
{
    enum { CPU_WORK = 16384, GPU_WORK = 4096 }; /* vectors of four channels */
    const uint32_t group_channels = x->c / groups, unit_groups = 4 / gcd(4, group_channels);
    const uint32_t unit_quads = unit_groups * group_channels / 4;
    const uint64_t vectors = (uint64_t)divide_up(x->c, 4) * image_pixels(x);
    const uint64_t wanted = limits->cpu ? vectors * x->n / CPU_WORK : 128;
    const uint32_t enough = (uint32_t)(wanted < 16 || !limits->cpu ? wanted : 16);
    uint32_t units =
        min_u32(divide_up(groups, unit_groups), GROUP_NORM_BLOCK_GROUPS_MAX / unit_groups);
    norm_tile tile = tile_of_units(limits, x, groups, units);
    /* less than 4 vectors of a pixel waste what a GPU fetches at a time */
    while (units > 1 && units * unit_quads > 4 &&
           (tile.block_quads > ENTRIES_MAX || tile.blocks * x->n < enough)) {
        units = divide_up(units, 2);
        tile = tile_of_units(limits, x, groups, units);
    }
    const uint64_t work = (uint64_t)tile.block_quads * image_pixels(x);
    tile.whole = limits->cpu
                     ? tile.blocks * x->n >= enough && rounds(&tile, image_pixels(x)) <= ROUNDS_MAX
                     : work <= GPU_WORK;
    tile.chunks = 1;
    tile.part_pixels = tile.chunk_pixels = image_pixels(x);
    return tile;
}

/* Of an image. */
static uint32_t pixels_bound(const graph *g, tensor_id x)
{
    return min_u32(op_pixels_bound(g, x), image_pixels(graph_tensor(g, x)));
}

static norm_tile choose_tile(const graph *g, tensor_id x_id, uint32_t groups)
{
    const gpu_limits *limits = g->limits;
    const tensor *x = graph_tensor(g, x_id);
    norm_tile tile = whole_tile(limits, x, groups);
    tile.whole &= op_is_bound_whole(g, x_id);
    if (tile.whole)
        return tile;
    /* so many units that 8 lanes have the same number of vectors each */
    const uint32_t group_channels = x->c / groups, unit_groups = 4 / gcd(4, group_channels);
    const uint32_t unit_quads = unit_groups * group_channels / 4, pixels = image_pixels(x);
    const uint32_t units = min_u32(8 / gcd(8, unit_quads), divide_up(groups, unit_groups));
    tile = tile_of_units(limits, x, groups, units);
    /* enough workgroups for the device, each with at least eight pixels a lane */
    const uint32_t wanted = divide_up(limits->cpu ? 4 : 256, tile.blocks * x->n);
    const uint32_t useful = pixels / (8 * tile.lanes_y);
    const uint32_t chunks = min_u32(min_u32(wanted, useful), GROUP_NORM_CHUNKS_MAX);
    const uint32_t needed = divide_up(rounds(&tile, pixels), ROUNDS_MAX);
    tile.chunk_pixels =
        min_u32(divide_up(pixels, chunks > needed ? chunks : needed), pixels_bound(g, x_id));
    tile.chunks = divide_up(pixels, tile.chunk_pixels);
    const uint32_t parts = divide_up(pixels, tile.lanes_y * (limits->cpu ? 32 : 4));
    tile.part_pixels = divide_up(pixels, min_u32(parts, 65535));
    return tile;
}

/* ---- dispatch rules ------------------------------------------------------------------------ */

/* inputs of group_norm's node, and the first of group_norm_stats' */
enum { NORM_X, NORM_FIRST, NORM_STATS, NORM_WEIGHT, NORM_BIAS, NORM_SCALE_SHIFT, NORM_INPUTS };
enum { STATS_INPUTS = NORM_FIRST + 1 };

typedef struct norm_node {
    uint32_t groups, image_pixels;
    float eps;
    activation activation;
    norm_tile tile; /* of a whole image */
} norm_node;

/* x: a tensor, or a band of an image; first: x, or a band of the image's first pixel. */
static group_norm_args args_for(const graph *g, const node *self, tensor_id stats)
{
    const norm_node *p = self->params;
    const tensor *x = graph_tensor(g, self->in[NORM_X]);
    const tensor_view view = op_view(g, self->in[NORM_X]);
    return (group_norm_args){
        .x = view,
        .first = { op_view(g, self->in[NORM_FIRST]).offset, p->image_pixels * view.stride },
        .stats = op_view(g, stats),
        .pixels = image_pixels(x),
        .quads = ceil4(x->c) / 4,
        .channels = x->c,
        .image_pixels = p->image_pixels,
        .groups = p->groups,
        .group_channels = x->c / p->groups,
        .block_groups = p->tile.block_groups,
        .block_quads = p->tile.block_quads,
        .chunks = p->tile.chunks,
        .chunk_pixels = p->tile.chunk_pixels,
        .part_pixels = p->tile.part_pixels,
        .eps = p->eps,
    };
}

static void dispatch_stats(const graph *g, const node *self, op_dispatch *d)
{
    const norm_node *p = self->params;
    const tensor_id x = self->in[NORM_X];
    const group_norm_args args = args_for(g, self, self->out);
    d->shader = op_shader(g, &TEXEL_BUILDS(group_norm_stats), x, x);
    op_constant(d, p->tile.lanes_x);
    op_constant(d, p->tile.lanes_y);
    op_constant(d, p->tile.entries);
    op_groups(d, p->tile.blocks, divide_up(args.pixels, p->tile.chunk_pixels),
              graph_tensor(g, x)->n);
    op_bind(d, x, ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_bind(d, self->in[NORM_FIRST], ACCESS_READ, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static void dispatch_norm(const graph *g, const node *self, op_dispatch *d)
{
    const norm_node *p = self->params;
    const tensor_id x = self->in[NORM_X], scale_shift = self->in[NORM_SCALE_SHIFT];
    group_norm_args args = args_for(g, self, self->in[NORM_STATS]);
    args.y = op_view(g, self->out);
    args.scale_shift = op_view(g, scale_shift);
    d->shader = op_shader(g, &TEXEL_BUILDS(group_norm), x, x);
    op_constant(d, p->tile.lanes_x);
    op_constant(d, p->tile.lanes_y);
    op_constant(d, p->tile.entries);
    op_constant(d, p->tile.whole);
    op_constant(d, scale_shift != NO_TENSOR);
    op_constant(d, p->activation);
    op_groups(d, p->tile.blocks, divide_up(args.pixels, p->tile.part_pixels),
              graph_tensor(g, x)->n);
    op_bind(d, x, ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[NORM_STATS], ACCESS_READ, x);
    op_bind(d, self->in[NORM_WEIGHT], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[NORM_BIAS], ACCESS_READ, NO_TENSOR);
    op_bind(d, scale_shift, ACCESS_READ, x);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_bind(d, self->in[NORM_FIRST], ACCESS_READ, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_stats = { "group_norm_stats", dispatch_stats };
static const op op_norm = { "group_norm", dispatch_norm };

/* ---- shape rule ---------------------------------------------------------------------------- */

static bool check(graph *g, const char *name, const group_norm_params *p)
{
    const tensor *x = graph_tensor(g, p->x);
    const char *full_name = graph_name(g, name);
    if (p->groups == 0 || x->c % p->groups != 0) {
        graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: %u channels cannot be cut into %u groups",
                               full_name, x->c, p->groups));
        return false;
    }
    if (choose_tile(g, p->x, p->groups).block_quads > ENTRIES_MAX) {
        graph_fail(g,
                   qs_error(QS_ERROR_MODEL, "%s: groups of %u channels, at most %u are supported",
                            full_name, x->c / p->groups, 4 * ENTRIES_MAX - 4));
        return false;
    }
    if (p->scale_shift != NO_TENSOR) {
        const tensor *s = graph_tensor(g, p->scale_shift);
        if (s->n != x->n || all_pixels(s) != s->n || s->c != 2 * x->c) {
            graph_fail(g, qs_error(QS_ERROR_MODEL,
                                   "%s: scale and shift are [%u, %u, %u, %u], not [%u, 1, 1, %u]",
                                   full_name, s->n, s->h, s->w, s->c, x->n, 2 * x->c));
            return false;
        }
    }
    return true;
}

/* ---- nodes --------------------------------------------------------------------------------- */

/* How x is worked on: at once or, where it is larger than a binding, in bands of an image, each a
 * whole number of chunks, so that the statistics are the same. */
typedef struct norm_bands {
    bool cut;
    uint32_t pixels, per_image, count; /* pixels: of all but an image's last */
} norm_bands;

static norm_bands cut(const graph *g, tensor_id x_id, const norm_tile *tile)
{
    const tensor *x = graph_tensor(g, x_id);
    if (op_is_bound_whole(g, x_id))
        return (norm_bands){ .count = 1 };
    const uint32_t chunks = pixels_bound(g, x_id) / tile->chunk_pixels;
    const uint32_t pixels = chunks * tile->chunk_pixels;
    const uint32_t per_image = divide_up(image_pixels(x), pixels);
    return (norm_bands){ true, pixels, per_image, per_image * x->n };
}

/* Pixels of the image of band i, from `first` on and `count` of them if it has so many. */
static tensor_id part(graph *g, const norm_bands *bands, uint32_t i, tensor_id id, uint32_t first,
                      uint32_t count)
{
    if (!bands->cut || id == NO_TENSOR)
        return id;
    const uint32_t pixels = image_pixels(graph_tensor(g, id));
    return graph_band(g, id, i / bands->per_image * pixels + first, min_u32(count, pixels - first),
                      1);
}

static void append_stats(graph *g, const char *name, const norm_bands *bands, uint32_t i,
                         tensor_id x, tensor_id stats, const norm_node *node)
{
    const uint32_t first = bands->cut ? i % bands->per_image * bands->pixels : 0;
    const uint32_t chunk = node->tile.chunk_pixels;
    const tensor_id in[STATS_INPUTS] = { [NORM_X] = part(g, bands, i, x, first, bands->pixels),
                                         [NORM_FIRST] = part(g, bands, i, x, 0, 1) };
    const tensor_id out =
        part(g, bands, i, stats, 2 * (first / chunk), 2 * (bands->pixels / chunk));
    if (graph_status(g) == QS_OK)
        graph_node(g, &op_stats, name, in, STATS_INPUTS, out, node, sizeof *node,
                   5 * element_count(graph_tensor(g, in[NORM_X])));
}

static void append_norm(graph *g, const char *name, const norm_bands *bands, uint32_t i,
                        const tensor_id whole[NORM_INPUTS], tensor_id y, const norm_node *node)
{
    const uint32_t first = bands->cut ? i % bands->per_image * bands->pixels : 0;
    const tensor_id in[NORM_INPUTS] = {
        [NORM_X] = part(g, bands, i, whole[NORM_X], first, bands->pixels),
        [NORM_FIRST] = part(g, bands, i, whole[NORM_X], 0, 1),
        [NORM_STATS] = part(g, bands, i, whole[NORM_STATS], 0, UINT32_MAX),
        [NORM_WEIGHT] = whole[NORM_WEIGHT],
        [NORM_BIAS] = whole[NORM_BIAS],
        [NORM_SCALE_SHIFT] = part(g, bands, i, whole[NORM_SCALE_SHIFT], 0, 1),
    };
    const tensor_id out = part(g, bands, i, y, first, bands->pixels);
    if (graph_status(g) == QS_OK)
        graph_node(g, &op_norm, name, in, NORM_INPUTS, out, node, sizeof *node,
                   ((node->activation == ACTIVATION_SILU ? 7 : 3) + (node->tile.whole ? 5 : 0)) *
                       element_count(graph_tensor(g, in[NORM_X])));
}

tensor_id op_group_norm(graph *g, const char *name, const group_norm_params *params)
{
    if (graph_status(g) != QS_OK || !check(g, name, params))
        return NO_TENSOR;
    const tensor_id x_id = params->x;
    const tensor x = *graph_tensor(g, x_id);
    const norm_node node = { .groups = params->groups,
                             .image_pixels = image_pixels(&x),
                             .eps = params->eps,
                             .activation = params->activation,
                             .tile = choose_tile(g, x_id, params->groups) };
    const norm_bands bands = cut(g, x_id, &node.tile);
    const char *stats_name = graph_format(g, "%s.stats", name);
    const tensor_id stats =
        node.tile.whole ? NO_TENSOR
                        : graph_activation(g, stats_name, DTYPE_F32, x.n, node.tile.chunks, 2, x.c);
    for (uint32_t i = 0; i < bands.count && stats != NO_TENSOR; ++i)
        append_stats(g, op_band_name(g, stats_name, i, bands.count), &bands, i, x_id, stats, &node);
    const tensor_id in[NORM_INPUTS] = {
        [NORM_X] = x_id,
        [NORM_STATS] = stats,
        [NORM_WEIGHT] = weight_vector(g, params->weight, x.c),
        [NORM_BIAS] = weight_vector(g, params->bias, x.c),
        [NORM_SCALE_SHIFT] = params->scale_shift,
    };
    const tensor_id y = graph_activation(g, name, x.type, x.n, x.h, x.w, x.c);
    for (uint32_t i = 0; i < bands.count; ++i)
        append_norm(g, op_band_name(g, name, i, bands.count), &bands, i, in, y, &node);
    return y;
}
