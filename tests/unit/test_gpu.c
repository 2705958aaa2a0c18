/*
 * src/gpu on whatever device is here, under core and synchronization validation: every message is a
 * failure.
 *
 *     test_gpu [LIMITS]      words of QUICKSTEP_DEBUG=limits=...
 */
#include "../harness/folder.h"

#include "gpu_scene.h"

#include "../harness/skip.h"

#include "core/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static qs_device *device; /* shared by the tests that do not break it */

/* ---- work --------------------------------------------------------------------------------- */

static void test_round_trip(void **state)
{
    (void)state;
    const uint32_t counts[] = { 1, 127, 128, 129, 100003 };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct scene scene;
        uint64_t ticket;
        scene_init(&scene, device, counts[i]);
        record_scene(&scene, device, 0);
        assert_ok(gpu_submit(device, scene.commands, &ticket));
        assert_ok(gpu_wait(device, ticket, UINT32_MAX));
        check_scene(&scene);
        scene_finish(&scene, device);
    }
}

/* Texel buffers; recording again drops the views of the first recording. */
static void test_texel_buffers(void **state)
{
    (void)state;
    struct scene scene;
    uint64_t ticket;
    scene_init(&scene, device, 1002);
    assert_ok(gpu_commands_create(device, "texels", 0, &scene.commands));
    for (int i = 0; i < 2; i++) {
        assert_ok(gpu_record_begin(scene.commands));
        for (int times = 0; times < 100; times++) { /* more views than fit at first */
            record_copy(device, scene.commands, SHADER_test_copy_texel, &scene.x, &scene.y, 3, 5);
            gpu_record_barrier(scene.commands);
        }
        record_copy(device, scene.commands, SHADER_test_copy_texel, &scene.y, &scene.back, 1, 0);
        assert_ok(gpu_record_end(scene.commands));
        assert_ok(gpu_submit(device, scene.commands, &ticket));
        assert_ok(gpu_wait(device, ticket, UINT32_MAX));
        check_scene(&scene);
    }
    scene_finish(&scene, device);
}

static void test_replay_in_flight(void **state)
{
    (void)state;
    struct scene scene;
    uint64_t tickets[4], done = 0;
    scene_init(&scene, device, 5000);
    record_scene(&scene, device, 0);
    for (int i = 0; i < 4; i++) {
        assert_ok(gpu_submit(device, scene.commands, &tickets[i]));
        assert_true(i == 0 || tickets[i] > tickets[i - 1]);
    }
    assert_ok(gpu_wait(device, tickets[3], 60000));
    assert_ok(gpu_poll(device, &done));
    assert_true(done >= tickets[3]);
    check_scene(&scene);
    scene_finish(&scene, device);
}

/* More than the ring holds, so that chunks are reused; and an upload over an upload. */
static void test_large_upload(void **state)
{
    (void)state;
    const uint32_t count = (STAGING_CHUNK_COUNT + 2) * STAGING_CHUNK_BYTES / 4 + 7;
    struct scene scene;
    uint64_t ticket;
    scene_init(&scene, device, count);
    scene.data[1] = 77;
    const gpu_slice second = { .buffer = &scene.x, .offset = 4, .size = 4 };
    assert_ok(gpu_upload(device, &second, &scene.data[0]));
    assert_ok(gpu_upload(device, &second, &scene.data[1]));
    record_scene(&scene, device, 0);
    assert_ok(gpu_submit(device, scene.commands, &ticket));
    assert_ok(gpu_wait(device, ticket, UINT32_MAX));
    check_scene(&scene);
    scene_finish(&scene, device);
}

/* Uploads that nobody finished are submitted before the commands that use them. */
static void test_submit_flushes_uploads(void **state)
{
    (void)state;
    struct scene scene;
    uint64_t ticket;
    scene_init(&scene, device, 100);
    record_scene(&scene, device, 0);
    scene.data[0] = 123456;
    const gpu_slice first = { .buffer = &scene.x, .size = 4 };
    assert_ok(gpu_upload(device, &first, scene.data));
    assert_ok(gpu_submit(device, scene.commands, &ticket));
    assert_ok(gpu_wait(device, ticket, UINT32_MAX));
    check_scene(&scene);
    scene_finish(&scene, device);
}

static void test_timestamps(void **state)
{
    (void)state;
    struct scene scene;
    uint64_t ticket;
    double ns[2] = { -1, -1 };
    if (!gpu_device_limits(device)->timestamps)
        skip_test("no timestamps");
    scene_init(&scene, device, 100000);
    record_scene(&scene, device, 2);
    for (int i = 0; i < 2; i++)
        assert_ok(gpu_submit(device, scene.commands, &ticket));
    assert_ok(gpu_wait(device, ticket, UINT32_MAX));
    assert_ok(gpu_commands_timestamps(device, scene.commands, ns));
    assert_true(ns[0] == 0 && ns[1] > 0 && ns[1] < 60e9);
    scene_finish(&scene, device);
}

static void test_pipelines_are_kept(void **state)
{
    (void)state;
    const gpu_pipeline *first[200], *again;
    for (uint32_t i = 0; i < 200; i++) {
        const uint32_t constants[] = { LOCAL_SIZE, i };
        assert_ok(gpu_pipeline_get(device, SHADER_test_copy, constants, 2, &first[i]));
    }
    for (uint32_t i = 0; i < 200; i++) {
        const uint32_t constants[] = { LOCAL_SIZE, i };
        assert_ok(gpu_pipeline_get(device, SHADER_test_copy, constants, 2, &again));
        assert_ptr_equal(first[i], again);
        assert_true(i == 0 || first[i] != first[i - 1]);
    }
}

/* A workgroup that the device does not run never reaches the driver. */
static void test_large_workgroup(void **state)
{
    (void)state;
    const uint32_t constants[] = { 2 * device->physical.limits.workgroup_invocations, 1 };
    const gpu_pipeline *pipeline;
    assert_error(QS_ERROR_DEVICE, "workgroups of",
                 gpu_pipeline_get(device, SHADER_test_copy, constants, 2, &pipeline));
}

/* The validation that the other tests trust in does find a missing barrier. */
static void test_missing_barrier_is_found(void **state)
{
    (void)state;
    const enum shader_id readers[] = { SHADER_test_copy, SHADER_test_copy_texel };
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        qs_device *other;
        struct scene scene;
        assert_ok(qs_device_create(NULL, &other));
        scene_init(&scene, other, 1000);
        assert_ok(gpu_commands_create(other, "broken", 0, &scene.commands));
        assert_ok(gpu_record_begin(scene.commands));
        record_copy_shader(other, scene.commands, &scene.x, &scene.y, 1, 0);
        record_copy(other, scene.commands, readers[i], &scene.y, &scene.back, 1, 0);
        assert_ok(gpu_record_end(scene.commands));
        assert_true(qs_device_validation_messages(other) > 0);
        scene_finish(&scene, other);
        qs_device_destroy(other);
    }
}

/* Different devices are independent: no lock, no shared table. cmocka's checks are not for other
 * threads, so this one only counts. */
static void *use_device(void *wrong)
{
    const uint32_t constants[] = { LOCAL_SIZE, 1 };
    qs_device *own;
    gpu_buffer buffer = { 0 };
    const gpu_pipeline *pipeline;
    const uint32_t data = 1;
    if (qs_device_create(NULL, &own) != QS_OK)
        return wrong;
    const gpu_slice slice = { .buffer = &buffer, .size = 4 };
    const bool good = gpu_buffer_create(own, GPU_DEVICE, 64, "thread", &buffer) == QS_OK &&
                      gpu_upload(own, &slice, &data) == QS_OK && gpu_wait_all(own) == QS_OK &&
                      gpu_pipeline_get(own, SHADER_test_copy, constants, 2, &pipeline) == QS_OK &&
                      qs_device_validation_messages(own) == 0;
    gpu_buffer_destroy(own, &buffer);
    qs_device_destroy(own);
    return good ? NULL : wrong;
}

static void test_two_threads(void **state)
{
    (void)state;
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_device, folder), 0);
    for (int i = 0; i < 2; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* ---- memory ------------------------------------------------------------------------------- */

static void test_memory_errors(void **state)
{
    (void)state;
    gpu_buffer buffer;
    const uint32_t before = gpu_device_allocation_count(device);
    assert_error(QS_ERROR_MEMORY, "maxMemoryAllocationSize",
                 gpu_buffer_create(device, GPU_DEVICE, device->physical.allocation_max + 1,
                                   "weights", &buffer));
    assert_error(QS_ERROR_MEMORY, "weights",
                 gpu_buffer_create(device, GPU_DEVICE, UINT64_MAX, "weights", &buffer));
    device->memory_cap = device->heap_allocated[0] + (3 << 20);
    assert_error(QS_ERROR_MEMORY, "arena: 4.0 MiB needed",
                 gpu_buffer_create(device, GPU_DEVICE, 4 << 20, "arena", &buffer));
    assert_null(buffer.vk);
    assert_int_equal(gpu_device_allocation_count(device), before);
    device->memory_cap = 0;
    assert_ok(gpu_buffer_create(device, GPU_UPLOAD, 1, "one byte", &buffer));
    assert_int_equal(gpu_device_allocation_count(device), before + 1);
    gpu_buffer_destroy(device, &buffer);
    gpu_buffer_destroy(device, &buffer);
    assert_int_equal(gpu_device_allocation_count(device), before);
}

/* ---- loss --------------------------------------------------------------------------------- */

static void test_lost_stays_lost(void **state)
{
    (void)state;
    qs_device *other;
    struct scene scene;
    gpu_buffer buffer;
    const gpu_pipeline *pipeline;
    uint64_t ticket;
    assert_ok(qs_device_create(NULL, &other));
    scene_init(&scene, other, 1000);
    record_scene(&scene, other, 0);
    assert_ok(gpu_submit(other, scene.commands, &ticket));
    assert_ok(gpu_wait(other, ticket, UINT32_MAX));
    assert_int_equal(gpu_error(other, VK_ERROR_DEVICE_LOST, "vkTest"), QS_ERROR_DEVICE_LOST);
    const gpu_slice x = whole(&scene.x);
    const char *part = "was lost earlier";
    assert_error(QS_ERROR_DEVICE_LOST, part, gpu_submit(other, scene.commands, &ticket));
    assert_error(QS_ERROR_DEVICE_LOST, part, gpu_poll(other, &ticket));
    assert_error(QS_ERROR_DEVICE_LOST, part, gpu_wait(other, ticket, 1));
    assert_error(QS_ERROR_DEVICE_LOST, part, gpu_upload(other, &x, scene.data));
    assert_error(QS_ERROR_DEVICE_LOST, part,
                 gpu_buffer_create(other, GPU_DEVICE, 4, "late", &buffer));
    assert_error(QS_ERROR_DEVICE_LOST, part,
                 gpu_pipeline_get(other, SHADER_test_copy, NULL, 0, &pipeline));
    scene_finish(&scene, other);
    qs_device_destroy(other);
}

/* A device of its own, with work for a while. */
static qs_device *busy_device(struct scene *scene, uint64_t *ticket)
{
    qs_device *busy;
    assert_ok(qs_device_create(NULL, &busy));
    scene_init(scene, busy, 1 << 22);
    record_scene(scene, busy, 0);
    for (int i = 0; i < 50; i++)
        assert_ok(gpu_submit(busy, scene->commands, ticket));
    return busy;
}

static void test_watchdog(void **state)
{
    (void)state;
    struct scene scene;
    uint64_t ticket = 0;
    qs_device *other = busy_device(&scene, &ticket);
    other->watchdog_ms = 1;
    qs_status status = QS_OK;
    while (status == QS_OK && other->done_ticket < ticket) {
        other->silent_ns = 1000000000; /* as if all that were long ago */
        status = gpu_wait(other, ticket, 1);
    }
    if (status == QS_OK)
        print_message("# the device was faster than the test\n");
    else
        assert_error(QS_ERROR_DEVICE_LOST, "stopped answering", gpu_poll(other, NULL));
    /* it does finish in truth: give everything back after all */
    assert_int_equal(other->vk.vkDeviceWaitIdle(other->handle), VK_SUCCESS);
    other->state = GPU_ALIVE;
    other->watchdog_ms = 60000;
    other->silent_ns = 0;
    scene_finish(&scene, other);
    qs_device_destroy(other);
}

/* For an hour nobody asked: the process was stopped. */
static void test_stopped_process(void **state)
{
    (void)state;
    struct scene scene;
    uint64_t ticket = 0;
    qs_device *other = busy_device(&scene, &ticket);
    other->looked_ns -= (uint64_t)3600 * 1000000000u;
    assert_ok(gpu_poll(other, NULL));
    assert_ok(gpu_wait(other, ticket, UINT32_MAX));
    scene_finish(&scene, other);
    qs_device_destroy(other);
}

/* Time in which a software device computed nothing does not count: others had the processor. */
static void test_silence_of_software(void **state)
{
    (void)state;
    const uint64_t pause_ns = 400 * 1000000u;
    qs_device *other;
    assert_ok(qs_device_create(NULL, &other));
    assert_ok(gpu_poll(other, NULL));
    other->silent_ns = 0;
    nanosleep(&(struct timespec){ .tv_nsec = (long)pause_ns }, NULL);
    assert_ok(gpu_poll(other, NULL));
    if (other->physical.info.type == QS_DEVICE_CPU)
        assert_true(other->silent_ns < pause_ns / 2);
    else
        assert_true(other->silent_ns >= pause_ns);
    qs_device_destroy(other);
}

static void test_hung_destroy_returns(void **state)
{
    (void)state;
    qs_device *other;
    assert_ok(qs_device_create(NULL, &other));
    other->state = GPU_HUNG;
    qs_device_destroy(other);
}

/* ---- selection ---------------------------------------------------------------------------- */

static void test_device_list(void **state)
{
    (void)state;
    qs_device_info infos[8], own;
    size_t count = 0, room = 8;
    assert_error(QS_ERROR_USAGE, "count", qs_device_list(infos, NULL));
    assert_error(QS_ERROR_USAGE, "device", qs_device_create(NULL, NULL));
    assert_ok(qs_device_list(NULL, &count));
    assert_true(count >= 1);
    assert_ok(qs_device_list(infos, &room));
    assert_int_equal(room, count);
    qs_device_get_info(device, &own);
    assert_true(own.usable && own.index < count);
    assert_true(own.memory_bytes > 0 && own.subgroup_size > 0);
    assert_true(own.subgroup_size_min <= own.subgroup_size_max);
    assert_string_equal(own.name, infos[own.index].name);
    qs_device_get_info(NULL, &own);
    qs_device_destroy(NULL);
    assert_int_equal(qs_device_validation_messages(NULL), 0);
}

static void test_unknown_device(void **state)
{
    (void)state;
    qs_device *other = (qs_device *)8;
    const char *extension = "VK_EXT_not_a_window_system";
    assert_error(QS_ERROR_DEVICE, "there is 0: ",
                 qs_device_create(&(qs_device_options){ .select = "no such GPU" }, &other));
    assert_null(other);
    assert_error(QS_ERROR_DEVICE, extension,
                 qs_device_create(&(qs_device_options){ .instance_extensions = &extension,
                                                        .instance_extension_count = 1 },
                                  &other));
    assert_error(QS_ERROR_USAGE, "NULL",
                 qs_device_create(&(qs_device_options){ .instance_extension_count = 1 }, &other));
}

static void test_no_driver(void **state)
{
    (void)state;
    const char *path = temporary_path(folder, "empty.json");
    close(open(path, O_CREAT | O_WRONLY, 0600));
    char *icd = copy_of(getenv("VK_ICD_FILENAMES")), *driver = copy_of(getenv("VK_DRIVER_FILES"));
    setenv("VK_ICD_FILENAMES", path, 1);
    setenv("VK_DRIVER_FILES", path, 1);
    size_t count = 5;
    qs_device *other;
    const qs_status listed = qs_device_list(NULL, &count);
    const qs_status created = qs_device_create(NULL, &other);
    put_back("VK_ICD_FILENAMES", icd);
    put_back("VK_DRIVER_FILES", driver);
    unlink(path);
    assert_int_equal(listed, QS_ERROR_DEVICE);
    assert_int_equal(count, 5);
    assert_int_equal(created, QS_ERROR_DEVICE);
    assert_null(other);
    assert_non_null(strstr(qs_last_error(), "driver"));
}

/* ---- the end ------------------------------------------------------------------------------ */

static void test_no_messages(void **state)
{
    (void)state;
    assert_int_equal(qs_device_validation_messages(device), 0);
    assert_true(log_infos > 0);
    const unsigned errors = log_errors;
    qs_device_destroy(device); /* reports what was forgotten */
    device = NULL;
    assert_int_equal(log_errors, errors);
}

static void make_device(void **state)
{
    (void)state;
    assert_ok(qs_device_create(NULL, &device));
}

int main(int argc, char **argv)
{
    char words[256];
    create_folder(NULL);
    snprintf(words, sizeof words, "validate,sync,labels%s%s", argc > 1 ? ",limits=" : "",
             argc > 1 ? argv[1] : "");
    setenv("QUICKSTEP_DEBUG", words, 1);
    setenv("XDG_CACHE_HOME", folder, 1);
    qs_set_log(on_log, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(make_device),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_texel_buffers),
        cmocka_unit_test(test_replay_in_flight),
        cmocka_unit_test(test_large_upload),
        cmocka_unit_test(test_submit_flushes_uploads),
        cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_pipelines_are_kept),
        cmocka_unit_test(test_large_workgroup),
        cmocka_unit_test(test_missing_barrier_is_found),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_memory_errors),
        cmocka_unit_test(test_lost_stays_lost),
        cmocka_unit_test(test_watchdog),
        cmocka_unit_test(test_stopped_process),
        cmocka_unit_test(test_silence_of_software),
        cmocka_unit_test(test_hung_destroy_returns),
        cmocka_unit_test(test_device_list),
        cmocka_unit_test(test_unknown_device),
        cmocka_unit_test(test_no_driver),
        cmocka_unit_test(test_no_messages),
    };
    const int failed = cmocka_run_group_tests_name("gpu", tests, NULL, NULL);
    remove_folder(NULL);
    return failed;
}
