#include "ops/conv2d_staged_tiles.h"

#include "ops/op_support.h"

#include <stdlib.h>

/* Larger tiles read less for a product: shared memory feeds matrix units with 64 x 64 a subgroup,
 * and a lane's arithmetic with 8 x 8; with less they wait for it. rate: of one workgroup, estimated
 * from the bytes that it reads, against the kind's largest. */
typedef struct base_tile {
    uint32_t pixels, channels, rows, columns; /* of matrix units: with subgroups of 32 */
    double rate;
} base_tile;

static const base_tile matrix_tiles[] = {
    { 256, 128, 4, 2, 1.00 }, { 128, 128, 2, 2, 1.00 }, { 128, 96, 2, 2, 0.92 },
    { 128, 64, 2, 2, 0.85 },  { 64, 64, 2, 2, 0.70 },   { 64, 32, 2, 2, 0.50 },
};
static const base_tile lane_tiles[] = {
    { 128, 128, 16, 16, 1.00 }, { 128, 64, 16, 8, 1.00 }, { 64, 64, 16, 8, 0.75 },
    { 64, 32, 16, 8, 0.50 },    { 32, 64, 8, 8, 0.75 },   { 16, 64, 8, 8, 0.50 },
};

/* Times in chunks of a 128 x 128 tile; less than split_chunks is not worth a workgroup. */
static const struct kind {
    const base_tile *tiles;
    uint32_t count, split_chunks;
    double first_and_last, reduction;
} kinds[] = {
    [STAGED_LANES] = { lane_tiles, sizeof lane_tiles / sizeof *lane_tiles, 16, 2, 8 },
    [STAGED_MATRIX] = { matrix_tiles, sizeof matrix_tiles / sizeof *matrix_tiles, 8, 6, 16 },
};
enum { TILES_OF_A_KIND = 6, SPLITTINGS = 5 };
_Static_assert(1 << (SPLITTINGS - 1) == SPLITS_MAX, "1, 2, .. parts");

/* ---- what fits ------------------------------------------------------------------------------ */

static uint32_t lane_count(const gpu_limits *limits, const staged_tile *t)
{
    return t->rows * t->columns * (t->units == STAGED_MATRIX ? limits->matrix.lanes : 1);
}

static uint32_t shared_bytes(const gpu_limits *limits, const staged_tile *t)
{
    const uint32_t row = CONV2D_MATRIX_CHUNK / 8 + 1;
    const uint32_t in = t->buffers * (t->pixels + t->channels) * row;
    const uint32_t out = t->rows * limits->matrix.m * (t->channels / 4 + t->columns);
    const uint32_t lanes_in =
        t->pixels * (CONV2D_STAGED_QUADS + 1) + CONV2D_STAGED_QUADS * 4 * (t->channels / 4 + 4);
    return (t->units == STAGED_LANES ? lanes_in : in > out ? in : out) * 16;
}

/* Fits a tile to the device's subgroups; false if it cannot be done. */
static bool fit_matrices(const gpu_limits *limits, const base_tile *base, staged_tile *t)
{
    const gpu_matrix *m = &limits->matrix;
    if (m->m == 0)
        return false;
    for (uint32_t lanes = 32; lanes > m->lanes && lanes > 8; lanes /= 2)
        *(t->rows <= t->columns ? &t->rows : &t->columns) *= 2;
    /* fewer of larger subgroups only where they must be, and a lane with no more sums than here */
    while (lane_count(limits, t) > m->invocations &&
           lane_count(limits, t) / 2 >= 32 * base->rows * base->columns)
        *(t->rows >= t->columns ? &t->rows : &t->columns) /= 2;
    if (t->pixels % (t->rows * m->m) || t->channels % (t->columns * m->n))
        return false;
    t->buffers = 2;
    if (shared_bytes(limits, t) > limits->shared_bytes)
        t->buffers = 1;
    return lane_count(limits, t) <= m->invocations;
}

static bool fit_tile(const gpu_limits *limits, staged_units units, const base_tile *base,
                     staged_tile *t)
{
    *t = (staged_tile){ units, base->pixels, base->channels, base->rows, base->columns, 1, 1 };
    return (units == STAGED_LANES || fit_matrices(limits, base, t)) &&
           lane_count(limits, t) <= limits->workgroup_invocations &&
           shared_bytes(limits, t) <= limits->shared_bytes;
}

/* ---- what pays ------------------------------------------------------------------------------ */

static double group_count(const staged_tile *t, staged_size size)
{
    return (double)divide_up(size.pixels, t->pixels) * divide_up(size.channels, t->channels) *
           size.phases * t->splits;
}

/* Cores are idle without it, and each part has enough to do, the last one included. */
static bool may_split(const staged_tile *t, staged_size size)
{
    return t->splits <= SPLITS_MAX && group_count(t, size) <= 4 * LARGE_GPU_CORES &&
           size.chunks / t->splits >= kinds[t->units].split_chunks &&
           staged_split_chunks(size.chunks, t->splits) * (t->splits - 1) < size.chunks;
}

/* How long it should take, in chunks of a 128 x 128 tile, on a large GPU: each core has one
 * workgroup's worth of units. */
static double estimate(const base_tile *base, const staged_tile *t, staged_size size)
{
    const struct kind *kind = &kinds[t->units];
    const double groups = group_count(t, size);
    const double waves = groups > LARGE_GPU_CORES ? groups / LARGE_GPU_CORES : 1;
    const double area = (double)t->pixels * t->channels / (128 * 128) / base->rate;
    return waves * area * (staged_split_chunks(size.chunks, t->splits) + kind->first_and_last) +
           (t->splits > 1 ? kind->reduction : 0);
}

typedef struct rated_tile {
    staged_tile tile;
    double time;
} rated_tile;

static int faster_first(const void *a, const void *b)
{
    const rated_tile *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    const uint32_t p = x->tile.pixels * x->tile.channels, q = y->tile.pixels * y->tile.channels;
    if (p != q)
        return p < q ? 1 : -1;
    return (x->tile.splits > y->tile.splits) - (x->tile.splits < y->tile.splits);
}

uint32_t staged_list_tiles(const gpu_limits *limits, staged_units units, staged_size size,
                           staged_tile tiles[STAGED_TILES_MAX])
{
    rated_tile rated[TILES_OF_A_KIND * SPLITTINGS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < kinds[units].count; ++i) {
        const base_tile *base = &kinds[units].tiles[i];
        staged_tile t;
        if (!fit_tile(limits, units, base, &t) ||
            divide_up(size.pixels, t.pixels) > limits->workgroup_count[0])
            continue;
        for (; t.splits == 1 || may_split(&t, size); t.splits *= 2)
            rated[count++] = (rated_tile){ t, estimate(base, &t, size) };
    }
    qsort(rated, count, sizeof *rated, faster_first);
    count = count < STAGED_TILES_MAX ? count : STAGED_TILES_MAX;
    for (uint32_t i = 0; i < count; ++i)
        tiles[i] = rated[i].tile;
    return count;
}

uint32_t staged_split_chunks(uint32_t chunks, uint32_t splits)
{
    return divide_up(chunks, splits);
}

uint32_t staged_chunks(uint32_t ci, uint32_t taps)
{
    return divide_up(taps * divide_up(ci, 4), CONV2D_STAGED_QUADS);
}
