/*
 * src/gpu on whatever device is here, under core and synchronization validation: every message is a
 * failure.
 *
 *     test_gpu [LIMITS]      words of QUICKSTEP_DEBUG=limits=...
 */
#include "gpu/internal.h"
#include "core/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

enum { COPY_BUFFERS = 2, LOCAL_SIZE = 128 };

static char cache_folder[] = "/tmp/quickstep-test-gpu-XXXXXX";
static qs_device *device; /* shared by the tests that do not break it */
static unsigned log_errors, log_infos;

static void on_log(void *user, qs_log_level level, const char *message)
{
    (void)user;
    log_errors += level == QS_LOG_ERROR;
    log_infos += level == QS_LOG_INFO;
    if (level <= QS_LOG_WARNING)
        fprintf(stderr, "# %s\n", message);
}

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != QS_OK)                                                                       \
            fail_msg("%s: %s", #call, qs_last_error());                                            \
    } while (0)

#define assert_error(expected, part, call)                                                         \
    do {                                                                                           \
        const qs_status status_ = (call);                                                          \
        if (status_ != (expected) || !strstr(qs_last_error(), part))                               \
            fail_msg("%s: status %d, message '%s'", #call, status_, qs_last_error());              \
    } while (0)

/* ---- a scene: x -> y through the copy shader ---------------------------------------------- */

struct scene {
    uint32_t count;
    uint32_t *data;
    gpu_buffer x, y, back;
    gpu_commands *commands;
};

static gpu_slice whole(const gpu_buffer *buffer)
{
    return (gpu_slice){ .buffer = buffer, .size = buffer->size };
}

static void scene_init(struct scene *scene, qs_device *on, uint32_t count)
{
    const uint64_t size = (uint64_t)count * 4;
    *scene = (struct scene){ .count = count, .data = malloc(size) };
    for (uint32_t i = 0; i < count; i++)
        scene->data[i] = i * 2654435761u;
    assert_ok(gpu_buffer_create(on, GPU_DEVICE, size, "x", &scene->x));
    assert_ok(gpu_buffer_create(on, GPU_DEVICE, size, "y", &scene->y));
    assert_ok(gpu_buffer_create(on, GPU_READBACK, size, "back", &scene->back));
    const gpu_slice x = whole(&scene->x);
    assert_ok(gpu_upload(on, &x, scene->data));
    assert_ok(gpu_upload_finish(on));
}

static void scene_finish(struct scene *scene, qs_device *on)
{
    gpu_commands_destroy(on, scene->commands);
    gpu_buffer_destroy(on, &scene->x);
    gpu_buffer_destroy(on, &scene->y);
    gpu_buffer_destroy(on, &scene->back);
    free(scene->data);
}

static void record_copy(qs_device *on, gpu_commands *commands, enum shader_id shader,
                        const gpu_buffer *from, const gpu_buffer *to, uint32_t scale,
                        uint32_t offset)
{
    const uint32_t count = (uint32_t)(from->size / 4), constants[] = { LOCAL_SIZE, scale };
    const struct {
        uint32_t count, offset;
    } push = { count, offset };
    const gpu_slice bindings[COPY_BUFFERS] = { whole(from), whole(to) };
    const gpu_pipeline *pipeline;
    assert_ok(gpu_pipeline_get(on, shader, constants, 2, &pipeline));
    const gpu_dispatch dispatch = {
        .pipeline = pipeline,
        .label = "copy",
        .push = &push,
        .push_bytes = sizeof push,
        .bindings = bindings,
        .binding_count = COPY_BUFFERS,
        .groups = { (count + LOCAL_SIZE - 1) / LOCAL_SIZE, 1, 1 },
    };
    gpu_record_dispatch(commands, &dispatch);
}

static void record_copy_shader(qs_device *on, gpu_commands *commands, const gpu_buffer *from,
                               const gpu_buffer *to, uint32_t scale, uint32_t offset)
{
    record_copy(on, commands, SHADER_test_copy, from, to, scale, offset);
}

static void record_scene(struct scene *scene, qs_device *on, uint32_t timestamps)
{
    const gpu_slice y = whole(&scene->y), back = whole(&scene->back);
    assert_ok(gpu_commands_create(on, "scene", timestamps, &scene->commands));
    assert_ok(gpu_record_begin(scene->commands));
    if (timestamps)
        gpu_record_timestamp(scene->commands, 0);
    gpu_record_fill(scene->commands, &y, 0xffffffffu);
    gpu_record_barrier(scene->commands);
    record_copy_shader(on, scene->commands, &scene->x, &scene->y, 3, 5);
    gpu_record_barrier(scene->commands);
    gpu_record_copy(scene->commands, &y, &back);
    if (timestamps)
        gpu_record_timestamp(scene->commands, 1);
    assert_ok(gpu_record_end(scene->commands));
}

static void check_scene(const struct scene *scene)
{
    const uint32_t *back = scene->back.mapped;
    for (uint32_t i = 0; i < scene->count; i++)
        if (back[i] != 3 * scene->data[i] + 5)
            fail_msg("element %u of %u is %u", i, scene->count, back[i]);
}

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
        skip();
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
        assert_int_equal(pthread_create(&threads[i], NULL, use_device, cache_folder), 0);
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

static void test_watchdog(void **state)
{
    (void)state;
    qs_device *other;
    struct scene scene;
    uint64_t ticket = 0;
    assert_ok(qs_device_create(NULL, &other));
    scene_init(&scene, other, 1 << 22);
    record_scene(&scene, other, 0);
    other->watchdog_ms = 1;
    for (int i = 0; i < 50; i++)
        assert_ok(gpu_submit(other, scene.commands, &ticket));
    other->progress_ns = 0; /* as if all that were long ago */
    qs_status status = QS_OK;
    while (status == QS_OK && other->done_ticket < ticket) {
        other->progress_ns = 0;
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
    other->progress_ns = clock_ns();
    scene_finish(&scene, other);
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

static gpu_physical fake(uint32_t index, const char *name, qs_device_type type, bool usable)
{
    gpu_physical p = { .info = { .index = index, .type = type, .usable = usable } };
    snprintf(p.info.name, sizeof p.info.name, "%s", name);
    memset(p.info.uuid, 0xa0 + (int)index, sizeof p.info.uuid);
    if (!usable)
        snprintf(p.info.unusable_reason, sizeof p.info.unusable_reason, "no reason");
    return p;
}

static void test_selection(void **state)
{
    (void)state;
    gpu_physical list[] = {
        fake(0, "llvmpipe", QS_DEVICE_CPU, true),
        fake(1, "Iris Xe", QS_DEVICE_INTEGRATED, true),
        fake(2, "GeForce RTX 4090", QS_DEVICE_DISCRETE, true),
        fake(3, "GeForce RTX 4090 D", QS_DEVICE_DISCRETE, true),
        fake(4, "Old Radeon", QS_DEVICE_DISCRETE, false),
    };
    const struct {
        const char *select;
        size_t expected;
    } good[] = {
        { NULL, 2 },
        { "0", 0 },
        { "3", 3 },
        { "xe", 1 },
        { "LLVMPIPE", 0 },
        { "geforce rtx 4090", 2 }, /* exactly, before "D" */
        { "4090 d", 3 },
        { "a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1", 1 },
        { "A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0", 0 },
    };
    size_t chosen = 99;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(gpu_physical_select(list, 5, good[i].select, &chosen));
        assert_int_equal(chosen, good[i].expected);
    }
    list[2].dozen = true;
    assert_ok(gpu_physical_select(list, 5, NULL, &chosen));
    assert_int_equal(chosen, 3);
    assert_ok(gpu_physical_select(list, 1, NULL, &chosen));
    assert_int_equal(chosen, 0);
    const qs_status wrong = QS_ERROR_DEVICE;
    assert_error(wrong, "more than one", gpu_physical_select(list, 5, "4090", &chosen));
    assert_error(wrong, "Iris Xe", gpu_physical_select(list, 5, "Arc", &chosen));
    assert_error(wrong, "'5' is no", gpu_physical_select(list, 5, "5", &chosen));
    assert_error(wrong, "'' is no", gpu_physical_select(list, 5, "", &chosen));
    assert_error(wrong, "no reason", gpu_physical_select(list, 5, "radeon", &chosen));
    assert_error(wrong, "no usable", gpu_physical_select(list + 4, 1, NULL, &chosen));
}

static void test_lowered_limits(void **state)
{
    (void)state;
    const gpu_physical large = { .limits = { .workgroup_invocations = 1024,
                                             .shared_bytes = 49152,
                                             .storage_range_bytes = UINT32_MAX,
                                             .texel_elements = 1 << 28,
                                             .f16 = true },
                                 .info = { .push_descriptors = true },
                                 .storage_buffers_max = 32,
                                 .subgroup_operations = VK_SUBGROUP_FEATURE_BASIC_BIT |
                                                        VK_SUBGROUP_FEATURE_SHUFFLE_BIT };
    gpu_physical p = large;
    assert_ok(gpu_lower_limits(&p, NULL));
    assert_memory_equal(&p, &large, sizeof p);
    assert_ok(
        gpu_lower_limits(&p, "workgroup:128+shared:16384+range:134217728+texels:65536+buffers:4"));
    assert_int_equal(p.limits.workgroup_invocations, 128);
    assert_int_equal(p.limits.shared_bytes, 16384);
    assert_int_equal(p.limits.storage_range_bytes, 1 << 27);
    assert_int_equal(p.limits.texel_elements, 65536);
    assert_int_equal(p.storage_buffers_max, 4);
    assert_true(p.limits.f16 && p.info.push_descriptors);
    assert_ok(gpu_lower_limits(&p, "workgroup:512")); /* never raised */
    assert_int_equal(p.limits.workgroup_invocations, 128);
    assert_ok(gpu_lower_limits(&p, "no_push_descriptor+no_f16+no_shuffle"));
    assert_false(p.limits.f16 || p.info.push_descriptors);
    assert_int_equal(p.subgroup_operations, VK_SUBGROUP_FEATURE_BASIC_BIT);
    const char *const wrong[] = { "workgroup:64", "workgroup", "workgroup:", "shared:16384x",
                                  "shader:16384", "buffers:3", "no_f16:1",   "+no_f16" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_error(QS_ERROR_USAGE, "limits=", gpu_lower_limits(&p, wrong[i]));
}

/* Whatever the subgroups of a software device are, its tiles have 4 to 16 lanes, and shuffles only
 * where a workgroup is one whole subgroup; hardware's tiles do not depend on them. */
static void test_lanes(void **state)
{
    static const struct {
        uint32_t size, lanes;
    } cases[] = { { 1, 4 },   { 2, 4 },   { 4, 4 },   { 8, 8 },
                  { 16, 16 }, { 32, 16 }, { 64, 16 }, { 128, 16 } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gpu_limits software = { .subgroup_size = cases[i].size, .cpu = true, .shuffle = true };
        gpu_limits hardware = { .subgroup_size = cases[i].size, .shuffle = true };
        gpu_fit_lanes(&software);
        gpu_fit_lanes(&hardware);
        assert_int_equal(software.subgroup_size, cases[i].lanes);
        assert_int_equal(software.shuffle, cases[i].lanes == cases[i].size);
        assert_int_equal(hardware.subgroup_size, cases[i].size);
        assert_true(hardware.shuffle);
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

static char *copy_of(const char *text)
{
    return text ? strdup(text) : NULL;
}

static void put_back(const char *name, char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
    free(value);
}

static void test_no_driver(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/empty.json", cache_folder);
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

/* ---- the pipeline cache ------------------------------------------------------------------- */

enum { PAYLOAD = 1000, FILE_BYTES = 64 + PAYLOAD };

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static size_t read_file(const char *path, void *data, size_t room)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    const size_t size = fread(data, 1, room, file);
    fclose(file);
    return size;
}

static bool cache_hit(const gpu_physical *physical, const char *path)
{
    size_t size = 0;
    void *data = gpu_cache_load(physical, path, &size);
    free(data);
    return data != NULL;
}

static void test_cache_file(void **state)
{
    (void)state;
    gpu_physical physical = device->physical;
    char path[128], payload[PAYLOAD], file[FILE_BYTES + 1];
    snprintf(path, sizeof path, "%s/deep/er/cache.bin", cache_folder);
    for (int i = 0; i < PAYLOAD; i++)
        payload[i] = (char)(i * 7);
    assert_false(cache_hit(&physical, path));
    gpu_cache_save(&physical, path, payload, PAYLOAD);
    assert_true(cache_hit(&physical, path));
    assert_int_equal(read_file(path, file, sizeof file), FILE_BYTES);

    for (size_t cut = 0; cut < FILE_BYTES; cut += 97) { /* truncated */
        write_file(path, file, cut);
        assert_false(cache_hit(&physical, path));
    }
    for (size_t bit = 0; bit < 8 * FILE_BYTES; bit += 61) { /* damaged */
        file[bit / 8] ^= (char)(1 << bit % 8);
        write_file(path, file, FILE_BYTES);
        assert_false(cache_hit(&physical, path));
        file[bit / 8] ^= (char)(1 << bit % 8);
    }
    file[FILE_BYTES] = 0;
    write_file(path, file, FILE_BYTES + 1); /* too long */
    assert_false(cache_hit(&physical, path));
    write_file(path, file, FILE_BYTES);
    assert_true(cache_hit(&physical, path));

    gpu_physical others[4] = { physical, physical, physical, physical };
    others[0].vendor_id++;
    others[1].device_id++;
    others[2].driver_version++;
    others[3].pipeline_cache_uuid[15]++;
    for (int i = 0; i < 4; i++)
        assert_false(cache_hit(&others[i], path));

    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not stop us */
    assert_false(cache_hit(&physical, path));
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(cache_hit(&physical, path));
    gpu_cache_save(&physical, path, payload, PAYLOAD);
    rmdir(path);
    gpu_cache_save(&physical, "/dev/null/quickstep/cache.bin", payload, PAYLOAD);
}

static void test_cache_path(void **state)
{
    (void)state;
    char *xdg = copy_of(getenv("XDG_CACHE_HOME")), *home = copy_of(getenv("HOME"));
    setenv("HOME", "/nowhere/home", 1);
    setenv("XDG_CACHE_HOME", "/nowhere/xdg", 1);
    char *absolute = gpu_cache_path(&device->physical);
    setenv("XDG_CACHE_HOME", "relative", 1);
    char *relative = gpu_cache_path(&device->physical);
    unsetenv("HOME");
    char *none = gpu_cache_path(&device->physical);
    put_back("XDG_CACHE_HOME", xdg);
    put_back("HOME", home);
    assert_int_equal(strncmp(absolute, "/nowhere/xdg/quickstep/pipelines-", 33), 0);
    assert_int_equal(strncmp(relative, "/nowhere/home/.cache/quickstep/", 31), 0);
    assert_null(none);
    free(absolute);
    free(relative);
}

/* Not a folder that somebody else could fill. */
static void test_cache_of_others(void **state)
{
    (void)state;
    char *xdg = copy_of(getenv("XDG_CACHE_HOME"));
    char folder[128], other[128], path[160];
    snprintf(path, sizeof path, "%s/shared", cache_folder);
    assert_int_equal(mkdir(path, 0700), 0);
    setenv("XDG_CACHE_HOME", path, 1);
    snprintf(folder, sizeof folder, "%s/shared/quickstep", cache_folder);
    snprintf(other, sizeof other, "%s/shared/other", cache_folder);
    for (int way = 0; way < 4; way++) {
        const bool theirs = way == 1 && geteuid() == 0;
        assert_int_equal(mkdir(other, 0700), 0);
        if (way == 2) /* a link of one's own to a folder of one's own */
            assert_int_equal(symlink(other, folder), 0);
        else
            assert_int_equal(mkdir(folder, 0700), 0);
        if (theirs)
            assert_int_equal(chown(folder, 12345, 12345), 0);
        if (way == 3)
            assert_int_equal(chmod(folder, 0777), 0);
        char *found = gpu_cache_path(&device->physical);
        assert_int_equal(found != NULL, !theirs && way != 3);
        free(found);
        assert_int_equal(way == 2 ? unlink(folder) : rmdir(folder), 0);
        if (way == 2 && geteuid() == 0) { /* and to somebody else's */
            assert_int_equal(chown(other, 12345, 12345), 0);
            assert_int_equal(symlink(other, folder), 0);
            assert_null(gpu_cache_path(&device->physical));
            assert_int_equal(unlink(folder), 0);
        }
        assert_int_equal(rmdir(other), 0);
    }
    put_back("XDG_CACHE_HOME", xdg);
}

/* What a killed program left goes, and what another one is writing stays. */
static void test_cache_leftovers(void **state)
{
    (void)state;
    char path[128], old[160], fresh[160];
    const struct timeval long_ago[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
    snprintf(path, sizeof path, "%s/left.bin", cache_folder);
    snprintf(old, sizeof old, "%s.abc123", path);
    snprintf(fresh, sizeof fresh, "%s.def456", path);
    write_file(old, "x", 1);
    write_file(fresh, "x", 1);
    assert_int_equal(utimes(old, long_ago), 0);
    assert_true(gpu_cache_write(path, "head", 4, "data", 4));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(old, F_OK), 0);
    assert_int_equal(access(fresh, F_OK), 0);
}

/* A whole device with a cache folder that is good, damaged, and impossible. */
static void run_device(void)
{
    qs_device *other;
    struct scene scene;
    uint64_t ticket;
    assert_ok(qs_device_create(NULL, &other));
    scene_init(&scene, other, 1000);
    record_scene(&scene, other, 0);
    assert_ok(gpu_submit(other, scene.commands, &ticket));
    assert_ok(gpu_wait(other, ticket, UINT32_MAX));
    check_scene(&scene);
    assert_int_equal(qs_device_validation_messages(other), 0);
    scene_finish(&scene, other);
    qs_device_destroy(other);
}

static void test_cache_of_device(void **state)
{
    (void)state;
    char *xdg = copy_of(getenv("XDG_CACHE_HOME")), *path = gpu_cache_path(&device->physical);
    const unsigned errors = log_errors;
    run_device();
    assert_int_equal(access(path, R_OK), 0);
    assert_true(cache_hit(&device->physical, path));
    run_device(); /* from the file */
    write_file(path, "rubbish", 7);
    run_device();
    assert_true(cache_hit(&device->physical, path));
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    run_device();
    put_back("XDG_CACHE_HOME", xdg);
    free(path);
    assert_int_equal(log_errors, errors);
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
    if (!mkdtemp(cache_folder))
        return 1;
    snprintf(words, sizeof words, "validate,sync,labels%s%s", argc > 1 ? ",limits=" : "",
             argc > 1 ? argv[1] : "");
    setenv("QUICKSTEP_DEBUG", words, 1);
    setenv("XDG_CACHE_HOME", cache_folder, 1);
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
        cmocka_unit_test(test_missing_barrier_is_found),
        cmocka_unit_test(test_two_threads),
        cmocka_unit_test(test_memory_errors),
        cmocka_unit_test(test_lost_stays_lost),
        cmocka_unit_test(test_watchdog),
        cmocka_unit_test(test_hung_destroy_returns),
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_lowered_limits),
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_large_workgroup),
        cmocka_unit_test(test_device_list),
        cmocka_unit_test(test_unknown_device),
        cmocka_unit_test(test_no_driver),
        cmocka_unit_test(test_cache_file),
        cmocka_unit_test(test_cache_path),
        cmocka_unit_test(test_cache_of_others),
        cmocka_unit_test(test_cache_leftovers),
        cmocka_unit_test(test_cache_of_device),
        cmocka_unit_test(test_no_messages),
    };
    const int failed = cmocka_run_group_tests_name("gpu", tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", cache_folder);
    return system(command) == 0 ? failed : 1;
}
