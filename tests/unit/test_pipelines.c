/* Pipelines on all cores at once, under validation: they are those that gpu_pipeline_get finds. */
#include "gpu/internal.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../harness/status.h" /* wants cmocka.h */

enum { KEYS = 120, DISTINCT = 80, LOCAL_SIZE = 128 };

static qs_device *device;

static int open_device(void **state)
{
    (void)state;
    setenv("QUICKSTEP_DEBUG", "validate,sync", 1);
    return qs_device_create(NULL, &device) == QS_OK ? 0 : -1;
}

static int close_device(void **state)
{
    (void)state;
    const uint64_t messages = qs_device_validation_messages(device);
    qs_device_destroy(device);
    return messages == 0 ? 0 : -1;
}

static gpu_pipeline_key key_of(enum shader_id shader, uint32_t value)
{
    return (gpu_pipeline_key){ .shader = shader,
                               .constant_count = 2,
                               .constants = { LOCAL_SIZE, value } };
}

static const gpu_pipeline *get(const gpu_pipeline_key *key)
{
    const gpu_pipeline *pipeline = NULL;
    ok(gpu_pipeline_get(device, key->shader, key->constants, key->constant_count, &pipeline));
    return pipeline;
}

/* Some twice, some there before, and the device at work in between. */
static void make_batch(uint32_t first)
{
    gpu_pipeline_key keys[KEYS];
    gpu_pipeline_batch *batch = NULL;
    gpu_buffer buffer = { 0 };
    for (uint32_t i = 0; i < KEYS; i++)
        keys[i] = key_of(SHADER_test_copy, first + i % DISTINCT);
    const gpu_pipeline *before = get(&keys[3]);
    const size_t used = device->pipelines.used;
    ok(gpu_pipelines_begin(device, keys, KEYS, &batch));
    ok(gpu_buffer_create(device, GPU_DEVICE, sizeof keys, "busy", &buffer));
    ok(gpu_upload(device, &(gpu_slice){ &buffer, 0, sizeof keys }, keys));
    ok(gpu_upload_finish(device));
    ok(gpu_pipelines_end(device, batch));
    assert_int_equal(device->pipelines.used, used + DISTINCT - 1);
    assert_ptr_equal(get(&keys[3]), before);
    for (uint32_t i = 0; i < KEYS; i++) {
        const gpu_pipeline *pipeline = get(&keys[i]);
        assert_true(pipeline->vk && pipeline->constants[1] == keys[i].constants[1]);
        assert_true(i < DISTINCT || pipeline == get(&keys[i - DISTINCT]));
    }
    assert_int_equal(device->pipelines.used, used + DISTINCT - 1);
    gpu_buffer_destroy(device, &buffer);
}

static void a_batch_is_found_again(void **state)
{
    (void)state;
    make_batch(1000);
}

static void one_core_is_enough(void **state)
{
    (void)state;
    cpu_set_t all, one;
    CPU_ZERO(&one);
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    for (int i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    make_batch(2000);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void an_error_names_the_shader(void **state)
{
    (void)state;
    const gpu_pipeline_key keys[] = { key_of(SHADER_test_copy, 3000),
                                      key_of(SHADER_elementwise_f16, 3001),
                                      key_of(SHADER_test_copy, 3002) };
    const bool f16 = device->physical.limits.f16;
    const size_t used = device->pipelines.used;
    gpu_pipeline_batch *batch = NULL;
    device->physical.limits.f16 = false;
    assert_int_equal(gpu_pipelines_begin(device, keys, 3, &batch), QS_ERROR_DEVICE);
    device->physical.limits.f16 = f16;
    assert_non_null(strstr(qs_last_error(), "elementwise_f16"));
    assert_null(batch);
    assert_int_equal(device->pipelines.used, used);
    ok(gpu_pipelines_end(device, batch));
    get(&keys[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_found_again),
        cmocka_unit_test(one_core_is_enough),
        cmocka_unit_test(an_error_names_the_shader),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
