/* What the tests of src/gpu share: a scene, and surroundings that are put back. */
#ifndef QS_TESTS_GPU_SCENE_H
#define QS_TESTS_GPU_SCENE_H

#include "gpu/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { COPY_BUFFERS = 2, LOCAL_SIZE = 128 };

static unsigned log_errors, log_infos;

static inline void on_log(void *user, qs_log_level level, const char *message)
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

static inline gpu_slice whole(const gpu_buffer *buffer)
{
    return (gpu_slice){ .buffer = buffer, .size = buffer->size };
}

static inline void scene_init(struct scene *scene, qs_device *on, uint32_t count)
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

static inline void scene_finish(struct scene *scene, qs_device *on)
{
    gpu_commands_destroy(on, scene->commands);
    gpu_buffer_destroy(on, &scene->x);
    gpu_buffer_destroy(on, &scene->y);
    gpu_buffer_destroy(on, &scene->back);
    free(scene->data);
}

static inline void record_copy(qs_device *on, gpu_commands *commands, enum shader_id shader,
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

static inline void record_copy_shader(qs_device *on, gpu_commands *commands, const gpu_buffer *from,
                                      const gpu_buffer *to, uint32_t scale, uint32_t offset)
{
    record_copy(on, commands, SHADER_test_copy, from, to, scale, offset);
}

static inline void record_scene(struct scene *scene, qs_device *on, uint32_t timestamps)
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

static inline void check_scene(const struct scene *scene)
{
    const uint32_t *back = scene->back.mapped;
    for (uint32_t i = 0; i < scene->count; i++)
        if (back[i] != 3 * scene->data[i] + 5)
            fail_msg("element %u of %u is %u", i, scene->count, back[i]);
}

/* ---- the environment ---------------------------------------------------------------------------
 */

static inline char *copy_of(const char *text)
{
    return text ? strdup(text) : NULL;
}

static inline void put_back(const char *name, char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
    free(value);
}

#endif
