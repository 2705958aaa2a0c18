#include "ops/conv2d_matrix_packing.h"

#include "core/half.h"
#include "ops/conv2d_packing.h"
#include "ops/op_support.h"

#include <stdlib.h>

/* ---- tiles ---------------------------------------------------------------------------------- */

enum { SPLIT_CHUNKS_MIN = 8 }; /* less is not worth a workgroup */

/* Larger tiles read less for a product: shared memory feeds the units with 64 x 64 a subgroup, with
 * less they wait for it. rate: of one workgroup, estimated from the bytes that it reads. */
static const struct base_tile {
    uint32_t pixels, channels, rows, columns; /* with subgroups of 32 */
    double rate;
} base_tiles[] = {
    { 256, 128, 4, 2, 1.00 }, { 128, 128, 2, 2, 1.00 }, { 128, 96, 2, 2, 0.92 },
    { 128, 64, 2, 2, 0.85 },  { 64, 64, 2, 2, 0.70 },   { 64, 32, 2, 2, 0.50 },
};

static uint32_t shared_bytes(const gpu_matrix *m, const matrix_tile *t)
{
    const uint32_t row = CONV2D_MATRIX_CHUNK / 8 + 1;
    const uint32_t in = t->buffers * (t->pixels + t->channels) * row;
    const uint32_t out = t->rows * m->m * (t->channels / 4 + t->columns);
    return (in > out ? in : out) * 16;
}

static uint32_t lanes_of(const gpu_matrix *m, const matrix_tile *t)
{
    return t->rows * t->columns * m->lanes;
}

/* Fits a tile to the device's subgroups and shared memory; false if it cannot be done. */
static bool fit_tile(const gpu_limits *limits, const struct base_tile *base, matrix_tile *t)
{
    const gpu_matrix *m = &limits->matrix;
    *t = (matrix_tile){ base->pixels, base->channels, base->rows, base->columns, 2, 1 };
    for (uint32_t lanes = 32; lanes > m->lanes && lanes > 8; lanes /= 2)
        *(t->rows <= t->columns ? &t->rows : &t->columns) *= 2;
    /* fewer of larger subgroups only where they must be, and a lane with no more sums than here */
    while (lanes_of(m, t) > m->invocations && lanes_of(m, t) / 2 >= 32 * base->rows * base->columns)
        *(t->rows >= t->columns ? &t->rows : &t->columns) /= 2;
    if (t->pixels % (t->rows * m->m) || t->channels % (t->columns * m->n) ||
        lanes_of(m, t) > m->invocations)
        return false;
    if (shared_bytes(m, t) > limits->shared_bytes)
        t->buffers = 1;
    return shared_bytes(m, t) <= limits->shared_bytes;
}

static double group_count(const matrix_tile *t, matrix_size size)
{
    return (double)divide_up(size.pixels, t->pixels) * divide_up(size.channels, t->channels) *
           size.phases * t->splits;
}

/* Cores are idle without it, and each part has enough to do, the last one included. */
static bool may_split(const matrix_tile *t, matrix_size size)
{
    return t->splits <= SPLITS_MAX && group_count(t, size) <= 4 * LARGE_GPU_CORES &&
           size.chunks / t->splits >= SPLIT_CHUNKS_MIN &&
           matrix_split_chunks(size.chunks, t->splits) * (t->splits - 1) < size.chunks;
}

/* How long it should take, in chunks of a 128 x 128 tile, on a large GPU: each core has one
 * workgroup's worth of matrix units. */
static double estimate(const struct base_tile *base, const matrix_tile *t, matrix_size size)
{
    enum { FIRST_AND_LAST = 6, REDUCTION = 16 };
    const double groups = group_count(t, size);
    const double waves = groups > LARGE_GPU_CORES ? groups / LARGE_GPU_CORES : 1;
    const double area = (double)t->pixels * t->channels / (128 * 128) / base->rate;
    return waves * area * (matrix_split_chunks(size.chunks, t->splits) + FIRST_AND_LAST) +
           (t->splits > 1 ? REDUCTION : 0);
}

typedef struct rated_tile {
    matrix_tile tile;
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

uint32_t matrix_list_tiles(const gpu_limits *limits, matrix_size size,
                           matrix_tile tiles[MATRIX_TILES_MAX])
{
    enum { BASES = sizeof base_tiles / sizeof *base_tiles };
    rated_tile rated[BASES * 5];
    uint32_t count = 0;
    if (limits->matrix.m == 0)
        return 0;
    for (uint32_t i = 0; i < BASES; ++i) {
        matrix_tile t;
        if (!fit_tile(limits, &base_tiles[i], &t) ||
            divide_up(size.pixels, t.pixels) > limits->workgroup_count[0])
            continue;
        for (; t.splits == 1 || may_split(&t, size); t.splits *= 2)
            rated[count++] = (rated_tile){ t, estimate(&base_tiles[i], &t, size) };
    }
    qsort(rated, count, sizeof *rated, faster_first);
    count = count < MATRIX_TILES_MAX ? count : MATRIX_TILES_MAX;
    for (uint32_t i = 0; i < count; ++i)
        tiles[i] = rated[i].tile;
    return count;
}

uint32_t matrix_split_chunks(uint32_t chunks, uint32_t splits)
{
    return divide_up(chunks, splits);
}

/* ---- weights -------------------------------------------------------------------------------- */

static uint32_t ceil8(uint32_t value)
{
    return (value + 7u) & ~7u;
}

uint32_t matrix_chunks(uint32_t ci, uint32_t taps)
{
    return divide_up(taps * ceil8(ci), CONV2D_MATRIX_CHUNK);
}

size_t matrix_packed_bytes(uint32_t co, uint32_t ci, uint32_t taps, uint32_t phases)
{
    return (size_t)phases * matrix_chunks(ci, taps) * ceil4(co) * CONV2D_MATRIX_CHUNK * 2;
}

/* The taps of one phase, input and output channel. */
static void pack_taps(const float *values, uint32_t taps, uint32_t phase, uint32_t co, uint32_t ci,
                      uint32_t o, uint32_t i, void *packed)
{
    const size_t chunks = matrix_chunks(ci, taps);
    for (size_t tap = 0; tap < taps; ++tap) {
        const size_t term = tap * ceil8(ci) + i, chunk = term / CONV2D_MATRIX_CHUNK;
        const size_t row = (phase * chunks + chunk) * ceil4(co) + o;
        store_float(packed, row * CONV2D_MATRIX_CHUNK + term % CONV2D_MATRIX_CHUNK, true,
                    values[tap]);
    }
}

void matrix_pack(const float *values, uint32_t row, uint32_t rows, uint32_t co, uint32_t ci,
                 uint32_t kernel, void *packed)
{
    const uint32_t taps = kernel * kernel;
    for (uint32_t o = 0; o < rows; ++o)
        for (uint32_t i = 0; i < ci; ++i)
            pack_taps(values + ((size_t)o * ci + i) * taps, taps, 0, co, ci, row + o, i, packed);
}

void matrix_pack_upsampling(const float *values, uint32_t co, uint32_t ci, void *packed)
{
    for (uint32_t o = 0; o < co; ++o)
        for (uint32_t i = 0; i < ci; ++i) {
            float sums[16];
            conv2d_upsampling_taps(values + ((size_t)o * ci + i) * 9, sums);
            for (uint32_t phase = 0; phase < 4; ++phase)
                pack_taps(sums + 4 * phase, 4, phase, co, ci, o, i, packed);
        }
}
