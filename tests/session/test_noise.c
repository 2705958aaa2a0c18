/* Stochastic samplers and where their noise comes from, on a small diffusion model. That the noise
 * and the pictures are PyTorch's and diffusers' is for test_torch_rng and test_golden. */
#include <quickstep/quickstep.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../harness/device.h"
#include "../harness/source.h"
#include "../harness/status.h" /* wants cmocka.h */

enum { STEPS = 4, BATCH = 2, FLOATS_MAX = 3 * 32 * 32 };

static qs_model *model;
static size_t floats; /* of a picture */

static int open_all(void **state)
{
    qs_model_info info;
    if (open_device(state) != 0)
        return -1;
    if (qs_model_open(source_path("tests/golden/networks/ddpm"), &model) != QS_OK) {
        fprintf(stderr, "# %s\n", qs_last_error());
        return -1;
    }
    qs_model_get_info(model, &info);
    floats = (size_t)info.channels * info.height * info.width;
    return floats <= FLOATS_MAX ? 0 : -1;
}

static int close_all(void **state)
{
    qs_model_destroy(model);
    return close_device(state);
}

static qs_session *make_session(uint32_t batch)
{
    qs_session *session = NULL;
    ok(qs_session_create(device, model, &(qs_session_options){ .batch = batch }, &session));
    return session;
}

static void draw(qs_session *session, const qs_recipe *recipe, float *sample)
{
    ok(qs_session_render(session, recipe, NULL, NULL, NULL, sample));
}

static double distance(const float *a, const float *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; ++i)
        largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
    return largest;
}

/* Not normal, but of unit variance, and nothing repeats. */
static void fill_noise(float *noise, size_t count, uint32_t state)
{
    for (size_t i = 0; i < count; ++i) {
        state = state * 1664525u + 1013904223u;
        noise[i] = ((float)(state >> 8) / 8388608.0f - 1.0f) * 1.7320508f;
    }
}

static void turn_round(float *noise, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        noise[i] = -noise[i];
}

static const struct {
    qs_sampler sampler;
    float eta;
} stochastic[] = { { QS_SAMPLER_DDPM, 0 }, { QS_SAMPLER_DDIM, 1 }, { QS_SAMPLER_DDIM, 0.3f } };
enum { KINDS = sizeof stochastic / sizeof *stochastic };

static qs_recipe recipe_of(int kind, qs_rng rng, uint64_t seed)
{
    return (qs_recipe){ .steps = STEPS,
                        .sampler = stochastic[kind].sampler,
                        .eta = stochastic[kind].eta,
                        .rng = rng,
                        .seed = seed };
}

static void picture_i_is_drawn_from_seed_plus_i(void **state)
{
    (void)state;
    static float both[BATCH * FLOATS_MAX], one[FLOATS_MAX], other[FLOATS_MAX];
    qs_session *batch = make_session(BATCH), *single = make_session(1);
    for (int kind = 0; kind < KINDS; ++kind)
        for (qs_rng rng = QS_RNG_PHILOX; rng <= QS_RNG_TORCH; ++rng) {
            qs_recipe recipe = recipe_of(kind, rng, 7);
            draw(batch, &recipe, both);
            recipe.seed = 8;
            draw(single, &recipe, one);
            assert_true(distance(both + floats, one, floats) < 1e-3);
            assert_true(distance(both, one, floats) > 0.1);
            draw(single, &recipe, other);
            assert_memory_equal(one, other, floats * sizeof *one);
            recipe.rng = rng == QS_RNG_TORCH ? QS_RNG_PHILOX : QS_RNG_TORCH;
            draw(single, &recipe, other);
            assert_true(distance(one, other, floats) > 0.1);
        }
    qs_session_destroy(batch);
    qs_session_destroy(single);
}

/* With all noise given the generators have no say, and every step's noise but the last one's (the
 * picture is finished then) is seen. */
static void given_noise_replaces_both_generators(void **state)
{
    (void)state;
    static float noise[BATCH * FLOATS_MAX], steps[STEPS * BATCH * FLOATS_MAX];
    static float first[BATCH * FLOATS_MAX], again[BATCH * FLOATS_MAX];
    const size_t count = BATCH * floats;
    qs_session *session = make_session(BATCH);
    fill_noise(noise, count, 1);
    fill_noise(steps, STEPS * count, 2);
    for (int kind = 0; kind < KINDS; ++kind) {
        qs_recipe recipe = recipe_of(kind, QS_RNG_PHILOX, 1);
        recipe.noise = noise;
        recipe.step_noise = steps;
        draw(session, &recipe, first);
        recipe.seed = 99;
        recipe.rng = QS_RNG_TORCH;
        draw(session, &recipe, again);
        assert_memory_equal(first, again, count * sizeof *first);
        for (size_t step = 0; step < STEPS; ++step) {
            float *second = steps + step * count + floats; /* of the second picture */
            turn_round(second, floats);
            draw(session, &recipe, again);
            turn_round(second, floats);
            if (step + 1 < STEPS)
                assert_true(distance(first, again, count) > 1e-2);
            else
                assert_memory_equal(first, again, count * sizeof *first);
            assert_memory_equal(first, again, floats * sizeof *first);
        }
    }
    qs_session_destroy(session);
}

/* Also with the noise of a dropped picture still on its way. */
static void a_dropped_picture_leaves_no_noise(void **state)
{
    (void)state;
    static float wanted[BATCH * FLOATS_MAX], got[BATCH * FLOATS_MAX];
    qs_session *session = make_session(BATCH);
    const qs_recipe recipe = recipe_of(0, QS_RNG_TORCH, 3);
    draw(session, &recipe, wanted);
    for (uint32_t advances = 0; advances < 6; ++advances) {
        const qs_recipe dropped = recipe_of(1, QS_RNG_TORCH, 1000);
        ok(qs_session_begin(session, &dropped));
        for (uint32_t i = 0; i < advances; ++i) {
            ok(qs_session_advance(session, NULL));
            if (i % 2)
                ok(qs_session_wait(session, UINT32_MAX));
        }
        draw(session, &recipe, got);
        assert_memory_equal(wanted, got, BATCH * floats * sizeof *got);
    }
    qs_session_destroy(session);
}

/* qs_model_noise is what a seed begins with: given as noise, it makes the same picture. */
static void a_seeds_noise_can_be_had(void **state)
{
    (void)state;
    static float seeded[FLOATS_MAX], given[FLOATS_MAX], noise[FLOATS_MAX];
    qs_session *session = make_session(1);
    for (qs_rng rng = QS_RNG_PHILOX; rng <= QS_RNG_TORCH; ++rng) {
        qs_recipe recipe = { .steps = STEPS, .sampler = QS_SAMPLER_DDIM, .rng = rng, .seed = 11 };
        draw(session, &recipe, seeded);
        ok(qs_model_noise(model, rng, recipe.seed, noise));
        recipe.seed = 12;
        recipe.noise = noise;
        draw(session, &recipe, given);
        assert_memory_equal(seeded, given, floats * sizeof *seeded);
    }
    assert_int_equal(qs_model_noise(NULL, QS_RNG_PHILOX, 1, noise), QS_ERROR_USAGE);
    assert_int_equal(qs_model_noise(model, QS_RNG_PHILOX, 1, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_model_noise(model, (qs_rng)9, 1, noise), QS_ERROR_USAGE);
    qs_session_destroy(session);
}

static void wrong_recipes_are_errors(void **state)
{
    (void)state;
    static const uint32_t points[] = { 1, 0 };
    const qs_recipe wrong[] = {
        { .rng = (qs_rng)7 },
        { .eta = -1, .sampler = QS_SAMPLER_DDIM },
        { .eta = 1, .sampler = QS_SAMPLER_DDPM },
        { .steps = 2, .timesteps = points },
        { .steps = 1001 },
        { .sampler = QS_SAMPLER_MULTISTEP },
    };
    qs_session *session = make_session(1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
        assert_int_equal(qs_session_begin(session, &wrong[i]), QS_ERROR_USAGE);
        assert_true(strlen(qs_last_error()) > 10);
    }
    qs_rng rng = QS_RNG_PHILOX;
    assert_int_equal(qs_rng_parse("torch", &rng), QS_OK);
    assert_int_equal(rng, QS_RNG_TORCH);
    assert_string_equal(qs_rng_name(QS_RNG_PHILOX), "philox");
    assert_int_equal(qs_rng_parse("numpy", &rng), QS_ERROR_USAGE);
    assert_int_equal(qs_rng_parse(NULL, &rng), QS_ERROR_USAGE);
    size_t count = 7;
    qs_model_tuned_steps(model, &count);
    assert_int_equal(count, 0);
    qs_session_destroy(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picture_i_is_drawn_from_seed_plus_i),
        cmocka_unit_test(given_noise_replaces_both_generators),
        cmocka_unit_test(a_dropped_picture_leaves_no_noise),
        cmocka_unit_test(a_seeds_noise_can_be_had),
        cmocka_unit_test(wrong_recipes_are_errors),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
