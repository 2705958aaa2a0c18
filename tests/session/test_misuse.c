/* Every public function called as it must not be: with NULL, with values that are none of an
 * enumeration's, before there is anything, and from two threads at a time as far as that is allowed
 * (a device and what is made on it belong to one; a model may be shared). The last test reads the
 * headers: a function that this file never calls fails it. */
#include <quickstep/autoencoder.h>
#include <quickstep/safetensors.h>
#include <quickstep/vulkan.h>

#include <ctype.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../harness/device.h"
#include "../harness/source.h"
#include "../harness/status.h" /* wants cmocka.h */

static qs_model *model;
static qs_autoencoder *autoencoder;
static qs_safetensors *golden;

static int open_all(void **state)
{
    const bool opened =
        open_device(state) == 0 &&
        qs_model_open(source_path("tests/golden/networks/openai_imagenet"), &model) == QS_OK &&
        qs_autoencoder_open(source_path("tests/golden/autoencoders/taesd"), &autoencoder) ==
            QS_OK &&
        qs_safetensors_open(source_path("tests/golden/autoencoders/taesd/golden.safetensors"),
                            &golden) == QS_OK;
    if (!opened)
        fprintf(stderr, "# %s\n", qs_last_error());
    return opened ? 0 : -1;
}

static int close_all(void **state)
{
    qs_safetensors_close(golden);
    qs_autoencoder_destroy(autoencoder);
    qs_model_destroy(model);
    return close_device(state);
}

/* An error, and a message of its own. */
#define refused(call)                                                                              \
    do {                                                                                           \
        if ((call) != QS_ERROR_USAGE || !qs_last_error()[0])                                       \
            fail_msg("%s is not refused", #call);                                                  \
    } while (0)

static qs_session *make_session(qs_device *on)
{
    qs_session *session = NULL;
    ok(qs_session_create(on, model, NULL, &session));
    return session;
}

/* ---- NULL ------------------------------------------------------------------------------------ */

static bool no_tuning(void *user, const qs_tune_result *result)
{
    (void)user, (void)result;
    return false;
}

static void devices_without(void **state)
{
    (void)state;
    qs_device *none = NULL;
    const char *no_extension[1] = { NULL };
    qs_vulkan_device vulkan;
    refused(qs_device_list(NULL, NULL));
    refused(qs_device_create(NULL, NULL));
    refused(qs_device_create(&(qs_device_options){ .instance_extension_count = 1 }, &none));
    refused(qs_device_create(
        &(qs_device_options){ .instance_extensions = no_extension, .instance_extension_count = 1 },
        &none));
    assert_int_equal(qs_device_create(&(qs_device_options){ .select = "no such device" }, &none),
                     QS_ERROR_DEVICE);
    assert_null(none);
    qs_device_destroy(NULL);
    qs_device_get_info(NULL, NULL);
    qs_device_get_info(device, NULL);
    qs_device_get_vulkan(NULL, &vulkan);
    qs_device_get_vulkan(device, NULL);
    qs_device_on_prepare(NULL, NULL, NULL);
    qs_device_on_prepare(device, NULL, NULL);
    assert_int_equal(qs_device_validation_messages(NULL), 0);
    refused(qs_selftest(NULL, NULL, NULL, NULL));
    refused(qs_bench_roofline(NULL, NULL));
    refused(qs_bench_roofline(device, NULL));
    refused(qs_bench_ops(NULL, NULL, 1, NULL, NULL));
    refused(qs_bench_ops(device, NULL, 1, NULL, NULL));
}

static void models_without(void **state)
{
    (void)state;
    char path[QS_PATH_SIZE];
    float noise[1];
    size_t count = 7;
    qs_model *none = NULL;
    refused(qs_model_find(NULL, path));
    refused(qs_model_find("sprites", NULL));
    refused(qs_model_list(NULL, NULL));
    refused(qs_model_open(NULL, &none));
    refused(qs_model_open("sprites", NULL));
    refused(qs_model_open_with(NULL, NULL, &none));
    refused(qs_model_open_with("sprites", NULL, NULL));
    assert_null(none);
    qs_model_destroy(NULL);
    qs_model_get_info(NULL, NULL);
    qs_model_get_info(model, NULL);
    assert_null(qs_model_label_name(NULL, 0));
    assert_null(qs_model_example(NULL, 0));
    assert_null(qs_model_example(model, UINT32_MAX));
    assert_null(qs_model_label_name(model, UINT32_MAX));
    assert_null(qs_model_opened_with(NULL));
    assert_null(qs_model_tuned_steps(NULL, &count));
    assert_int_equal(count, 0);
    (void)qs_model_tuned_steps(model, NULL);
    refused(qs_model_noise(NULL, QS_RNG_TORCH, 0, noise));
    refused(qs_model_noise(model, QS_RNG_TORCH, 0, NULL));
    const char *prompt = "";
    uint32_t id;
    refused(qs_model_embed(NULL, model, QS_F32, &prompt, 1, &id, noise, NULL));
    refused(qs_model_embed(device, NULL, QS_F32, &prompt, 1, &id, noise, NULL));
    refused(qs_model_embed(device, model, QS_F32, NULL, 1, &id, noise, NULL));
    refused(qs_model_embed(device, model, QS_F32, &prompt, 1, NULL, noise, NULL));
    refused(qs_model_embed(device, model, QS_F32, &prompt, 1, &id, NULL, NULL));
    refused(qs_model_embed(device, model, QS_F32, &prompt, 1, &id, noise, NULL)); /* reads none */
    refused(qs_model_check_sampler(NULL, QS_SAMPLER_DDIM));
    refused(qs_tune(NULL, model, NULL, no_tuning, NULL));
    refused(qs_tune(device, NULL, NULL, no_tuning, NULL));
}

static void sessions_without(void **state)
{
    (void)state;
    qs_session *session = make_session(device), *none = NULL;
    const float number = 0;
    float value;
    size_t count = 0;
    qs_activation activation;
    qs_session_memory memory;
    VkBuffer buffer = VK_NULL_HANDLE;
    VkDeviceSize offset = 0, size = 0;
    refused(qs_session_create(NULL, model, NULL, &none));
    refused(qs_session_create(device, NULL, NULL, &none));
    refused(qs_session_create(device, model, NULL, NULL));
    assert_null(none);
    qs_session_destroy(NULL);
    refused(qs_session_begin(NULL, NULL));
    refused(qs_session_begin(session, NULL));
    refused(qs_session_advance(NULL, NULL));
    refused(qs_session_wait(NULL, 0));
    refused(qs_session_frame(NULL, NULL));
    refused(qs_session_frame(session, NULL));
    refused(qs_session_render(NULL, NULL, NULL, NULL, NULL, NULL));
    refused(qs_session_render(session, NULL, NULL, NULL, NULL, NULL));
    const qs_network_input input = { .sample = &number, .timestep = &number };
    refused(qs_session_forward(NULL, &input, &value));
    refused(qs_session_forward(session, NULL, &value));
    refused(qs_session_forward(session, &(qs_network_input){ .timestep = &number }, &value));
    refused(qs_session_forward(session, &(qs_network_input){ .sample = &number }, &value));
    refused(qs_session_forward(session, &input, NULL));
    refused(qs_session_op_times(NULL, NULL, &count));
    refused(qs_session_op_times(session, NULL, NULL));
    refused(qs_session_decode_times(NULL, NULL, &count));
    refused(qs_session_decode_times(session, NULL, NULL));
    refused(qs_session_activation(NULL, 0, &activation, NULL));
    refused(qs_session_activation(session, 0, NULL, NULL));
    qs_session_get_memory(NULL, &memory);
    qs_session_get_memory(session, NULL);
    refused(qs_session_plan(NULL, model, NULL, &memory));
    refused(qs_session_plan(device, NULL, NULL, &memory));
    refused(qs_session_plan(device, model, NULL, NULL));
    refused(qs_session_plan(device, model, &(qs_session_options){ .batch = 65 }, &memory));
    ok(qs_session_plan(device, model, NULL, &memory));
    assert_int_equal(memory.weights_bytes, 0); /* the session has them */
    assert_true(memory.arena_bytes > 0 && memory.state_bytes > 0);
    qs_session_get_frame_buffer(NULL, 0, &buffer, &offset, &size);
    qs_session_get_frame_buffer(session, UINT32_MAX, &buffer, &offset, &size);
    qs_session_get_frame_buffer(session, 0, NULL, NULL, NULL);
    qs_session_destroy(session);
}

static void coders_without(void **state)
{
    (void)state;
    const qs_coder_options options = { QS_DECODE, QS_F32, 8, 8 };
    qs_autoencoder *none = NULL;
    qs_coder *coder = NULL, *no_coder = NULL;
    qs_session_memory memory;
    float values[3 * 8 * 8] = { 0 };
    assert_false(qs_autoencoder_probe(NULL));
    refused(qs_autoencoder_open(NULL, &none));
    refused(qs_autoencoder_open("taesd", NULL));
    qs_autoencoder_destroy(NULL);
    qs_autoencoder_get_info(NULL, NULL);
    qs_autoencoder_get_info(autoencoder, NULL);
    refused(qs_coder_create(NULL, autoencoder, &options, &no_coder));
    refused(qs_coder_create(device, NULL, &options, &no_coder));
    refused(qs_coder_create(device, autoencoder, NULL, &no_coder));
    refused(qs_coder_create(device, autoencoder, &options, NULL));
    assert_null(no_coder);
    ok(qs_coder_create(device, autoencoder, &options, &coder));
    refused(qs_coder_decode(NULL, values, values, NULL));
    refused(qs_coder_decode(coder, NULL, values, NULL));
    refused(qs_coder_encode(NULL, values, values));
    refused(qs_coder_encode(coder, values, values)); /* it decodes */
    qs_coder_get_memory(NULL, &memory);
    qs_coder_get_memory(coder, NULL);
    qs_coder_destroy(coder);
    qs_coder_destroy(NULL);
}

static void files_without(void **state)
{
    (void)state;
    qs_safetensors *none = NULL;
    float value;
    const qs_tensor *tensor = qs_safetensors_at(golden, 0);
    refused(qs_safetensors_open(NULL, &none));
    refused(qs_safetensors_open("a", NULL));
    qs_safetensors_close(NULL);
    assert_int_equal(qs_safetensors_count(NULL), 0);
    assert_null(qs_safetensors_at(NULL, 0));
    assert_null(qs_safetensors_at(golden, SIZE_MAX));
    assert_null(qs_safetensors_find(NULL, "a"));
    assert_null(qs_safetensors_find(golden, NULL));
    assert_null(qs_safetensors_metadata(NULL, "a"));
    assert_null(qs_safetensors_metadata(golden, NULL));
    refused(qs_safetensors_read_floats(NULL, tensor, &value));
    refused(qs_safetensors_read_floats(golden, NULL, &value));
    refused(qs_safetensors_read_floats(golden, tensor, NULL));
    refused(qs_safetensors_write(NULL, tensor, 1, NULL));
    refused(qs_safetensors_write("/nonexistent/a", NULL, 1, NULL));
}

/* ---- values that are none -------------------------------------------------------------------- */

static void enumerations(void **state)
{
    (void)state;
    const float value = 0;
    float noise[1];
    qs_sampler sampler;
    qs_rng rng;
    qs_session *none = NULL;
    qs_set_log(NULL, NULL);
    assert_non_null(qs_version());
    assert_non_null(qs_debug_help());
    for (int i = -2; i < 300; i += 7) {
        assert_non_null(qs_status_name((qs_status)i));
        assert_non_null(qs_sampler_name((qs_sampler)i));
        assert_non_null(qs_rng_name((qs_rng)i));
        assert_non_null(qs_dtype_name((qs_dtype)i));
        (void)qs_dtype_size_bytes((qs_dtype)i);
    }
    refused(qs_sampler_parse(NULL, &sampler));
    refused(qs_sampler_parse("no sampler", &sampler));
    refused(qs_sampler_parse("ddim", NULL));
    refused(qs_rng_parse(NULL, &rng));
    refused(qs_rng_parse("dice", &rng));
    refused(qs_rng_parse("torch", NULL));
    refused(qs_model_noise(model, (qs_rng)2, 0, noise));
    refused(qs_model_check_sampler(model, (qs_sampler)-1));
    refused(qs_model_check_sampler(model, (qs_sampler)99));
    refused(qs_session_create(device, model, &(qs_session_options){ .batch = 65 }, &none));
    refused(qs_session_create(device, model, &(qs_session_options){ .precision = (qs_precision)2 },
                              &none));
    refused(qs_safetensors_write("/nonexistent/a",
                                 &(qs_tensor){ .name = "a",
                                               .dtype = (qs_dtype)99,
                                               .rank = 1,
                                               .shape = { 1 },
                                               .data = &value,
                                               .size_bytes = 4 },
                                 1, NULL));
    refused(qs_safetensors_write("/nonexistent/a",
                                 &(qs_tensor){ .name = "a",
                                               .dtype = QS_DTYPE_F32,
                                               .rank = QS_RANK_MAX + 1,
                                               .data = &value,
                                               .size_bytes = 4 },
                                 1, NULL));
}

static void recipes(void **state)
{
    (void)state;
    qs_session *session = make_session(device);
    const int32_t labels[] = { -2, 10, INT32_MAX, INT32_MIN };
    refused(qs_session_begin(session, &(qs_recipe){ .steps = QS_STEPS_MAX + 1 }));
    refused(qs_session_begin(session, &(qs_recipe){ .steps = UINT32_MAX }));
    refused(qs_session_begin(session, &(qs_recipe){ .sampler = (qs_sampler)99 }));
    refused(qs_session_begin(session, &(qs_recipe){ .rng = (qs_rng)-1 }));
    refused(qs_session_begin(session, &(qs_recipe){ .eta = -0.5f }));
    refused(qs_session_begin(session, &(qs_recipe){ .eta = (float)strtod("nan", NULL) }));
    refused(qs_session_begin(
        session, &(qs_recipe){ .steps = 2, .timesteps = (uint32_t[]){ 0, 22 } })); /* ascending */
    refused(qs_session_begin(session, &(qs_recipe){ .steps = 1, .timesteps = (uint32_t[]){ 40 } }));
    for (size_t i = 0; i < sizeof labels / sizeof *labels; ++i)
        refused(qs_session_begin(session, &(qs_recipe){ .labels = &labels[i] }));
    qs_session_destroy(session);
}

/* ---- too early ------------------------------------------------------------------------------- */

static void before_there_is_anything(void **state)
{
    (void)state;
    qs_session *session = NULL;
    qs_progress progress;
    qs_frame frame;
    qs_activation activation;
    size_t count = 0;
    ok(qs_session_create(device, model, &(qs_session_options){ .keep_activations = true },
                         &session));
    ok(qs_session_advance(session, &progress));
    assert_int_equal(progress.phase, QS_IDLE);
    assert_false(progress.submitted);
    ok(qs_session_wait(session, UINT32_MAX)); /* for nothing: at once */
    ok(qs_session_frame(session, &frame));
    assert_true(frame.serial == 0 && !frame.pixels);
    refused(qs_session_activation(session, 0, &activation, NULL));
    refused(qs_session_decode_times(session, NULL, &count));
    ok(qs_session_begin(session, &(qs_recipe){ .steps = 4 }));
    ok(qs_session_advance(session, NULL));
    qs_session_destroy(session); /* in the middle of a picture */
}

/* ---- two threads ----------------------------------------------------------------------------- */

enum { ROUNDS = 3 };
static pthread_barrier_t both_are_there; /* or one may be done before the other begins */

static uint64_t hash(const uint8_t *bytes, size_t count)
{
    uint64_t value = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < count; ++i)
        value = (value ^ bytes[i]) * 1099511628211u;
    return value;
}

static qs_status draw(qs_session *session, uint64_t *result)
{
    qs_frame frame;
    const qs_status status =
        qs_session_render(session, &(qs_recipe){ .steps = 2, .seed = 5 }, NULL, NULL, &frame, NULL);
    if (status == QS_OK)
        *result = hash(frame.pixels, (size_t)4 * frame.width * frame.height);
    return status;
}

/* A device of its own, and of the one model sessions that come and go. */
static void *draw_on_a_thread(void *result)
{
    qs_device *own = NULL;
    qs_status status = qs_device_create(NULL, &own);
    pthread_barrier_wait(&both_are_there);
    for (int round = 0; round < ROUNDS && status == QS_OK; ++round) {
        qs_session *session = NULL;
        uint64_t drawn = 0, again = 0;
        status = qs_session_create(own, model, NULL, &session);
        if (status == QS_OK)
            status = draw(session, &drawn);
        if (status == QS_OK)
            status = draw(session, &again);
        qs_session_destroy(session);
        *(uint64_t *)result = drawn == again ? drawn : 0;
    }
    if (status != QS_OK)
        fprintf(stderr, "# %s\n", qs_last_error());
    if (qs_device_validation_messages(own) != 0)
        *(uint64_t *)result = 1;
    qs_device_destroy(own);
    return NULL;
}

static void two_threads_share_a_model(void **state)
{
    (void)state;
    pthread_t threads[2];
    uint64_t results[2] = { 0 }, alone = 0;
    qs_session *session = make_session(device);
    ok(draw(session, &alone));
    qs_session_destroy(session);
    assert_int_equal(pthread_barrier_init(&both_are_there, NULL, 2), 0);
    for (int i = 0; i < 2; ++i)
        assert_int_equal(pthread_create(&threads[i], NULL, draw_on_a_thread, &results[i]), 0);
    for (int i = 0; i < 2; ++i)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&both_are_there);
    assert_true(results[0] == alone && results[1] == alone);
}

/* An error is its thread's. */
static void *fail_on_a_thread(void *unused)
{
    (void)unused;
    qs_model *none = NULL;
    (void)qs_model_open("of-the-other-thread", &none);
    return NULL;
}

static void errors_are_a_threads_own(void **state)
{
    (void)state;
    pthread_t thread;
    qs_model *none = NULL;
    assert_int_equal(qs_model_open("of-this-thread", &none), QS_ERROR_MODEL);
    assert_int_equal(pthread_create(&thread, NULL, fail_on_a_thread, NULL), 0);
    pthread_join(thread, NULL);
    assert_non_null(strstr(qs_last_error(), "of-this-thread"));
}

/* ---- all of them? ---------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
    static char text[1 << 17];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t size = fread(text, 1, sizeof text - 1, file);
    assert_true(size < sizeof text - 1);
    text[size] = '\0';
    fclose(file);
    return strdup(text);
}

static void check_header(const char *header, const char *tests)
{
    char *text = read_text(source_path("%s", header));
    for (const char *at = text; (at = strstr(at, "\nQS_API ")); ++at) {
        const char *bracket = strchr(at, '('), *begin = bracket;
        char call[80];
        while (isalnum((unsigned char)begin[-1]) || begin[-1] == '_')
            --begin;
        snprintf(call, sizeof call, "%.*s(", (int)(bracket - begin), begin);
        if (!strstr(tests, call))
            fail_msg("%s is never called here", call);
    }
    free(text);
}

static void every_function_is_here(void **state)
{
    (void)state;
    char *tests = read_text(source_path("tests/session/test_misuse.c"));
    check_header("include/quickstep/quickstep.h", tests);
    check_header("include/quickstep/autoencoder.h", tests);
    check_header("include/quickstep/safetensors.h", tests);
    check_header("include/quickstep/vulkan.h", tests);
    free(tests);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_without),
        cmocka_unit_test(models_without),
        cmocka_unit_test(sessions_without),
        cmocka_unit_test(coders_without),
        cmocka_unit_test(files_without),
        cmocka_unit_test(enumerations),
        cmocka_unit_test(recipes),
        cmocka_unit_test(before_there_is_anything),
        cmocka_unit_test(two_threads_share_a_model),
        cmocka_unit_test(errors_are_a_threads_own),
        cmocka_unit_test(every_function_is_here),
    };
    return cmocka_run_group_tests_name("misuse", tests, open_all, close_all);
}
