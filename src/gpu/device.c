#include "gpu/internal.h"

#include "gpu/driver_threads.h"

#include "core/debug.h"
#include "core/log.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    WATCHDOG_MS = 60 * 1000,
    WATCHDOG_CPU_MS =
        1200 * 1000, /* of computing: a software device is slow, nothing can hang it */
};

/* ---- creation ----------------------------------------------------------------------------- */

static uint32_t list_extensions(const gpu_physical *physical, bool window, const char *names[6])
{
    uint32_t count = 0;
    if (physical->info.push_descriptors)
        names[count++] = VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME;
    if (physical->memory_budget)
        names[count++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
    if (physical->portability_subset)
        names[count++] = "VK_KHR_portability_subset";
    if (window)
        names[count++] = VK_KHR_SWAPCHAIN_EXTENSION_NAME;
    if (physical->limits.matrix.m)
        names[count++] = GPU_MATRIX_EXTENSION_NAME;
    if (physical->limits.matrix.m && physical->full_subgroups)
        names[count++] = VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    return count;
}

/* vkCreateDevice; each worker of a software device gets a core. */
static VkResult create_with_threads(qs_device *device, const VkDeviceCreateInfo *info)
{
    const bool software = device->physical.info.type == QS_DEVICE_CPU;
    gpu_driver_threads threads;
    if (software)
        gpu_driver_threads_begin(&threads);
    const VkResult result =
        device->instance.vk.vkCreateDevice(device->physical.handle, info, NULL, &device->handle);
    if (software)
        gpu_driver_threads_end(&threads);
    return result;
}

static qs_status create_handle(qs_device *device, bool window)
{
    const gpu_physical *physical = &device->physical;
    const bool matrices = physical->limits.matrix.m > 0;
    const char *extensions[6];
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = physical->queue_family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT subgroups = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT,
        .subgroupSizeControl = VK_TRUE,
        .computeFullSubgroups = VK_TRUE,
    };
    gpu_matrix_features matrix_features;
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .pNext = matrices ? gpu_matrix_features_chain(&matrix_features,
                                                      physical->full_subgroups ? &subgroups : NULL)
                          : NULL,
        .timelineSemaphore = VK_TRUE,
        .shaderFloat16 = physical->limits.f16,
        .vulkanMemoryModel = matrices,
        .vulkanMemoryModelDeviceScope = matrices,
    };
    VkPhysicalDeviceVulkan11Features v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
        .pNext = &v12,
        .storageBuffer16BitAccess = physical->limits.f16,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &v11,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = list_extensions(physical, window, extensions),
        .ppEnabledExtensionNames = extensions,
    };
    const VkResult result = create_with_threads(device, &info);
    if (result != VK_SUCCESS)
        return gpu_error(device, result, "vkCreateDevice");
    gpu_functions_load_device(device->instance.handle, device->handle, &device->vk);
    device->vk.vkGetDeviceQueue(device->handle, physical->queue_family, 0, &device->queue);
    return QS_OK;
}

static qs_status create_objects(qs_device *device)
{
    qs_status status = QS_OK;
    const VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
        .queueFamilyIndex = device->physical.queue_family,
    };
    const VkSemaphoreTypeCreateInfo type = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    const VkSemaphoreCreateInfo semaphore = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                              .pNext = &type };
    VK(device, device->vk.vkCreateCommandPool(device->handle, &pool, NULL, &device->command_pool));
    VK(device, device->vk.vkCreateSemaphore(device->handle, &semaphore, NULL, &device->timeline));
    GPU_NAME(device, VK_OBJECT_TYPE_SEMAPHORE, device->timeline, "timeline");
    TRY(gpu_pipelines_init(device));
fail:
    return status;
}

static bool may_use_matrices(const qs_device *device, const qs_device_options *options)
{
    if (options->no_matrix || !SHADERS_WITH_MATRICES || device->physical.limits.matrix.m == 0)
        return false;
    if (!device->instance.matrices)
        log_line(QS_LOG_INFO, "the validation layer is too old for matrix units: they stay idle");
    return device->instance.matrices;
}

static qs_status open_device(qs_device *device, const gpu_physical *physical,
                             const qs_device_options *options)
{
    qs_status status = QS_OK;
    const bool window = options->instance_extension_count > 0;
    device->physical = *physical;
    if (window && !physical->swapchain)
        TRY(qs_error(QS_ERROR_DEVICE, "%s cannot show a window: no VK_KHR_swapchain",
                     physical->info.name));
    if (!may_use_matrices(device, options))
        device->physical.limits.matrix = (gpu_matrix){ 0 };
    device->memory_cap = debug_get()->memory_mib << 20;
    device->watchdog_ms = physical->info.type == QS_DEVICE_CPU ? WATCHDOG_CPU_MS : WATCHDOG_MS;
    TRY(create_handle(device, window));
    gpu_binder_choose(device);
    TRY(create_objects(device));
fail:
    return status;
}

static void close_device(qs_device *device)
{
    if (!device->handle)
        return;
    gpu_staging_finish(device);
    gpu_pipelines_finish(device);
    device->vk.vkDestroySemaphore(device->handle, device->timeline, NULL);
    device->vk.vkDestroyCommandPool(device->handle, device->command_pool, NULL);
    if (device->allocation_count > 0)
        log_line(QS_LOG_ERROR, "qs_device_destroy: %u buffers of its sessions are still there",
                 device->allocation_count);
    device->vk.vkDestroyDevice(device->handle, NULL);
    device->timeline = VK_NULL_HANDLE;
    device->command_pool = VK_NULL_HANDLE;
    device->handle = VK_NULL_HANDLE;
}

/* Where nobody asked for a certain device, one that fails costs a warning, and the next is taken.
 */
static qs_status open_best(qs_device *device, const qs_device_options *options)
{
    qs_status status = QS_OK;
    gpu_physical *list = NULL;
    size_t count, chosen;
    TRY(gpu_physical_list(&device->instance, &list, &count));
    TRY(gpu_physical_select(list, count, options->select, &chosen));
    while ((status = open_device(device, &list[chosen], options)) != QS_OK && !options->select) {
        log_line(QS_LOG_WARNING, "%s", qs_last_error());
        gpu_physical_unusable(&list[chosen], qs_last_error());
        close_device(device);
        device->state = GPU_ALIVE;
        TRY(gpu_physical_select(list, count, NULL, &chosen));
    }
fail:
    free(list);
    return status;
}

qs_status qs_device_create(const qs_device_options *options, qs_device **device)
{
    static const qs_device_options defaults;
    if (!device)
        return qs_error(QS_ERROR_USAGE, "qs_device_create: device is NULL");
    *device = NULL;
    if (!options)
        options = &defaults;
    if (options->instance_extension_count > 0 && !options->instance_extensions)
        return qs_error(QS_ERROR_USAGE, "qs_device_create: instance_extensions is NULL");
    qs_status status = QS_OK;
    qs_device *new = calloc(1, sizeof *new);
    if (!new)
        return qs_error(QS_ERROR_MEMORY, "no memory for a device");
    TRY(gpu_instance_init(&new->instance, options->instance_extensions,
                          options->instance_extension_count, true));
    TRY(open_best(new, options));
    const qs_device_info *info = &new->physical.info;
    log_line(QS_LOG_INFO, "device: %s (%s, driver %s)", info->name,
             gpu_device_type_name(info->type),
             info->driver_info[0] ? info->driver_info : info->driver_name);
    TRY(gpu_plant_missing_barrier(new));
    *device = new;
    return QS_OK;
fail:
    qs_device_destroy(new);
    return status;
}

/* ---- destruction -------------------------------------------------------------------------- */

/* A hung device runs for ever: its objects must stay, and so must what points to them. */
static void keep_hung(qs_device *device)
{
    static qs_device *hung;
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    device->next_hung = hung;
    hung = device;
    pthread_mutex_unlock(&mutex);
    log_line(QS_LOG_WARNING,
             "%s stopped answering: its memory is not given back before the "
             "program ends",
             device->physical.info.name);
}

void qs_device_destroy(qs_device *device)
{
    if (!device)
        return;
    if (device->handle && device->timeline)
        gpu_wait_all(device);
    if (device->state == GPU_HUNG) {
        keep_hung(device);
        return;
    }
    close_device(device);
    gpu_instance_finish(&device->instance);
    free(device);
}

/* ---- questions ---------------------------------------------------------------------------- */

void qs_device_get_info(const qs_device *device, qs_device_info *info)
{
    if (device && info)
        *info = device->physical.info;
}

uint64_t qs_device_validation_messages(const qs_device *device)
{
    return device ? atomic_load(&device->instance.messages) : 0;
}

void qs_device_get_vulkan(const qs_device *device, qs_vulkan_device *vulkan)
{
    if (!device || !vulkan)
        return;
    *vulkan = (qs_vulkan_device){
        .instance = device->instance.handle,
        .physical_device = device->physical.handle,
        .device = device->handle,
        .queue_family = device->physical.queue_family,
        .queue = device->queue,
        .api_version = VK_API_VERSION_1_2,
    };
}

const gpu_limits *gpu_device_limits(const qs_device *device)
{
    return &device->physical.limits;
}

uint32_t gpu_device_allocation_count(const qs_device *device)
{
    return device->allocation_count;
}
