/* Tuning through the public API, on a tiny network: what is measured is kept, chosen, and draws the
 * same picture. */
#include "../harness/folder.h"

#include <quickstep/quickstep.h>

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../harness/source.h"
#include "../harness/status.h" /* wants cmocka.h */

static char file_path[4352];
static qs_device *device;
static qs_model *model;
static qs_model_info info;
static size_t sample_count;

static int open_all(void **state)
{
    const char *path = source_path("tests/golden/networks/no_vectors");
    create_folder(state);
    setenv("QUICKSTEP_DEBUG", "validate,sync", 1);
    setenv("XDG_CACHE_HOME", folder, 1);
    if (qs_device_create(NULL, &device) != QS_OK || qs_model_open(path, &model) != QS_OK) {
        fprintf(stderr, "# %s\n", qs_last_error());
        return -1;
    }
    qs_model_get_info(model, &info);
    sample_count = (size_t)info.latent_channels * info.latent_height * info.latent_width;
    qs_device_info device_info;
    qs_device_get_info(device, &device_info);
    int used = snprintf(file_path, sizeof file_path, "%s/quickstep/timings-", folder);
    for (size_t i = 0; i < sizeof device_info.uuid; i++)
        used += snprintf(file_path + used, sizeof file_path - (size_t)used, "%02x",
                         device_info.uuid[i]);
    snprintf(file_path + used, sizeof file_path - (size_t)used, ".json");
    return 0;
}

static int close_all(void **state)
{
    const uint64_t messages = qs_device_validation_messages(device);
    qs_model_destroy(model);
    qs_device_destroy(device);
    remove_folder(state);
    return messages ? -1 : 0;
}

/* The network's output for some input, and the variants of its nodes as one text. */
typedef struct drawing {
    float *output;
    char variants[8192];
} drawing;

static drawing draw(bool no_tune)
{
    const qs_session_options options = { .keep_activations = true, .no_tune = no_tune };
    const float timestep = 30;
    drawing d = { .output = calloc(2 * sample_count, sizeof(float)) };
    float *sample = d.output + sample_count;
    for (size_t i = 0; i < sample_count; i++)
        sample[i] = sinf(0.7f * (float)i);
    qs_session *session = NULL;
    ok(qs_session_create(device, model, &options, &session));
    ok(qs_session_forward(session, &(qs_network_input){ .sample = sample, .timestep = &timestep },
                          d.output));
    qs_activation node;
    for (uint32_t i = 0; qs_session_activation(session, i, &node, NULL) == QS_OK; i++)
        if (node.variant) {
            const size_t used = strlen(d.variants);
            snprintf(d.variants + used, sizeof d.variants - used, "%s: %s\n", node.name,
                     node.variant);
        }
    qs_session_destroy(session);
    return d;
}

static void finish(drawing *d)
{
    free(d->output);
}

static void assert_near(const drawing *a, const drawing *b)
{
    double error = 0, square = 0;
    for (size_t i = 0; i < sample_count; i++) {
        error += pow((double)a->output[i] - b->output[i], 2);
        square += pow(b->output[i], 2);
    }
    assert_true(square > 0);
    assert_true(sqrt(error / square) <= 1e-5);
}

static void assert_same(const drawing *a, const drawing *b)
{
    assert_string_equal(a->variants, b->variants);
    assert_memory_equal(a->output, b->output, sample_count * sizeof(float));
}

/* ---- what is reported ------------------------------------------------------------------------ */

static uint32_t reported, stop_after;

static bool check_result(void *user, const qs_tune_result *r)
{
    assert_ptr_equal(user, &reported);
    assert_true(r->choice[0] && r->variant_count > 1 && r->chosen < r->variant_count);
    for (uint32_t i = 0; i < r->variant_count; i++) {
        assert_true(r->variants[i][0] && r->ms[i] >= 0);
        assert_true(r->ms[r->chosen] <= 1.001 * r->ms[i] ||
                    (r->chosen == 0 && 0.96 * r->ms[0] <= r->ms[i]));
    }
    return ++reported != stop_after;
}

static qs_status tune(void)
{
    reported = 0;
    return qs_tune(device, model, NULL, check_result, &reported);
}

static json_t *read_times(json_t **root)
{
    *root = json_load_file(file_path, 0, NULL);
    return json_object_get(*root, "ms");
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void what_is_measured_is_chosen(void **state)
{
    (void)state;
    drawing defaults = draw(true);
    assert_non_null(strstr(defaults.variants, ": direct"));
    ok(tune());
    const uint32_t all = reported;
    assert_true(all > 3);
    ok(tune());
    assert_int_equal(reported, 0);

    drawing tuned = draw(false), again = draw(false), without = draw(true);
    assert_near(&tuned, &defaults);
    assert_same(&again, &tuned);
    assert_same(&without, &defaults);

    /* and every default far behind */
    json_t *root, *times = read_times(&root), *ms;
    const char *key;
    assert_int_equal(json_object_size(times), all);
    json_object_foreach(times, key, ms)
    {
        const char *variant;
        json_t *one;
        json_object_foreach(ms, variant, one)
        {
            char listed[64];
            snprintf(listed, sizeof listed, ": %s\n", variant);
            const bool first = strstr(defaults.variants, listed) != NULL;
            json_real_set(one, first ? 1000 : 1);
        }
    }
    assert_int_equal(json_dump_file(root, file_path, 0), 0);
    json_decref(root);
    drawing other = draw(false), other_again = draw(false);
    assert_string_not_equal(other.variants, defaults.variants);
    assert_near(&other, &defaults);
    assert_same(&other_again, &other);

    drawing *all_of_them[] = { &defaults, &tuned, &again, &without, &other, &other_again };
    for (size_t i = 0; i < sizeof all_of_them / sizeof *all_of_them; i++)
        finish(all_of_them[i]);
    assert_int_equal(qs_device_validation_messages(device), 0);
}

/* A model of latents of 8 x 8: only its decoder has ops on 16 x 16 and 32 x 32. */
static bool count_result(void *user, const qs_tune_result *r)
{
    uint32_t *counts = user;
    counts[strstr(r->choice, " 1x16x16x") || strstr(r->choice, " 1x32x32x")]++;
    return true;
}

static void the_decoder_is_measured_too(void **state)
{
    (void)state;
    uint32_t counts[2] = { 0 };
    qs_model *latents = NULL;
    ok(qs_model_open(source_path("tests/golden/latents/rgb"), &latents));
    ok(qs_tune(device, latents, NULL, count_result, counts));
    assert_true(counts[0] > 3 && counts[1] > 1);
    memset(counts, 0, sizeof counts);
    ok(qs_tune(device, latents, NULL, count_result, counts));
    assert_int_equal(counts[0] + counts[1], 0);

    float pictures[2][3 * 32 * 32];
    for (int no_tune = 0; no_tune < 2; no_tune++) {
        qs_session *session = NULL;
        ok(qs_session_create(device, latents, &(qs_session_options){ .no_tune = no_tune },
                             &session));
        ok(qs_session_render(session, &(qs_recipe){ .seed = 3 }, NULL, NULL, NULL,
                             pictures[no_tune]));
        qs_session_destroy(session);
    }
    for (size_t i = 0; i < sizeof pictures[0] / sizeof pictures[0][0]; i++)
        assert_true(fabsf(pictures[0][i] - pictures[1][i]) <= 1e-3f);
    qs_model_destroy(latents);
    assert_int_equal(qs_device_validation_messages(device), 0);
}

static void a_stop_keeps_what_was_measured(void **state)
{
    (void)state;
    remove(file_path);
    stop_after = 2;
    assert_int_equal(tune(), QS_CANCELLED);
    stop_after = 0;
    json_t *root, *times = read_times(&root);
    assert_int_equal(json_object_size(times), 2);
    json_decref(root);
    ok(tune());
    assert_true(reported > 1);
    const uint32_t rest = reported;
    assert_int_equal(truncate(file_path, 100), 0); /* a damaged file is a miss */
    ok(tune());
    assert_int_equal(reported, rest + 2);
}

static void a_place_that_cannot_be_written_is_no_error(void **state)
{
    (void)state;
    setenv("XDG_CACHE_HOME", "/dev/null/nowhere", 1);
    ok(tune());
    assert_true(reported > 3);
    drawing a = draw(false), b = draw(true);
    assert_near(&a, &b);
    finish(&a);
    finish(&b);
    setenv("XDG_CACHE_HOME", folder, 1);
}

static void wrong_calls_are_errors(void **state)
{
    (void)state;
    assert_int_equal(qs_tune(NULL, model, NULL, NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_tune(device, NULL, NULL, NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_tune(device, model, &(qs_session_options){ .no_tune = true }, NULL, NULL),
                     QS_ERROR_USAGE);
    assert_int_equal(qs_tune(device, model, &(qs_session_options){ .batch = 65 }, NULL, NULL),
                     QS_ERROR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_measured_is_chosen),
        cmocka_unit_test(the_decoder_is_measured_too),
        cmocka_unit_test(a_stop_keeps_what_was_measured),
        cmocka_unit_test(a_place_that_cannot_be_written_is_no_error),
        cmocka_unit_test(wrong_calls_are_errors),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
