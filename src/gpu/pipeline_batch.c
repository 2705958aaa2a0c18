/* Pipelines on all cores at once. The table is the caller's thread's; the others only compile.
 * Where somebody wants to know how far that is, the caller only waits, and says so. */
#include "gpu/internal.h"

#include "core/host.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS_MAX = 64 };

struct gpu_pipeline_batch {
    const qs_device *device;
    gpu_compilation *work;
    uint32_t count;
    atomic_uint next, done;
    pthread_t threads[THREADS_MAX];
    uint32_t thread_count;
};

static void *compile_some(void *user)
{
    gpu_pipeline_batch *b = user;
    for (uint32_t i; (i = atomic_fetch_add(&b->next, 1)) < b->count;) {
        gpu_compilation_run(b->device, &b->work[i]);
        atomic_fetch_add(&b->done, 1);
    }
    return NULL;
}

/* One less than there are cores: the caller's has other work, and helps in the end. If no thread
 * can be had, it does all. */
static void start_threads(gpu_pipeline_batch *b)
{
    const uint32_t cores = host_core_count() + (b->device->prepare ? 1 : 0);
    while (b->thread_count + 1 < cores && b->thread_count < b->count &&
           b->thread_count < THREADS_MAX &&
           pthread_create(&b->threads[b->thread_count], NULL, compile_some, b) == 0)
        b->thread_count++;
}

static bool is_among(const gpu_pipeline_batch *b, const gpu_pipeline *key)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (gpu_pipeline_same(b->work[i].pipeline, key))
            return true;
    return false;
}

static void destroy_batch(qs_device *device, gpu_pipeline_batch *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        gpu_pipeline_destroy(device, b->work[i].pipeline);
    free(b->work);
    free(b);
}

qs_status gpu_pipelines_begin(qs_device *device, const gpu_pipeline_key *keys, uint32_t count,
                              gpu_pipeline_batch **batch)
{
    qs_status status = QS_OK;
    gpu_pipeline_batch *b = calloc(1, sizeof *b);
    if (b)
        b->work = calloc(count + 1, sizeof *b->work);
    if (!b || !b->work) {
        free(b);
        return qs_error(QS_ERROR_MEMORY, "no memory for %u pipelines", count);
    }
    b->device = device;
    TRY(gpu_check_alive(device));
    for (uint32_t i = 0; i < count; i++) {
        const gpu_pipeline key =
            gpu_pipeline_key_of(keys[i].shader, keys[i].constants, keys[i].constant_count);
        if (gpu_pipeline_find(device, &key) || is_among(b, &key))
            continue;
        TRY(gpu_compilation_begin(device, &key, &b->work[b->count]));
        b->count++;
    }
    start_threads(b);
    *batch = b;
    return QS_OK;
fail:
    destroy_batch(device, b);
    return status;
}

static void tell_and_wait(qs_device *device, gpu_pipeline_batch *b)
{
    const struct timespec pause = { .tv_nsec = 2000000 };
    while (atomic_load(&b->done) < b->count) {
        nanosleep(&pause, NULL);
        gpu_tell_prepared(device, atomic_load(&b->done), b->count);
    }
}

qs_status gpu_pipelines_end(qs_device *device, gpu_pipeline_batch *b)
{
    qs_status status = QS_OK;
    if (!b)
        return QS_OK;
    if (device->prepare && b->thread_count > 0)
        tell_and_wait(device, b);
    compile_some(b); /* nothing, where threads did it all */
    for (uint32_t i = 0; i < b->thread_count; i++)
        pthread_join(b->threads[i], NULL);
    for (uint32_t i = 0; i < b->count; i++)
        TRY(gpu_compilation_finish(device, &b->work[i]));
fail:
    destroy_batch(device, b);
    return status;
}
