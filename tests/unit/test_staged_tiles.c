/* Tiles of convolutions that go through shared memory, on matrix units and by lanes. Whether what
 * they compute is right is tests/ops' subject. */
#include "ops/conv2d_staged_tiles.h"

#include "lib/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define LIMITS(lanes_max, bytes, ...)                                                              \
    {                                                                                              \
        .workgroup_count = { 65535, 65535, 65535 }, .workgroup_invocations = 2 * (lanes_max),      \
        .shared_bytes = (bytes), .matrix = {                                                       \
            __VA_ARGS__,                                                                           \
            (lanes_max)                                                                            \
        }                                                                                          \
    }
static const gpu_limits devices[] = {
    LIMITS(1024, 49152, 16, 16, 16, 32),  LIMITS(1024, 65536, 16, 16, 16, 64),
    LIMITS(1024, 65536, 8, 16, 16, 16),   LIMITS(1024, 32768, 8, 8, 8, 16),
    LIMITS(1024, 32768, 8, 8, 8, 8),      LIMITS(1024, 32768, 8, 8, 8, 4),
    LIMITS(128, 16384, 16, 16, 16, 32),   LIMITS(128, 16384, 16, 16, 16, 128),
    LIMITS(1024, 65536, 16, 16, 16, 128),
};
enum { DEVICES = sizeof devices / sizeof *devices };

static void check_matrices(const gpu_limits *limits, const staged_tile *t)
{
    const gpu_matrix *m = &limits->matrix;
    const uint32_t row_bytes = 2 * CONV2D_MATRIX_CHUNK + 16;
    assert_int_equal(t->pixels % (t->rows * m->m), 0);
    assert_int_equal(t->channels % (t->columns * m->n), 0);
    assert_in_range(t->rows * t->columns * m->lanes, 1, m->invocations);
    assert_in_range(t->buffers, 1, 2);
    /* what comes in, and what goes out: m rows of floats of every subgroup, padded by 16 bytes */
    assert_in_range(t->buffers * (t->pixels + t->channels) * row_bytes, 1, limits->shared_bytes);
    assert_in_range(t->rows * m->m * (4 * t->channels + 16 * t->columns), 1, limits->shared_bytes);
}

/* Whole vectors of pixels and channels for each lane, whole blocks of packed weights, and a row of
 * each in shared memory with what keeps rows in different banks. */
static void check_lanes(const gpu_limits *limits, const staged_tile *t)
{
    const uint32_t lanes = t->rows * t->columns, terms = 4 * CONV2D_STAGED_QUADS;
    assert_int_equal(t->pixels % t->rows, 0);
    assert_int_equal(t->channels % (4 * t->columns), 0);
    assert_int_equal(t->channels % 16, 0);
    assert_int_equal(lanes % CONV2D_STAGED_QUADS, 0);
    assert_in_range(lanes, 1, limits->workgroup_invocations);
    assert_in_range(4 * (t->pixels * (terms + 4) + terms * (t->channels + 16)), 1,
                    limits->shared_bytes);
}

static void check_tile(const gpu_limits *limits, staged_units units, const staged_tile *t,
                       staged_size size)
{
    assert_int_equal(t->units, units);
    (units == STAGED_MATRIX ? check_matrices : check_lanes)(limits, t);
    assert_true(size.pixels <= 65535 * t->pixels);
    const uint32_t chunks = size.chunks, each = staged_split_chunks(chunks, t->splits);
    assert_true(each * t->splits >= chunks && each * (t->splits - 1) < chunks);
}

static void tiles_fit_the_device(void **state)
{
    static const staged_size sizes[] = {
        { 4096, 192, 54, 1 },  { 64, 768, 216, 1 },  { 99, 3, 2, 1 },
        { 1024, 384, 108, 4 }, { 1, 1, 1, 1 },       { 5, 4096, 24, 1 },
        { 1 << 20, 64, 1, 1 }, { 256, 512, 145, 1 }, { 4000000, 64, 18, 1 },
    };
    (void)state;
    for (size_t d = 0; d < DEVICES; ++d)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; ++s)
            for (staged_units units = STAGED_LANES; units <= STAGED_MATRIX; ++units) {
                staged_tile tiles[STAGED_TILES_MAX];
                const uint32_t count = staged_list_tiles(&devices[d], units, sizes[s], tiles);
                assert_in_range(count, 1, STAGED_TILES_MAX);
                for (uint32_t i = 0; i < count; ++i)
                    check_tile(&devices[d], units, &tiles[i], sizes[s]);
            }
    const gpu_limits none = LIMITS(1024, 65536, 0);
    staged_tile tiles[STAGED_TILES_MAX];
    assert_int_equal(staged_list_tiles(&none, STAGED_MATRIX, sizes[0], tiles), 0);
}

/* On a large GPU: large tiles where there are enough of them, split sums where there are not.
 */
static void default_tiles(void **state)
{
    (void)state;
    for (staged_units units = STAGED_LANES; units <= STAGED_MATRIX; ++units) {
        staged_tile tiles[STAGED_TILES_MAX];
        staged_list_tiles(&devices[0], units, (staged_size){ 256 * 256, 256, 72, 1 }, tiles);
        assert_true(tiles[0].splits == 1 && tiles[0].pixels * tiles[0].channels >= 128 * 64);
        staged_list_tiles(&devices[0], units, (staged_size){ 64, 768, 216, 1 }, tiles);
        assert_true(tiles[0].splits > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_fit_the_device),
        cmocka_unit_test(default_tiles),
    };
    return cmocka_run_group_tests_name("staged tiles", tests, NULL, NULL);
}
