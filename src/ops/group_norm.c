#include "ops/op_support.h"

/* inputs of the last node */
enum { NORM_X, NORM_STATS, NORM_WEIGHT, NORM_BIAS, NORM_SCALE_SHIFT, NORM_INPUTS };

typedef struct norm_params {
    uint32_t groups;
    float eps;
    activation activation;
} norm_params;

/* ---- how the statistics are cut into workgroups -------------------------------------------- */

typedef struct stats_tile {
    uint32_t block_groups, block_quads; /* whole groups that are whole vectors of four, too */
    uint32_t lanes_x, lanes_y;          /* along the block's vectors; along the pixels */
    uint32_t entries;                   /* block_quads * lanes_y or more */
    uint32_t blocks, chunks, chunk_pixels;
} stats_tile;

enum { ENTRIES_MAX = 512 }; /* of 32 bytes: the 16 KiB of shared memory that every device has */

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

static stats_tile choose_stats_tile(const gpu_limits *limits, const tensor *x, uint32_t groups)
{
    const uint32_t group_channels = x->c / groups;
    /* the smallest number of groups that ends at a vector's end */
    const uint32_t unit_groups = 4 / gcd(4, group_channels);
    const uint32_t unit_quads = unit_groups * group_channels / 4;
    /* so many of them that 8 lanes have the same number of vectors each */
    const uint32_t units = min_u32(8 / gcd(8, unit_quads), divide_up(groups, unit_groups));
    stats_tile tile = { .block_groups = units * unit_groups, .block_quads = units * unit_quads };
    tile.lanes_x = min_u32(8, next_power_of_two(tile.block_quads));
    tile.lanes_y = 64 / tile.lanes_x;
    while (tile.lanes_y > 1 && tile.block_quads * tile.lanes_y > ENTRIES_MAX)
        tile.lanes_y /= 2;
    const uint32_t entries = next_power_of_two(tile.block_quads * tile.lanes_y);
    tile.entries = entries < 64 ? 64 : entries;
    tile.blocks = divide_up(groups, tile.block_groups);

    /* enough workgroups for the device, each with at least eight pixels a lane */
    const uint32_t wanted = divide_up(limits->cpu ? 4 : 256, tile.blocks * x->n);
    const uint32_t useful = image_pixels(x) / (8 * tile.lanes_y);
    uint32_t chunks = min_u32(min_u32(wanted, useful), GROUP_NORM_CHUNKS_MAX);
    chunks = chunks ? chunks : 1;
    tile.chunk_pixels = divide_up(image_pixels(x), chunks);
    tile.chunks = divide_up(image_pixels(x), tile.chunk_pixels);
    return tile;
}

/* ---- dispatch rules ------------------------------------------------------------------------ */

static void dispatch_stats(const graph *g, const node *self, op_dispatch *d)
{
    const norm_params *p = self->params;
    const tensor *x = graph_tensor(g, self->in[0]);
    const stats_tile tile = choose_stats_tile(g->limits, x, p->groups);
    const group_norm_stats_args args = {
        .x = op_view(g, self->in[0]),
        .pixels = image_pixels(x),
        .quads = ceil4(x->c) / 4,
        .groups = p->groups,
        .group_channels = x->c / p->groups,
        .block_groups = tile.block_groups,
        .block_quads = tile.block_quads,
        .chunk_pixels = tile.chunk_pixels,
        .eps = p->eps,
    };
    d->shader = op_variant(g, &TEXEL_VARIANTS(group_norm_stats), self->in[0], self->in[0]);
    op_constant(d, tile.lanes_x);
    op_constant(d, tile.lanes_y);
    op_constant(d, tile.entries);
    op_constant(d, tile.chunks == 1);
    op_groups(d, tile.blocks, tile.chunks, x->n);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

/* in[1] is x: its shape gives the chunks, its values are not read again */
static void dispatch_merge(const graph *g, const node *self, op_dispatch *d)
{
    const norm_params *p = self->params;
    const tensor *x = graph_tensor(g, self->in[1]);
    const stats_tile tile = choose_stats_tile(g->limits, x, p->groups);
    const group_norm_merge_args args = {
        .pixels = image_pixels(x),
        .groups = p->groups,
        .group_channels = x->c / p->groups,
        .chunks = tile.chunks,
        .chunk_pixels = tile.chunk_pixels,
        .eps = p->eps,
    };
    d->shader = SHADER_group_norm_merge;
    op_constant(d, g->limits->cpu ? 8 : 32);
    op_groups(d, p->groups, x->n, 1);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static void dispatch_norm(const graph *g, const node *self, op_dispatch *d)
{
    const norm_params *p = self->params;
    const tensor *x = graph_tensor(g, self->in[NORM_X]);
    const tensor_id scale_shift = self->in[NORM_SCALE_SHIFT];
    const group_norm_args args = {
        .x = op_view(g, self->in[NORM_X]),
        .y = op_view(g, self->out),
        .scale_shift = op_view(g, scale_shift),
        .pixels = image_pixels(x),
        .quads = ceil4(x->c) / 4,
        .channels = x->c,
        .groups = p->groups,
        .group_channels = x->c / p->groups,
    };
    const uint32_t lanes_x = grid_lanes_x(args.quads), lanes_y = 64 / lanes_x;
    /* more pixels share a lane's folded constants on a CPU; a GPU wants workgroups */
    const uint32_t least = divide_up(args.pixels, lanes_y * 65535u);
    const uint32_t wanted = g->limits->cpu ? 32 : 4;
    const uint32_t per_lane = wanted > least ? wanted : least;
    d->shader = op_variant(g, &TEXEL_VARIANTS(group_norm), self->in[NORM_X], self->in[NORM_X]);
    op_constant(d, lanes_x);
    op_constant(d, lanes_y);
    op_constant(d, per_lane);
    op_constant(d, scale_shift != NO_TENSOR);
    op_constant(d, p->activation);
    op_groups(d, divide_up(args.quads, lanes_x), divide_up(args.pixels, lanes_y * per_lane), x->n);
    op_bind(d, self->in[NORM_X], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[NORM_STATS], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[NORM_WEIGHT], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->in[NORM_BIAS], ACCESS_READ, NO_TENSOR);
    op_bind(d, scale_shift, ACCESS_READ, self->in[NORM_X]);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_stats = { "group_norm_stats", dispatch_stats };
static const op op_merge = { "group_norm_merge", dispatch_merge };
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
    if (choose_stats_tile(g->limits, x, p->groups).block_quads > ENTRIES_MAX) {
        graph_fail(g,
                   qs_error(QS_ERROR_MODEL, "%s: groups of %u channels, at most 2044 are supported",
                            full_name, x->c / p->groups));
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

static tensor_id append_stats(graph *g, const char *name, tensor_id x_id, const norm_params *p)
{
    const tensor x = *graph_tensor(g, x_id);
    const stats_tile tile = choose_stats_tile(g->limits, &x, p->groups);
    const char *stats_name = arena_format(&g->arena, "%s.stats", name);
    const tensor_id stats =
        graph_activation(g, stats_name, DTYPE_F32, x.n, tile.chunks, 1, 4 * p->groups);
    graph_node(g, &op_stats, stats_name, &x_id, 1, stats, p, sizeof *p, 5 * element_count(&x));
    if (tile.chunks == 1)
        return stats;
    const char *merge_name = arena_format(&g->arena, "%s.stats.merge", name);
    const tensor_id merged = graph_activation(g, merge_name, DTYPE_F32, x.n, 1, 1, 4 * p->groups);
    graph_node(g, &op_merge, merge_name, (tensor_id[]){ stats, x_id }, 2, merged, p, sizeof *p, 0);
    return merged;
}

tensor_id op_group_norm(graph *g, const char *name, const group_norm_params *params)
{
    if (graph_status(g) != QS_OK || !check(g, name, params))
        return 0;
    const tensor x = *graph_tensor(g, params->x);
    const norm_params p = { params->groups, params->eps, params->activation };
    const tensor_id in[NORM_INPUTS] = {
        [NORM_X] = params->x,
        [NORM_STATS] = append_stats(g, name, params->x, &p),
        [NORM_WEIGHT] = weight_vector(g, &params->weight, 1, x.c),
        [NORM_BIAS] = weight_vector(g, &params->bias, 1, x.c),
        [NORM_SCALE_SHIFT] = params->scale_shift,
    };
    const tensor_id y = graph_activation(g, name, x.type, x.n, x.h, x.w, x.c);
    graph_node(g, &op_norm, name, in, NORM_INPUTS, y, &p, sizeof p,
               (p.activation == ACTIVATION_SILU ? 7 : 3) * element_count(&x));
    return y;
}
