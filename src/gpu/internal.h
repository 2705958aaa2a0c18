/* What the files of src/gpu share. No other layer includes it (tests may). */
#ifndef QS_GPU_INTERNAL_H
#define QS_GPU_INTERNAL_H

#include "gpu/functions.h" /* first: volk wants no prototypes from the Vulkan headers */

#include "gpu/gpu.h"

#include <quickstep/vulkan.h>

#include <stdatomic.h>

/* ---- results ----------------------------------------------------------------------------- */

/* Maps a VkResult other than VK_SUCCESS; the message names the function in `call`, and the device.
 * A device (NULL for calls without one) that is lost stays lost. */
qs_status gpu_error(qs_device *device, VkResult result, const char *call);

/* Like TRY, for a call that returns VkResult. */
#define VK(device, call)                                                                           \
    do {                                                                                           \
        const VkResult result_ = (call);                                                           \
        if (result_ != VK_SUCCESS) {                                                               \
            status = gpu_error(device, result_, #call);                                            \
            goto fail;                                                                             \
        }                                                                                          \
    } while (0)

/* ---- instance ---------------------------------------------------------------------------- */

typedef struct gpu_instance {
    VkInstance handle;
    struct gpu_instance_functions vk;
    VkDebugUtilsMessengerEXT messenger;
    bool debug_utils;              /* names and labels are wanted and possible */
    bool matrices;                 /* no validation layer stands in their way */
    atomic_uint_fast64_t messages; /* of the validation layer */
    atomic_bool planted;           /* what it says now was provoked: not to be counted or logged */
    atomic_uint_fast64_t planted_messages;
} gpu_instance;

/* debug: obey QUICKSTEP_DEBUG. A zero-initialised instance may be finished. */
qs_status gpu_instance_init(gpu_instance *instance, const char *const *extensions,
                            uint32_t extension_count, bool debug);
void gpu_instance_finish(gpu_instance *instance);

/* Fills in the debug messenger's wishes; its messages go to the log and are counted. */
VkDebugUtilsMessengerCreateInfoEXT gpu_messenger_info(gpu_instance *instance);

/* The loader (1.4.309) looks for the device of vkSetDebugUtilsObjectNameEXT in its lists of all
 * instances and their drivers, without its own lock; vkCreateInstance, vkEnumeratePhysicalDevices
 * and vkDestroyInstance of another thread change them: it crashes. So one at a time. */
void gpu_lock_loader_lists(void);
void gpu_unlock_loader_lists(void);

/* QS_ERROR_DEVICE that says why there is no device: no driver, or what is the matter with each. */
qs_status gpu_no_device(void);

/* ---- physical devices --------------------------------------------------------------------- */

typedef struct gpu_physical {
    VkPhysicalDevice handle;
    qs_device_info info;
    gpu_limits limits;
    uint32_t queue_family, timestamp_bits;
    float timestamp_period; /* nanoseconds per tick */
    bool dozen;             /* Vulkan on Direct3D 12: behind a native driver of the same type */
    bool memory_budget, swapchain, portability_subset;
    bool full_subgroups;    /* VK_EXT_subgroup_size_control: size and fullness can be asked for */
    uint32_t subgroups_max; /* of a workgroup whose subgroup size is asked for */
    bool memory_model;      /* vulkanMemoryModel, with device scope: atomics need that, too */
    uint32_t vendor_id, device_id, driver_version;
    uint8_t pipeline_cache_uuid[16];
    uint32_t storage_buffers_max; /* maxPerStageDescriptorStorageBuffers */
    uint64_t allocation_max;      /* maxMemoryAllocationSize */
    VkSubgroupFeatureFlags subgroup_operations;
} gpu_physical;

qs_status gpu_physical_read(const gpu_instance *instance, VkPhysicalDevice handle,
                            gpu_physical *physical);

/* The first reason counts. */
void gpu_physical_unusable(gpu_physical *physical, const char *reason);

/* Tiles of a software device are as wide as its subgroups, from 4 lanes (a grid of fewer ends at
 * pictures of 512 x 512) to 16 (more sums than a core's registers, and reads past packed weights).
 * Subgroups of another size get the nearest of these, and no shuffles. */
void gpu_fit_lanes(gpu_limits *limits);

/* words: of QUICKSTEP_DEBUG=limits=..., or NULL. QS_ERROR_USAGE names one that is unknown. */
qs_status gpu_lower_limits(gpu_physical *physical, const char *words);

/* All of them, without duplicates, at least one; to be freed. */
qs_status gpu_physical_list(const gpu_instance *instance, gpu_physical **list, size_t *count);

/* The device that qs_device_options::select means, of at least one. */
qs_status gpu_physical_select(const gpu_physical *list, size_t count, const char *select,
                              size_t *chosen);
const char *gpu_device_type_name(qs_device_type type);

/* The heap's size; a software device's is the host's memory, whatever constant its driver names
 * (lavapipe of Mesa 22.3: 2 GiB). */
uint64_t gpu_heap_bytes(const gpu_physical *physical, const VkMemoryHeap *heap);

/* VK_KHR_cooperative_matrix: the shapes that a subgroup multiplies into info, and the one that the
 * shaders are to use into limits. */
qs_status gpu_matrix_read(const gpu_instance *instance, gpu_physical *physical);
#define GPU_MATRIX_EXTENSION_NAME "VK_KHR_cooperative_matrix"
/* For VkDeviceCreateInfo::pNext; *storage holds it. */
typedef struct gpu_matrix_features {
    VkStructureType type;
    void *next;
    VkBool32 cooperative_matrix, robust_buffer_access;
} gpu_matrix_features;
void *gpu_matrix_features_chain(gpu_matrix_features *storage, void *next);

/* ---- the device --------------------------------------------------------------------------- */

struct gpu_pipeline {
    VkPipeline vk;
    VkPipelineLayout layout;
    uint32_t binding_count;
    uint64_t hash;
    enum shader_id shader;
    uint32_t constant_count, constants[GPU_CONSTANTS_MAX];
};

/* A vector of four elements, as a texel buffer holds it. */
#define GPU_TEXEL_F32 VK_FORMAT_R32G32B32A32_SFLOAT
#define GPU_TEXEL_F16 VK_FORMAT_R32G32_UINT /* of two words with two halves each */

typedef struct gpu_layout {
    VkDescriptorSetLayout set;
    VkPipelineLayout vk;
} gpu_layout;

typedef struct gpu_pipelines {
    VkPipelineCache cache;
    size_t cache_loaded_bytes; /* the payload that came from the file */
    gpu_layout layouts[SHADER_COUNT];
    gpu_pipeline **slots; /* open addressing; slot_count is a power of two or 0 */
    size_t slot_count, used;
} gpu_pipelines;

enum {
    STAGING_CHUNK_COUNT = 4,
    STAGING_CHUNK_BYTES = 4 << 20,
    STAGING_BYTES = STAGING_CHUNK_COUNT * STAGING_CHUNK_BYTES
};

typedef struct gpu_staging {
    gpu_buffer buffer;
    struct staging_chunk {
        VkCommandBuffer commands;
        uint64_t ticket; /* its last submission */
    } chunks[STAGING_CHUNK_COUNT];
    uint32_t current;
    uint64_t used; /* of the current chunk */
    bool recording;
} gpu_staging;

enum gpu_state {
    GPU_ALIVE,
    GPU_LOST, /* the driver said so: objects can still be destroyed */
    GPU_HUNG, /* the watchdog said so: objects are in use for ever and are left alone */
};

/* Where a recording's descriptor sets live, on a device without push descriptors. */
typedef struct gpu_descriptors {
    VkDescriptorPool *pools; /* full from the first on */
    uint32_t pool_count, set_count;
} gpu_descriptors;

/* How a dispatch's buffers are bound: descriptors.c. */
typedef struct gpu_binder {
    /* writes[pipeline->binding_count]; their dstSet is the binder's to fill in */
    qs_status (*bind)(qs_device *device, gpu_descriptors *descriptors, VkCommandBuffer commands,
                      const gpu_pipeline *pipeline, VkWriteDescriptorSet *writes);
    VkDescriptorSetLayoutCreateFlags layout_flags;
} gpu_binder;

void gpu_binder_choose(qs_device *device);
/* Before another recording: the sets of the last one are gone. */
qs_status gpu_descriptors_reset(qs_device *device, gpu_descriptors *descriptors);
void gpu_descriptors_finish(qs_device *device, gpu_descriptors *descriptors);

struct qs_device {
    gpu_instance instance;
    gpu_physical physical;
    VkDevice handle;
    struct VolkDeviceTable vk;
    VkQueue queue;
    VkCommandPool command_pool;
    VkSemaphore timeline;
    enum gpu_state state;
    uint64_t last_ticket, done_ticket; /* submitted; known to have finished */
    uint64_t looked_ns; /* when the watchdog last looked, by its clock, or work came to an idle device */
    uint64_t silent_ns; /* since done_ticket grew, of the time that it was looked at */
    uint32_t watchdog_ms;
    uint64_t heap_allocated[VK_MAX_MEMORY_HEAPS];
    uint64_t memory_cap; /* tests: pretend that every heap has this size; 0: no */
    uint32_t allocation_count;
    bool matrices_tried;
    qs_prepare_fn prepare; /* who is told how far that is, or NULL */
    void *prepare_user;
    double told_ms; /* when he was told last */
    gpu_binder binder;
    gpu_pipelines pipelines;
    gpu_staging staging;
    qs_device *next_hung;
};

/* How far something is that takes long, to whoever wants to know; not more often than he can see.
 */
void gpu_tell_prepared(qs_device *device, uint32_t done, uint32_t total);

/* QS_OK, or the error of a device that was lost earlier. */
qs_status gpu_check_alive(const qs_device *device);

/* ---- submission, recording ---------------------------------------------------------------- */

qs_status gpu_submit_commands(qs_device *device, const VkCommandBuffer *commands, uint32_t count,
                              uint64_t *ticket);
/* Everything that was submitted, uploads included. Objects may be destroyed afterwards, unless
 * the device hangs. */
qs_status gpu_wait_all(qs_device *device);
void gpu_buffer_free(qs_device *device, gpu_buffer *buffer); /* which the device does not use */
qs_status gpu_command_buffer_create(qs_device *device, VkCommandBuffer *commands);

typedef enum gpu_barrier {
    GPU_BARRIER_OPEN,  /* all earlier compute, transfer, host -> compute, transfer */
    GPU_BARRIER_INNER, /* compute, transfer -> compute, transfer */
    GPU_BARRIER_CLOSE, /* compute, transfer -> the same and host reads */
} gpu_barrier;
void gpu_barrier_record(const qs_device *device, VkCommandBuffer commands, gpu_barrier kind);

/* With QUICKSTEP_DEBUG=sync: a warning if the validation layer does not see one. */
qs_status gpu_plant_missing_barrier(qs_device *device);

void gpu_staging_finish(qs_device *device); /* when the device is idle */

/* ---- pipelines ---------------------------------------------------------------------------- */

qs_status gpu_pipelines_init(qs_device *device);
void gpu_pipelines_finish(qs_device *device);

/* Equal shader and constants: a key is a pipeline without handles. */
gpu_pipeline gpu_pipeline_key_of(enum shader_id shader, const uint32_t *constants, uint32_t count);
bool gpu_pipeline_same(const gpu_pipeline *a, const gpu_pipeline *b);
gpu_pipeline *gpu_pipeline_find(const qs_device *device, const gpu_pipeline *key); /* or NULL */
void gpu_pipeline_destroy(qs_device *device, gpu_pipeline *pipeline);

/* A pipeline on its way: begun and finished by the device's thread, run by any. */
typedef struct gpu_compilation {
    gpu_pipeline *pipeline; /* NULL: it is in the table */
    VkResult result;
    const char *call; /* what gave the result */
    double ms;
} gpu_compilation;
/* c->pipeline is to be destroyed unless finish succeeds. */
qs_status gpu_compilation_begin(qs_device *device, const gpu_pipeline *key, gpu_compilation *c);
void gpu_compilation_run(const qs_device *device, gpu_compilation *c);
qs_status gpu_compilation_finish(qs_device *device, gpu_compilation *c); /* into the table */

/* The pipeline cache's file. Loading never fails because of the file: what does not fit is a
 * miss. NULL: no file for this user. */
char *gpu_cache_path(const gpu_physical *physical);
/* To be freed; NULL: this user has none. *fault: NULL, or why it must not be used. */
char *gpu_cache_folder(const char **fault);
void *gpu_cache_load(const gpu_physical *physical, const char *path, size_t *size);
void gpu_cache_save(const gpu_physical *physical, const char *path, const void *data, size_t size);

/* ---- debug names -------------------------------------------------------------------------- */

void gpu_name(const qs_device *device, VkObjectType type, uint64_t handle, const char *name);
void gpu_label_begin(const qs_device *device, VkCommandBuffer commands, const char *label);
void gpu_label_end(const qs_device *device, VkCommandBuffer commands);
/* Handles are pointers or integers, depending on the machine. */
#define GPU_NAME(device, type, handle, name) gpu_name(device, type, (uint64_t)(handle), name)

#endif
