/* A session through the public API, on the sprite model: verbs, frames, errors, determinism. */
#include <quickstep/quickstep.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../harness/device.h"
#include "../harness/skip.h"
#include "../harness/source.h"
#include "../harness/status.h" /* wants cmocka.h */

static qs_model *model;
static qs_model_info info;

static void print_log(void *user, qs_log_level level, const char *message)
{
    (void)user;
    if (level <= QS_LOG_WARNING)
        fprintf(stderr, "# %s\n", message);
}

static int open_all(void **state)
{
    qs_set_log(print_log, NULL);
    if (open_device(state) != 0)
        return -1;
    if (qs_model_open(source_path("assets/models/sprites"), &model) != QS_OK) {
        fprintf(stderr, "# %s\n", qs_last_error());
        return -1;
    }
    qs_model_get_info(model, &info);
    return 0;
}

static int close_all(void **state)
{
    qs_model_destroy(model);
    return close_device(state);
}

static void no_validation_message(void)
{
    assert_int_equal(qs_device_validation_messages(device), 0);
}

static qs_session *make_session(uint32_t batch, qs_precision precision)
{
    qs_session *session = NULL;
    ok(qs_session_create(
        device, model, &(qs_session_options){ .batch = batch, .precision = precision }, &session));
    return session;
}

static uint64_t hash(const void *bytes, size_t count)
{
    uint64_t value = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < count; ++i)
        value = (value ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    return value;
}

static uint64_t frame_hash(const qs_frame *f)
{
    return hash(f->pixels, (size_t)f->count * f->width * f->height * 4);
}

/* Of one picture's noise. */
static size_t latent_floats(void)
{
    return (size_t)info.latent_channels * info.latent_height * info.latent_width;
}

static uint64_t picture(qs_session *session, const qs_recipe *recipe)
{
    qs_frame frame;
    ok(qs_session_render(session, recipe, NULL, NULL, &frame, NULL));
    return frame_hash(&frame);
}

/* ---- pictures --------------------------------------------------------------------------- */

static void the_same_recipe_gives_the_same_bits(void **state)
{
    (void)state;
    qs_session *session = make_session(1, QS_F32);
    const qs_recipe recipe = { .steps = 1, .seed = 42 };
    const uint64_t first = picture(session, &recipe);
    for (int i = 0; i < 99; ++i)
        assert_true(picture(session, &recipe) == first);
    qs_session_destroy(session);
    no_validation_message();
}

static void every_part_of_the_recipe_counts(void **state)
{
    (void)state;
    qs_session *session = make_session(1, QS_F32);
    const int32_t other_label = info.default_label == 0 ? 1 : 0;
    const uint64_t hashes[] = {
        picture(session, &(qs_recipe){ .steps = 2, .seed = 1 }),
        picture(session, &(qs_recipe){ .steps = 2, .seed = 2 }),
        picture(session, &(qs_recipe){ .steps = 2, .seed = 1 + (1ull << 40) }),
        picture(session, &(qs_recipe){ .steps = 3, .seed = 1 }),
        picture(session, &(qs_recipe){ .steps = 2, .seed = 1, .labels = &other_label }),
        picture(session, &(qs_recipe){ .steps = 2, .seed = 1, .sampler = QS_SAMPLER_DDIM }),
        picture(session, &(qs_recipe){ .steps = 2, .seed = 1, .sampler = QS_SAMPLER_ADDIM }),
    };
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; ++i)
        for (size_t j = 0; j < i; ++j)
            assert_true(hashes[i] != hashes[j]);
    assert_true(picture(session, &(qs_recipe){ .steps = 2, .seed = 1 }) == hashes[0]);
    qs_session_destroy(session);
    no_validation_message();
}

/* To float32's rounding. A GPU's workgroups share the sums of a small map, the fewer the more
 * pictures there are, so that these are added up in another order. */
static void a_batch_equals_single_pictures(void **state)
{
    (void)state;
    qs_device_info about;
    qs_device_get_info(device, &about);
    const float limit = about.type == QS_DEVICE_CPU ? 1e-5f : 1e-4f;
    qs_session *single = make_session(1, QS_F32), *batch = make_session(3, QS_F32);
    const size_t floats = (size_t)info.channels * info.width * info.height;
    float *one = malloc(floats * sizeof *one), *three = malloc(3 * floats * sizeof *three);
    const int32_t labels[3] = { 0, 1, 0 };
    ok(qs_session_render(batch, &(qs_recipe){ .steps = 2, .seed = 7, .labels = labels }, NULL, NULL,
                         NULL, three));
    for (uint32_t i = 0; i < 3; ++i) {
        ok(qs_session_render(single,
                             &(qs_recipe){ .steps = 2, .seed = 7 + i, .labels = &labels[i] }, NULL,
                             NULL, NULL, one));
        float largest = 0;
        for (size_t k = 0; k < floats; ++k) {
            const float d = one[k] - three[i * floats + k];
            largest = d > largest ? d : -d > largest ? -d : largest;
        }
        if (largest > limit)
            fail_msg("picture %u of the batch differs from the single one by %g", i,
                     (double)largest);
    }
    free(one);
    free(three);
    qs_session_destroy(single);
    qs_session_destroy(batch);
    no_validation_message();
}

static void noise_replaces_the_seed(void **state)
{
    (void)state;
    qs_session *session = make_session(1, QS_F32);
    const size_t floats = latent_floats();
    float *noise = calloc(floats, sizeof *noise);
    for (size_t i = 0; i < floats; ++i)
        noise[i] = (float)((double)((i * 2654435761u) % 1000) / 250.0 - 2.0);
    const uint64_t from_noise =
        picture(session, &(qs_recipe){ .steps = 2, .seed = 1, .noise = noise });
    assert_true(from_noise ==
                picture(session, &(qs_recipe){ .steps = 2, .seed = 99, .noise = noise }));
    assert_true(from_noise != picture(session, &(qs_recipe){ .steps = 2, .seed = 1 }));
    free(noise);
    qs_session_destroy(session);
    no_validation_message();
}

/* ---- advance, frame --------------------------------------------------------------------- */

static void finish(qs_session *session, qs_frame *frame)
{
    qs_progress progress;
    do {
        ok(qs_session_advance(session, &progress));
        if (!progress.submitted)
            ok(qs_session_wait(session, 1000));
    } while (progress.phase != QS_DONE);
    ok(qs_session_frame(session, frame));
}

static void a_dropped_picture_leaves_no_trace(void **state)
{
    (void)state;
    qs_session *session = make_session(1, QS_F32);
    const qs_recipe wanted = { .steps = 2, .seed = 5 };
    const uint64_t expected = picture(session, &wanted);
    qs_frame frame;
    for (uint64_t i = 0; i < 20; ++i) { /* a slider being dragged */
        ok(qs_session_begin(session, &(qs_recipe){ .steps = 1 + (uint32_t)i % 16, .seed = i }));
        for (uint64_t k = 0; k < i % 4; ++k)
            ok(qs_session_advance(session, NULL));
    }
    ok(qs_session_begin(session, &wanted));
    finish(session, &frame);
    assert_int_equal(frame.steps, 2);
    assert_int_equal(frame.seed, 5);
    assert_true(frame_hash(&frame) == expected);
    qs_session_destroy(session);
    no_validation_message();
}

static void a_shown_frame_stays_while_the_next_is_made(void **state)
{
    (void)state;
    qs_session *session = make_session(1, QS_F32);
    qs_frame shown, next;
    ok(qs_session_frame(session, &shown));
    assert_int_equal(shown.serial, 0);
    ok(qs_session_begin(session, &(qs_recipe){ .seed = 1 }));
    finish(session, &shown);
    const uint64_t before = frame_hash(&shown);
    for (int i = 0; i < 3; ++i) { /* finished, but never taken with qs_session_frame */
        qs_progress progress;
        ok(qs_session_begin(session, &(qs_recipe){ .seed = 2 }));
        do
            ok(qs_session_advance(session, &progress));
        while (progress.phase != QS_DONE);
        assert_true(frame_hash(&shown) == before);
    }
    ok(qs_session_frame(session, &next));
    assert_true(next.serial == shown.serial + 3);
    assert_true(next.slot != shown.slot);
    qs_session_destroy(session);
    no_validation_message();
}

static void the_network_alone_leaves_a_picture_in_progress_alone(void **state)
{
    (void)state;
    qs_session *session = make_session(1, QS_F32);
    const size_t floats = latent_floats();
    float *sample = calloc(floats, sizeof *sample), *output = calloc(floats, sizeof *output);
    const float time = 500, segment = 500;
    const int32_t label = 0, other_label = 1;
    const qs_recipe recipe = { .steps = 4, .seed = 11, .labels = &label };
    const uint64_t expected = picture(session, &recipe);
    qs_frame frame;
    ok(qs_session_begin(session, &recipe));
    ok(qs_session_advance(session, NULL));
    ok(qs_session_forward(
        session,
        &(qs_network_input){
            .sample = sample, .timestep = &time, .segment = &segment, .labels = &other_label },
        output));
    finish(session, &frame);
    assert_true(frame_hash(&frame) == expected);
    free(sample);
    free(output);
    qs_session_destroy(session);
    no_validation_message();
}

static bool count_steps(void *user, uint32_t done, uint32_t steps)
{
    uint32_t *calls = user;
    ++*calls;
    assert_true(done <= steps);
    return *calls < 3;
}

static void cancelling_stops_between_steps(void **state)
{
    (void)state;
    qs_session *session = make_session(1, QS_F32);
    uint32_t calls = 0;
    assert_int_equal(
        qs_session_render(session, &(qs_recipe){ .steps = 64 }, count_steps, &calls, NULL, NULL),
        QS_CANCELLED);
    assert_int_equal(calls, 3);
    qs_progress progress;
    ok(qs_session_advance(session, &progress));
    assert_int_equal(progress.phase, QS_IDLE);
    assert_false(progress.submitted);
    picture(session, &(qs_recipe){ .seed = 3 }); /* still usable */
    qs_session_destroy(session);
    no_validation_message();
}

static void two_sessions_share_the_weights(void **state)
{
    (void)state;
    qs_session *a = make_session(1, QS_F32);
    qs_session_memory before, after;
    qs_session_get_memory(a, &before);
    qs_session *b = make_session(1, QS_F32);
    qs_session_get_memory(b, &after);
    assert_true(before.weights_bytes == after.weights_bytes);
    assert_true(picture(a, &(qs_recipe){ .seed = 8 }) == picture(b, &(qs_recipe){ .seed = 8 }));
    qs_session_destroy(a);
    picture(b, &(qs_recipe){ .seed = 9 });
    qs_session_destroy(b);
    no_validation_message();
}

static void the_arena_is_near_its_bound(void **state)
{
    (void)state;
    qs_session *session = make_session(1, QS_F32);
    qs_session_memory memory;
    qs_session_get_memory(session, &memory);
    assert_true(memory.live_max_bytes <= memory.arena_bytes);
    assert_true((double)memory.arena_bytes <= 1.25 * (double)memory.live_max_bytes);
    assert_true(memory.arena_bytes < memory.activation_sum_bytes);
    assert_true(memory.allocation_count <= 64);
    qs_session_destroy(session);
}

/* ---- wrong calls are errors ------------------------------------------------------------- */

static void wrong_calls_are_errors(void **state)
{
    (void)state;
    qs_session *session = NULL;
    const int32_t label = 10000;
    size_t count = 0;
    assert_int_equal(qs_session_create(NULL, model, NULL, &session), QS_ERROR_USAGE);
    assert_int_equal(
        qs_session_create(device, model, &(qs_session_options){ .batch = 65 }, &session),
        QS_ERROR_USAGE);
    assert_null(session);
    session = make_session(1, QS_F32);
    assert_int_equal(qs_session_begin(session, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_session_begin(session, &(qs_recipe){ .steps = 1025 }), QS_ERROR_USAGE);
    assert_int_equal(qs_session_begin(session, &(qs_recipe){ .labels = &label }), QS_ERROR_USAGE);
    assert_non_null(strstr(qs_last_error(), "10000"));
    assert_int_equal(qs_session_begin(session, &(qs_recipe){ .sampler = QS_SAMPLER_CONSISTENCY }),
                     QS_ERROR_USAGE);
    assert_int_equal(qs_session_op_times(session, NULL, &count), QS_ERROR_USAGE);
    assert_int_equal(qs_session_frame(NULL, NULL), QS_ERROR_USAGE);
    qs_session_destroy(session);
    qs_session_destroy(NULL);
    qs_model *missing = NULL;
    assert_int_equal(qs_model_open("does-not-exist", &missing), QS_ERROR_MODEL);
    assert_null(missing);
    assert_non_null(strstr(qs_last_error(), "does-not-exist"));
}

static void null_is_an_error_and_never_a_crash(void **state)
{
    (void)state;
    qs_session *session = make_session(1, QS_F32);
    const float number = 0;
    float values[1];
    size_t count = 0;
    qs_activation activation;
    qs_session_memory memory;
    qs_device *no_device = NULL;
    const char *no_extension[1] = { NULL };
    assert_int_equal(qs_device_list(NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_device_create(NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(
        qs_device_create(&(qs_device_options){ .instance_extension_count = 1 }, &no_device),
        QS_ERROR_USAGE);
    assert_int_equal(qs_device_create(&(qs_device_options){ .instance_extensions = no_extension,
                                                            .instance_extension_count = 1 },
                                      &no_device),
                     QS_ERROR_USAGE);
    qs_device_get_info(NULL, NULL);
    qs_device_get_info(device, NULL);
    assert_int_equal(qs_device_validation_messages(NULL), 0);
    assert_int_equal(qs_model_open(NULL, NULL), QS_ERROR_USAGE);
    qs_model_get_info(NULL, NULL);
    qs_model_get_info(model, NULL);
    assert_null(qs_model_label_name(NULL, 0));
    assert_null(qs_model_label_name(model, UINT32_MAX));
    assert_int_equal(qs_model_check_sampler(NULL, QS_SAMPLER_DDIM), QS_ERROR_USAGE);
    assert_int_equal(qs_model_check_sampler(model, (qs_sampler)-1), QS_ERROR_USAGE);
    assert_int_equal(qs_sampler_parse(NULL, NULL), QS_ERROR_USAGE);
    assert_non_null(qs_sampler_name((qs_sampler)-1));
    assert_int_equal(qs_session_create(device, NULL, NULL, &session), QS_ERROR_USAGE);
    assert_int_equal(qs_session_create(device, model, NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_session_begin(NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_session_advance(NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_session_wait(NULL, 0), QS_ERROR_USAGE);
    assert_int_equal(qs_session_frame(session, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_session_render(session, NULL, NULL, NULL, NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_session_forward(session, &(qs_network_input){ .sample = &number }, values),
                     QS_ERROR_USAGE);
    assert_int_equal(
        qs_session_forward(session, &(qs_network_input){ .sample = &number, .timestep = &number },
                           NULL),
        QS_ERROR_USAGE);
    assert_int_equal(qs_session_op_times(NULL, NULL, &count), QS_ERROR_USAGE);
    assert_int_equal(qs_session_op_times(session, NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_session_activation(session, 0, NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_session_activation(session, 0, &activation, NULL), QS_ERROR_USAGE);
    qs_session_get_memory(NULL, &memory);
    qs_session_get_memory(session, NULL);
    assert_int_equal(qs_selftest(NULL, NULL, NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_bench_ops(device, NULL, 1, NULL, NULL), QS_ERROR_USAGE);
    assert_int_equal(qs_bench_roofline(device, NULL), QS_ERROR_USAGE);
    qs_session_destroy(session);
    qs_model_destroy(NULL);
    qs_device_destroy(NULL);
}

static void a_picture_of_nan_is_refused(void **state)
{
    (void)state;
    qs_session *session = make_session(1, QS_F32);
    const size_t floats = latent_floats();
    float *noise = calloc(floats, sizeof *noise);
    noise[floats / 2] = (float)strtod("nan", NULL);
    qs_frame frame;
    assert_int_equal(
        qs_session_render(session, &(qs_recipe){ .noise = noise }, NULL, NULL, &frame, NULL),
        QS_ERROR_PICTURE);
    assert_true(frame.bad_count > 0);
    assert_int_equal(frame.check, QS_ERROR_PICTURE);
    assert_non_null(strstr(qs_last_error(), "NaN"));
    free(noise);
    qs_session_destroy(session);
    no_validation_message();
}

static void times_per_op_add_up(void **state)
{
    (void)state;
    qs_device_info about;
    qs_device_get_info(device, &about);
    if (!about.timestamps)
        skip_test("no timestamps");
    qs_session *session = NULL;
    ok(qs_session_create(device, model, &(qs_session_options){ .profile = true }, &session));
    size_t count = 0;
    ok(qs_session_op_times(session, NULL, &count));
    assert_true(count > 20);
    qs_op_time *times = calloc(count, sizeof *times);
    assert_int_equal(qs_session_op_times(session, times, &count), QS_ERROR_USAGE); /* no step yet */
    picture(session, &(qs_recipe){ .steps = 2 });
    ok(qs_session_op_times(session, times, &count));
    double sum = 0, flops = 0;
    for (size_t i = 0; i < count; ++i) {
        assert_true(times[i].ms >= 0);
        assert_non_null(times[i].op);
        sum += times[i].ms;
        flops += times[i].flops;
    }
    assert_true(sum > 0);
    assert_true(flops > 1e6);
    free(times);
    qs_session_destroy(session);
    no_validation_message();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_recipe_gives_the_same_bits),
        cmocka_unit_test(every_part_of_the_recipe_counts),
        cmocka_unit_test(a_batch_equals_single_pictures),
        cmocka_unit_test(noise_replaces_the_seed),
        cmocka_unit_test(a_dropped_picture_leaves_no_trace),
        cmocka_unit_test(a_shown_frame_stays_while_the_next_is_made),
        cmocka_unit_test(the_network_alone_leaves_a_picture_in_progress_alone),
        cmocka_unit_test(cancelling_stops_between_steps),
        cmocka_unit_test(two_sessions_share_the_weights),
        cmocka_unit_test(the_arena_is_near_its_bound),
        cmocka_unit_test(wrong_calls_are_errors),
        cmocka_unit_test(null_is_an_error_and_never_a_crash),
        cmocka_unit_test(a_picture_of_nan_is_refused),
        cmocka_unit_test(times_per_op_add_up),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
