/*
 * Vulkan and nothing else: no tensors, no ops. One compute queue, one timeline semaphore.
 * Everything here belongs to one qs_device and is used from one thread at a time.
 */
#ifndef QS_GPU_GPU_H
#define QS_GPU_GPU_H

#include "core/status.h"
#include "gpu/limits.h"
#include "shader_table.h" /* generated: enum shader_id, SHADER_COUNT, shader_table[] */

#include <vulkan/vulkan_core.h>

/* ---- memory: few large buffers, each with its own VkDeviceMemory -------------------------- */

typedef enum gpu_memory {
    GPU_DEVICE,   /* device local */
    GPU_UPLOAD,   /* host visible and coherent, mapped; device local too where offered */
    GPU_READBACK, /* host visible, coherent, cached if offered, mapped */
} gpu_memory;

typedef struct gpu_buffer {
    VkBuffer vk;
    VkDeviceMemory memory;
    uint64_t size;
    void *mapped;  /* GPU_UPLOAD and GPU_READBACK */
    uint32_t heap; /* src/gpu's own: where it lies, and its real size */
    uint64_t allocated;
} gpu_buffer;

typedef struct gpu_slice { /* offset: a multiple of GPU_ALIGNMENT when bound to a shader */
    const gpu_buffer *buffer;
    uint64_t offset, size;
} gpu_slice;

/* usage: storage, uniform texel, transfer source and destination, always. QS_ERROR_MEMORY names
 * what was asked for (`name`), how much, and what the heap has. A zero-initialised buffer may be
 * destroyed. */
qs_status gpu_buffer_create(qs_device *device, gpu_memory memory, uint64_t size, const char *name,
                            gpu_buffer *buffer);
void gpu_buffer_destroy(qs_device *device, gpu_buffer *buffer); /* waits for the device */

/* Copies through a staging ring, in order, without waiting except for room in the ring; `data` may
 * be freed at once. gpu_upload_finish submits what is left, visible to later submissions;
 * gpu_submit and gpu_buffer_destroy do it as well. */
qs_status gpu_upload(qs_device *device, const gpu_slice *to, const void *data);
qs_status gpu_upload_finish(qs_device *device);

/* ---- pipelines: created when first used, kept for the device's life ----------------------- */

enum { GPU_CONSTANTS_MAX = 16, GPU_PUSH_BYTES_MAX = 128, GPU_BINDINGS_MAX = 12 };

typedef struct gpu_pipeline gpu_pipeline;

/* constants[i] is specialization constant_id i, 32 bits each. QS_ERROR_DEVICE if the shader needs
 * what the device lacks (f16, subgroup operations, so large a workgroup). The bindings are the buffers
 * 0 .. n-1 of set 0; the shader table knows which of them are texel
 * buffers, and of what format. */
qs_status gpu_pipeline_get(qs_device *device, enum shader_id shader, const uint32_t *constants,
                           uint32_t constant_count, const gpu_pipeline **pipeline);

/* A pipeline that will be asked for. */
typedef struct gpu_pipeline_key {
    enum shader_id shader;
    uint32_t constant_count, constants[GPU_CONSTANTS_MAX];
} gpu_pipeline_key;

/* Makes those that gpu_pipeline_get would still have to make, on all cores at once: begin starts
 * the other cores, end helps them, waits and has the error of the first key that has one. In
 * between the device may be used, but for other pipelines. end must follow; it takes NULL. */
typedef struct gpu_pipeline_batch gpu_pipeline_batch;
qs_status gpu_pipelines_begin(qs_device *device, const gpu_pipeline_key *keys, uint32_t count,
                              gpu_pipeline_batch **batch);
qs_status gpu_pipelines_end(qs_device *device, gpu_pipeline_batch *batch);

/* ---- files that belong to a device, beside the driver's pipeline cache --------------------- */

/* $XDG_CACHE_HOME/quickstep/NAME-UUID.ENDING, to be freed; NULL: this user has no such folder, or
 * one that others could fill, which is said once (QS_LOG_WARNING). */
char *gpu_cache_file(const qs_device *device, const char *name, const char *ending);

/* Whole or not at all, also with two programs at once; makes the folders, and clears away what
 * killed programs left. A file that cannot be written is said once (QS_LOG_WARNING), nothing more.
 */
bool gpu_cache_write(const char *path, const void *head, size_t head_bytes, const void *data,
                     size_t bytes);

/* What else such a file's contents depend on: device, driver, shaders. */
enum { GPU_IDENTITY_BYTES = 96 };
void gpu_device_identity(const qs_device *device, char identity[GPU_IDENTITY_BYTES]);

/* ---- matrix units: not trusted before they were tried (program/matrix_trial.h) ------------- */

/* There are matrix units, and nobody has judged them. */
bool gpu_matrices_untried(const qs_device *device);
/* wrong: gpu_limits::matrix says from now on that there are none. */
void gpu_matrices_judge(qs_device *device, bool right);

/* ---- recording: once; submitted any number of times, also while still in flight ----------- */

typedef struct gpu_commands gpu_commands;

typedef struct gpu_dispatch {
    const gpu_pipeline *pipeline;
    const char *label; /* debug label */
    const void *push;
    uint32_t push_bytes;
    const gpu_slice *bindings; /* [the pipeline's binding count]; texel buffers: whole texels, at
                                  most gpu_limits::texel_elements */
    uint32_t binding_count;
    uint32_t groups[3];
} gpu_dispatch;

/* timestamp_count: how many gpu_record_timestamp slots the commands have, 0 for none. */
qs_status gpu_commands_create(qs_device *device, const char *name, uint32_t timestamp_count,
                              gpu_commands **commands);
/* Waits for the device if the commands may still be in flight. */
void gpu_commands_destroy(qs_device *device, gpu_commands *commands);

/* Opens with one full barrier (all earlier compute and transfer writes, host writes). Waits for the
 * device, and drops an earlier recording. */
qs_status gpu_record_begin(gpu_commands *commands);
void gpu_record_dispatch(gpu_commands *commands, const gpu_dispatch *dispatch);
void gpu_record_barrier(gpu_commands *commands); /* compute and transfer -> compute and transfer */
void gpu_record_copy(gpu_commands *commands, const gpu_slice *from, const gpu_slice *to);
void gpu_record_fill(gpu_commands *commands, const gpu_slice *to,
                     uint32_t value); /* to->size rounded up to 4 */
void gpu_record_timestamp(gpu_commands *commands, uint32_t slot);
/* What follows is another part: gpu_submit_parts may submit it apart, so that other work of the
 * queue comes in between. Not with timestamps. */
void gpu_record_cut(gpu_commands *commands);
/* Closes with a barrier to host reads. Returns what went wrong since gpu_record_begin, too. */
qs_status gpu_record_end(gpu_commands *commands);

/* ---- submission ---------------------------------------------------------------------------- */

/* *ticket: the timeline value that the submission signals; larger for later ones. */
qs_status gpu_submit(qs_device *device, const gpu_commands *commands, uint64_t *ticket);
/* The recording's parts (gpu_record_cut), at least one; the same for `count` of them. */
uint32_t gpu_commands_part_count(const gpu_commands *commands);
qs_status gpu_submit_parts(qs_device *device, const gpu_commands *commands, uint32_t first,
                           uint32_t count, uint64_t *ticket);
/* Submits and waits to the end. */
qs_status gpu_run(qs_device *device, const gpu_commands *commands);
/* How far the device is: every ticket <= *done has finished. QS_ERROR_DEVICE_LOST. */
qs_status gpu_poll(qs_device *device, uint64_t *done);
/* timeout_ms: UINT32_MAX waits to the end; otherwise QS_OK also when the time is up. The watchdog:
 * if nothing finishes for 60 s (on a software device: 20 minutes of the process's own computing), the
 * device is given up, and this, gpu_poll and every later call return QS_ERROR_DEVICE_LOST. */
qs_status gpu_wait(qs_device *device, uint64_t ticket, uint32_t timeout_ms);

/* After the commands' last submission has finished: ns[timestamp_count], nanoseconds since slot 0.
 * Every slot must have been recorded. */
qs_status gpu_commands_timestamps(qs_device *device, const gpu_commands *commands, double *ns);

#endif
