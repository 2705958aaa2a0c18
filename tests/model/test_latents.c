/* Models that draw latents, which an autoencoder's decoder makes pictures of, against PyTorch and
 * diffusers: the folders of tests/golden/latents, made by tools/golden/latents.py. RGB, grey, and
 * RGBA with premultiplied alpha. */
#include <quickstep/quickstep.h>
#include <quickstep/safetensors.h>

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

enum { COUNT = 3 }; /* pictures in a golden file */

/* Of 255, as in test_pictures.c. */
static const double F32_MAX = 0.05, F16_MEAN = 0.5;
static const double FORWARD_LIMITS[] = { [QS_F32] = 1e-5, [QS_F16] = 1e-2 };

typedef struct latents {
    qs_model *model;
    qs_model_info info;
    qs_safetensors *golden;
    size_t picture, latent; /* floats of one */
} latents;

static latents open_latents(const char *name)
{
    latents l = { 0 };
    const char *folder = source_path("tests/golden/latents/%s", name);
    ok(qs_model_open(folder, &l.model));
    ok(qs_safetensors_open(source_path("tests/golden/latents/%s/golden.safetensors", name),
                           &l.golden));
    qs_model_get_info(l.model, &l.info);
    l.picture = (size_t)l.info.channels * l.info.height * l.info.width;
    l.latent = (size_t)l.info.latent_channels * l.info.latent_height * l.info.latent_width;
    return l;
}

static void close_latents(latents *l)
{
    qs_safetensors_close(l->golden);
    qs_model_destroy(l->model);
    assert_int_equal(qs_device_validation_messages(device), 0);
}

static float *allocate(size_t count)
{
    float *values = calloc(count, sizeof *values);
    assert_non_null(values);
    return values;
}

/* To be freed by the caller. */
static float *read_golden(const latents *l, const char *name, size_t count)
{
    const qs_tensor *t = qs_safetensors_find(l->golden, name);
    assert_non_null(t);
    size_t found = 1;
    for (uint32_t i = 0; i < t->rank; ++i)
        found *= (size_t)t->shape[i];
    assert_int_equal(found, count);
    float *values = allocate(count);
    ok(qs_safetensors_read_floats(l->golden, t, values));
    return values;
}

static qs_session *make_session(const latents *l, qs_session_options options)
{
    qs_session *session = NULL;
    ok(qs_session_create(device, l->model, &options, &session));
    return session;
}

/* ---- against PyTorch ------------------------------------------------------------------------- */

typedef struct difference {
    double max, mean; /* of 255 */
} difference;

static difference compare(const float *a, const float *b, size_t count)
{
    difference d = { 0 };
    for (size_t i = 0; i < count; ++i) {
        const double error = fabs((double)a[i] - b[i]) * 0.5 * 255;
        d.max = isnan(error) ? INFINITY : fmax(d.max, error);
        d.mean += error / (double)count;
    }
    return d;
}

/* Pictures first .. first + batch - 1 of the golden file. */
static void check_pictures(const latents *l, qs_session *session, qs_precision precision,
                           uint32_t steps, uint32_t first, uint32_t batch)
{
    char key[32];
    int32_t labels[COUNT];
    snprintf(key, sizeof key, "sample_%u", steps);
    float *expected = read_golden(l, key, COUNT * l->picture);
    float *noise = read_golden(l, "noise", COUNT * l->latent);
    float *drawn = allocate(batch * l->picture);
    for (uint32_t i = 0; i < batch; ++i)
        labels[i] = (int32_t)(first + i);
    const qs_recipe recipe = { .steps = steps,
                               .noise = noise + first * l->latent,
                               .labels = labels };
    ok(qs_session_render(session, &recipe, NULL, NULL, NULL, drawn));
    const difference d = compare(drawn, expected + first * l->picture, batch * l->picture);
    fprintf(stderr, "# %s %u steps %s, batch %u: max %.4f, mean %.5f of 255\n", l->info.name, steps,
            precision == QS_F16 ? "f16" : "f32", batch, d.max, d.mean);
    assert_true(precision == QS_F32 ? d.max <= F32_MAX : d.mean <= F16_MEAN);
    free(expected);
    free(noise);
    free(drawn);
}

static void pictures(void **state)
{
    latents l = open_latents(*state);
    for (qs_precision precision = QS_F32; precision <= QS_F16; ++precision) {
        const qs_session_options options = { .batch = COUNT, .precision = precision };
        qs_session *session = make_session(&l, options);
        for (uint32_t steps = 1; steps <= 4; steps *= 2)
            check_pictures(&l, session, precision, steps, 0, COUNT);
        qs_session_destroy(session);
    }
    qs_session *session = make_session(&l, (qs_session_options){ 0 });
    for (uint32_t i = 0; i < COUNT; ++i)
        check_pictures(&l, session, QS_F32, 2, i, 1);
    qs_session_destroy(session);
    close_latents(&l);
}

/* What goes into the network and comes out of it are latents, nothing is decoded. */
static void forward(void **state)
{
    latents l = open_latents(*state);
    const size_t count = 2 * l.latent;
    const int32_t labels[] = { 2, 1 };
    float *sample = read_golden(&l, "forward_sample", count);
    float *expected = read_golden(&l, "forward_output", count);
    float *time = read_golden(&l, "forward_timestep", 2);
    float *segment = read_golden(&l, "forward_segment", 2);
    float *output = allocate(count);
    for (qs_precision precision = QS_F32; precision <= QS_F16; ++precision) {
        qs_session *session =
            make_session(&l, (qs_session_options){ .batch = 2, .precision = precision });
        ok(qs_session_forward(
            session,
            &(qs_network_input){
                .sample = sample, .timestep = time, .segment = segment, .labels = labels },
            output));
        double apart = 0, size = 0;
        for (size_t i = 0; i < count; ++i) {
            apart += pow((double)output[i] - expected[i], 2);
            size += pow(expected[i], 2);
        }
        assert_true(sqrt(apart / size) <= FORWARD_LIMITS[precision]);
        qs_session_destroy(session);
    }
    free(sample);
    free(expected);
    free(time);
    free(segment);
    free(output);
    close_latents(&l);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static double byte_of(double value)
{
    return fmin(fmax(value, 0), 1) * 255;
}

/* Of one pixel of a picture [c, h, w]. */
static void expected_bytes(const latents *l, const float *picture, size_t pixel, double bytes[4])
{
    const size_t plane = (size_t)l->info.width * l->info.height;
    double v[4] = { 0, 0, 0, 1 };
    for (uint32_t c = 0; c < 4; ++c)
        if (c < l->info.channels)
            v[c] = picture[c * plane + pixel] * 0.5 + 0.5;
        else if (c < 3)
            v[c] = v[0];
    const bool clear = l->info.has_alpha && byte_of(v[3]) < 0.5;
    for (int c = 0; c < 3; ++c)
        bytes[c] = clear ? 0 : byte_of(l->info.has_alpha ? v[c] / v[3] : v[c]);
    bytes[3] = byte_of(v[3]);
}

/* The frame has the picture's size, and its bytes are the floats. */
static void frames(void **state)
{
    latents l = open_latents(*state);
    qs_session *session = make_session(&l, (qs_session_options){ .batch = 2 });
    const size_t plane = (size_t)l.info.width * l.info.height;
    float *drawn = allocate(2 * l.picture);
    qs_frame frame;
    ok(qs_session_render(session, &(qs_recipe){ .steps = 2, .seed = 5 }, NULL, NULL, &frame,
                         drawn));
    assert_int_equal(frame.width, l.info.width);
    assert_int_equal(frame.height, l.info.height);
    assert_int_equal(frame.count, 2);
    for (size_t i = 0; i < 2 * plane; ++i) {
        double bytes[4];
        expected_bytes(&l, drawn + i / plane * l.picture, i % plane, bytes);
        for (size_t c = 0; c < 4; ++c)
            assert_true(fabs(bytes[c] - frame.pixels[4 * i + c]) <= 0.51);
    }
    free(drawn);
    qs_session_destroy(session);
    close_latents(&l);
}

/* To be freed by the caller. */
static uint8_t *copy_of_frame(const latents *l, const qs_frame *frame)
{
    const size_t bytes = (size_t)l->info.width * l->info.height * 4;
    uint8_t *pixels = malloc(bytes);
    assert_non_null(pixels);
    return memcpy(pixels, frame->pixels, bytes);
}

/* The picture in progress comes out as `expected`. */
static void finish_picture(const latents *l, qs_session *session, const uint8_t *expected)
{
    qs_frame frame;
    qs_progress progress;
    do
        ok(qs_session_advance(session, &progress));
    while (progress.phase != QS_DONE);
    ok(qs_session_frame(session, &frame));
    assert_memory_equal(frame.pixels, expected, (size_t)l->info.width * l->info.height * 4);
}

/* Pictures that are dropped, some in the middle of their decode, leave nothing behind. */
static void a_dropped_picture_leaves_no_trace(void **state)
{
    (void)state;
    latents l = open_latents("rgb");
    qs_session *session = make_session(&l, (qs_session_options){ 0 });
    const qs_recipe wanted = { .steps = 3, .seed = 5 };
    qs_frame frame;
    ok(qs_session_render(session, &wanted, NULL, NULL, &frame, NULL));
    uint8_t *expected = copy_of_frame(&l, &frame);
    for (uint64_t i = 0; i < 12; ++i) {
        ok(qs_session_begin(session, &(qs_recipe){ .steps = 1 + (uint32_t)i % 3, .seed = i }));
        for (uint64_t k = 0; k < i % 5; ++k) {
            ok(qs_session_advance(session, NULL));
            ok(qs_session_wait(session, i % 2 ? 1000 : 0));
        }
    }
    ok(qs_session_begin(session, &wanted));
    finish_picture(&l, session, expected);
    free(expected);
    qs_session_destroy(session);
    close_latents(&l);
}

/* Latents in the arena, finished or half drawn, survive the network's use for something else. */
static void forward_leaves_the_picture_alone(void **state)
{
    (void)state;
    latents l = open_latents("rgb");
    qs_session *session = make_session(&l, (qs_session_options){ 0 });
    const qs_recipe wanted = { .steps = 3, .seed = 5 };
    float *sample = read_golden(&l, "forward_sample", 2 * l.latent), *output = allocate(l.latent);
    qs_frame frame;
    ok(qs_session_render(session, &wanted, NULL, NULL, &frame, NULL));
    uint8_t *expected = copy_of_frame(&l, &frame);
    for (uint32_t before = 0; before < 6; ++before) {
        ok(qs_session_begin(session, &wanted));
        for (uint32_t i = 0; i < before; ++i)
            ok(qs_session_advance(session, NULL));
        ok(qs_session_forward(
            session, &(qs_network_input){ .sample = sample, .timestep = &(float){ 300 } }, output));
        finish_picture(&l, session, expected);
    }
    free(expected);
    free(sample);
    free(output);
    qs_session_destroy(session);
    close_latents(&l);
}

/* Each has its own arena and weights. */
static void both_precisions_at_once(void **state)
{
    (void)state;
    latents l = open_latents("rgba");
    qs_session *sessions[2];
    for (qs_precision precision = QS_F32; precision <= QS_F16; ++precision)
        sessions[precision] =
            make_session(&l, (qs_session_options){ .batch = COUNT, .precision = precision });
    for (int i = 0; i < 4; ++i)
        check_pictures(&l, sessions[i % 2], i % 2 ? QS_F16 : QS_F32, 2, 0, COUNT);
    qs_session_destroy(sessions[QS_F32]);
    check_pictures(&l, sessions[QS_F16], QS_F16, 1, 0, COUNT);
    qs_session_destroy(sessions[QS_F16]);
    close_latents(&l);
}

/* A NaN, or what an Inf becomes, passes the decoder's tanh and ReLUs. */
static void bad_latents_are_seen(void **state)
{
    (void)state;
    latents l = open_latents("rgb");
    qs_session *session = make_session(&l, (qs_session_options){ 0 });
    float *noise = read_golden(&l, "noise", COUNT * l.latent);
    for (int i = 0; i < 2; ++i) {
        noise[l.latent / 2] = i ? NAN : INFINITY;
        qs_frame frame;
        assert_int_equal(
            qs_session_render(session, &(qs_recipe){ .noise = noise }, NULL, NULL, &frame, NULL),
            QS_ERROR_PICTURE);
        assert_true(strstr(qs_last_error(), "NaN or Inf"));
        assert_true(frame.bad_count > 0);
    }
    free(noise);
    qs_session_destroy(session);
    close_latents(&l);
}

/* ---- what a model takes ---------------------------------------------------------------------- */

static void sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t picture[3], latent[3]; /* c, h, w */
    } rows[] = {
        { "rgb", { 3, 32, 32 }, { 4, 8, 8 } },
        { "rgba", { 4, 12, 20 }, { 6, 6, 10 } },
        { "grey", { 1, 32, 32 }, { 1, 4, 4 } },
        { "kl", { 3, 16, 16 }, { 4, 8, 8 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        latents l = open_latents(rows[i].name);
        const uint32_t picture[] = { l.info.channels, l.info.height, l.info.width };
        const uint32_t latent[] = { l.info.latent_channels, l.info.latent_height,
                                    l.info.latent_width };
        assert_memory_equal(picture, rows[i].picture, sizeof picture);
        assert_memory_equal(latent, rows[i].latent, sizeof latent);
        assert_true(l.info.has_autoencoder);
        assert_int_equal(l.info.has_alpha, l.info.channels == 4);
        close_latents(&l);
    }
}

/* Of the autoencoder only the decoder is loaded; its activations share the step's arena. */
static void memory(void **state)
{
    (void)state;
    latents l = open_latents("rgb");
    qs_session *session = make_session(&l, (qs_session_options){ 0 });
    qs_session_memory m;
    qs_session_get_memory(session, &m);
    const uint64_t decoder = 4 * l.info.decoder_parameter_count;
    assert_int_equal(l.info.decoder_parameter_count, 8675);
    assert_true(m.decoder_weights_bytes >= decoder);
    assert_true(m.weights_bytes >= 4 * l.info.parameter_count + m.decoder_weights_bytes);
    assert_true((double)m.weights_bytes <= 1.4 * (double)(4 * l.info.parameter_count + decoder));
    assert_true(m.decode_node_count > 20 && m.decode_arena_bytes > 0);
    assert_true(m.decode_arena_bytes <= m.arena_bytes && m.live_max_bytes <= m.arena_bytes);
    assert_true((double)m.arena_bytes <= 1.05 * (double)m.live_max_bytes);
    qs_session_destroy(session);
    close_latents(&l);
}

static void times(void **state)
{
    (void)state;
    latents l = open_latents("grey");
    qs_session *session = make_session(&l, (qs_session_options){ .profile = true });
    qs_session_memory m;
    qs_op_time ops[64];
    size_t count = 64;
    qs_session_get_memory(session, &m);
    assert_int_equal(qs_session_decode_times(session, ops, &count), QS_ERROR_USAGE);
    for (uint64_t seed = 0; seed < 4; ++seed) { /* every frame slot */
        ok(qs_session_render(session, &(qs_recipe){ .seed = seed }, NULL, NULL, NULL, NULL));
        ok(qs_session_decode_times(session, ops, &count));
        assert_int_equal(count, m.decode_node_count);
        double sum = 0;
        for (size_t i = 0; i < count; ++i)
            sum += ops[i].ms;
        assert_true(sum > 0 && sum < 10e3);
        assert_string_equal(ops[0].name, "decoder.input");
        assert_string_equal(ops[count - 1].name, "frame");
    }
    qs_session_destroy(session);
    close_latents(&l);
}

/* ---------------------------------------------------------------------------------------------- */

#define OF_MODEL(function, model)                                                                  \
    {                                                                                              \
        .name = #function " " model, .test_func = function, .initial_state = (void *)model         \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        OF_MODEL(pictures, "rgb"),
        OF_MODEL(pictures, "rgba"),
        OF_MODEL(pictures, "grey"),
        OF_MODEL(pictures, "kl"),
        OF_MODEL(forward, "rgb"),
        OF_MODEL(forward, "rgba"),
        OF_MODEL(frames, "rgb"),
        OF_MODEL(frames, "rgba"),
        OF_MODEL(frames, "grey"),
        cmocka_unit_test(a_dropped_picture_leaves_no_trace),
        cmocka_unit_test(forward_leaves_the_picture_alone),
        cmocka_unit_test(both_precisions_at_once),
        cmocka_unit_test(bad_latents_are_seen),
        cmocka_unit_test(sizes),
        cmocka_unit_test(memory),
        cmocka_unit_test(times),
    };
    return cmocka_run_group_tests_name("latents", tests, open_device, close_device);
}
