/* PyTorch's normals: tests/golden/schedules/torch_rng.json, written by tools/golden/schedules.py.
 */
#include "core/torch_rng.h"

#include "../harness/source.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void compare(const json_t *wanted, const float *got, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < json_array_size(wanted); ++i) {
        const double number = json_number_value(json_array_get(wanted, i));
        if (!(fabs(got[i] - number) <= 1e-6))
            fail_msg("seed %llu, %zu numbers: %.9g, PyTorch has %.9g", (unsigned long long)seed,
                     count, (double)got[i], number);
    }
}

/* One generator's draws, one after the other. */
static void check_seed(const json_t *entry)
{
    const uint64_t seed = (uint64_t)json_integer_value(json_object_get(entry, "seed"));
    torch_rng rng;
    torch_rng_seed(&rng, seed);
    size_t index;
    json_t *draw;
    json_array_foreach(json_object_get(entry, "draws"), index, draw)
    {
        const size_t count = (size_t)json_integer_value(json_object_get(draw, "count"));
        const json_t *first = json_object_get(draw, "first"), *last = json_object_get(draw, "last");
        float *normals = malloc(count * sizeof *normals);
        double sum = 0;
        assert_non_null(normals);
        torch_rng_normals(&rng, count, normals);
        for (size_t i = 0; i < count; ++i)
            sum += normals[i];
        compare(first, normals, count, seed);
        compare(last, normals + count - json_array_size(last), count, seed);
        /* the errors are as good as independent */
        const double wanted = json_number_value(json_object_get(draw, "sum"));
        if (!(fabs(sum - wanted) <= 1e-6 * sqrt((double)count) + 1e-8 * fabs(wanted)))
            fail_msg("seed %llu, %zu numbers: sum %.9g, PyTorch has %.9g", (unsigned long long)seed,
                     count, sum, wanted);
        free(normals);
    }
}

static void normals_are_pytorchs(void **state)
{
    (void)state;
    json_t *seeds = json_load_file(source_path("tests/golden/schedules/torch_rng.json"), 0, NULL);
    assert_true(json_array_size(seeds) > 0);
    size_t index;
    json_t *entry;
    json_array_foreach(seeds, index, entry) check_seed(entry);
    json_decref(seeds);
}

/* manual_seed looks at the low 32 bits only. */
static void seeds(void **state)
{
    (void)state;
    torch_rng a, b;
    float x, y;
    torch_rng_seed(&a, 7);
    torch_rng_seed(&b, 7 + (3ull << 32));
    torch_rng_normals(&a, 1, &x); /* leaves a spare, which seeding drops */
    torch_rng_seed(&a, 7);
    torch_rng_normals(&a, 1, &x);
    torch_rng_normals(&b, 1, &y);
    assert_true(x == y);
    torch_rng_normals(&b, 0, NULL);
    torch_rng_normals(&a, 1, &x);
    torch_rng_normals(&b, 1, &y);
    assert_true(x == y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normals_are_pytorchs),
        cmocka_unit_test(seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
