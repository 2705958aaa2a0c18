/* The noise: known answers of Random123, and normals that are normal. */
#include "core/half.h"
#include "core/philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 1000000 };

static float normals[COUNT];

static int fill(void **state)
{
    (void)state;
    noise_normals(1, 0, 0, COUNT, normals);
    return 0;
}

/* kat_vectors of Random123 1.14, philox4x32 10 */
static void known_answers(void **state)
{
    (void)state;
    static const uint32_t vectors[3][10] = {
        { 0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 },
        { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
          0x41c83b0e, 0xa20bc7c6, 0x6d5451fd },
        { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
          0x94fdcceb, 0x5001e420, 0x24126ea1 },
    };
    for (size_t i = 0; i < 3; ++i) {
        uint32_t bits[4];
        philox_bits(vectors[i], vectors[i] + 4, bits);
        assert_memory_equal(bits, vectors[i] + 6, sizeof bits);
    }
}

/* A seed means a picture: these bits may never change. FNV-1a of a million normals. */
static void golden_bits(void **state)
{
    (void)state;
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < COUNT; ++i)
        hash = (hash ^ bits_from_float(normals[i])) * 16777619u;
    assert_int_equal(bits_from_float(normals[0]), 0x3ec2c3e0);
    assert_int_equal(hash, 0xb31c50a1);
}

static void any_range_and_lattice(void **state)
{
    (void)state;
    for (uint32_t first = 0; first < 9; ++first) {
        for (size_t count = 0; count < 11; ++count) {
            float part[12];
            part[count] = 77;
            noise_normals(1, 0, first, count, part);
            assert_memory_equal(part, normals + first, count * sizeof *part);
            assert_true(part[count] == 77);
        }
    }
    for (size_t i = 0; i < COUNT; ++i) {
        const float scaled = normals[i] * 0x1p21f;
        assert_true(scaled == rintf(scaled));
        assert_true(fabsf(normals[i]) < 6.67f);
        assert_false(normals[i] == 0 && signbit(normals[i]));
    }
}

/* The transform against Box-Muller in double, at the middle of the bits' intervals. */
static void box_muller(void **state)
{
    (void)state;
    double worst = 0;
    for (uint32_t block = 0; block < COUNT / 4; ++block) {
        uint32_t bits[4];
        philox_bits((uint32_t[]){ block, 0, 0, 0 }, (uint32_t[]){ 1, 0 }, bits);
        for (uint32_t pair = 0; pair < 2; ++pair) {
            const double u = (bits[2 * pair] | 1) * 0x1p-32;
            const double angle = 2 * acos(-1) * (bits[2 * pair + 1] + 0.5) * 0x1p-32;
            const double radius = sqrt(-2 * log(u));
            const float *got = normals + 4 * (size_t)block + 2 * (size_t)pair;
            worst = fmax(worst, fabs(got[0] - radius * cos(angle)));
            worst = fmax(worst, fabs(got[1] - radius * sin(angle)));
        }
    }
    assert_true(worst < 3e-7);
}

static void moments(void **state)
{
    (void)state;
    double sum[5] = { 0 };
    for (size_t i = 0; i < COUNT; ++i)
        for (int k = 1; k <= 4; ++k)
            sum[k] += pow(normals[i], k);
    /* four standard errors: of x, x^2, x^3, x^4 they are 1, sqrt 2, sqrt 15, sqrt 96 / 1000 */
    assert_true(fabs(sum[1] / COUNT) < 4e-3);
    assert_true(fabs(sum[2] / COUNT - 1) < 4 * 1.4142e-3);
    assert_true(fabs(sum[3] / COUNT) < 4 * 3.873e-3);
    assert_true(fabs(sum[4] / COUNT - 3) < 4 * 9.798e-3);
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov: sqrt(n) D above 1.63 happens once in a hundred. */
static void distribution(void **state)
{
    (void)state;
    float *sorted = malloc(sizeof normals);
    assert_non_null(sorted);
    memcpy(sorted, normals, sizeof normals);
    qsort(sorted, COUNT, sizeof *sorted, ascending);
    double worst = 0;
    for (size_t i = 0; i < COUNT; ++i) {
        const double expected = erfc(-sorted[i] / sqrt(2)) / 2;
        worst = fmax(worst, fmax(fabs(expected - (double)i / COUNT),
                                 fabs(expected - (double)(i + 1) / COUNT)));
    }
    free(sorted);
    assert_true(sqrt(COUNT) * worst < 1.63);
}

/* Counts beyond 2, 3, 4, on both sides, within five standard deviations. */
static void tails(void **state)
{
    (void)state;
    for (int limit = 2; limit <= 4; ++limit) {
        const double expected = COUNT * erfc(limit / sqrt(2)) / 2;
        int above = 0, below = 0;
        for (size_t i = 0; i < COUNT; ++i) {
            above += normals[i] > limit;
            below += normals[i] < -limit;
        }
        assert_true(fabs(above - expected) < 5 * sqrt(expected));
        assert_true(fabs(below - expected) < 5 * sqrt(expected));
    }
}

static double correlation(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; ++i)
        sum += (double)a[i] * b[i];
    return sum / (double)count;
}

/* Neighbours, seeds, both halves of the seed, and draws have nothing to do with each other. */
static void independence(void **state)
{
    (void)state;
    enum { PART = 100000 };
    static float other[PART];
    const double limit = 4 / sqrt(PART);
    for (size_t lag = 1; lag <= 8; ++lag)
        assert_true(fabs(correlation(normals, normals + lag, COUNT - 8)) < 4e-3);
    const struct {
        uint64_t seed;
        uint32_t draw;
    } others[] = { { 2, 0 }, { 0, 0 }, { 1, 1 }, { 1, 2 }, { 0x100000001, 0 }, { 0x100000000, 0 } };
    for (size_t i = 0; i < sizeof others / sizeof *others; ++i) {
        noise_normals(others[i].seed, others[i].draw, 0, PART, other);
        assert_true(fabs(correlation(normals, other, PART)) < limit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(golden_bits),
        cmocka_unit_test(any_range_and_lattice),
        cmocka_unit_test(box_muller),
        cmocka_unit_test(moments),
        cmocka_unit_test(distribution),
        cmocka_unit_test(tails),
        cmocka_unit_test(independence),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
