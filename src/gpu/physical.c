/* What a physical device is and can. */
#include "gpu/internal.h"

#include "core/debug.h"
#include "core/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct extensions {
    bool push_descriptor, subgroup_size_control, cooperative_matrix;
};

static qs_device_type type_of(VkPhysicalDeviceType type)
{
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return QS_DEVICE_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return QS_DEVICE_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return QS_DEVICE_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return QS_DEVICE_CPU;
    default: return QS_DEVICE_OTHER;
    }
}

const char *gpu_device_type_name(qs_device_type type)
{
    switch (type) {
    case QS_DEVICE_DISCRETE: return "discrete";
    case QS_DEVICE_INTEGRATED: return "integrated";
    case QS_DEVICE_VIRTUAL: return "virtual";
    case QS_DEVICE_CPU: return "cpu";
    case QS_DEVICE_OTHER: break;
    }
    return "other";
}

void gpu_physical_unusable(gpu_physical *physical, const char *reason)
{
    qs_device_info *info = &physical->info;
    if (info->unusable_reason[0] == '\0')
        snprintf(info->unusable_reason, sizeof info->unusable_reason, "%s", reason);
    info->usable = false;
}

static qs_status read_extensions(const gpu_instance *instance, gpu_physical *physical,
                                 struct extensions *found)
{
    const struct {
        const char *name;
        bool *found;
    } wanted[] = {
        { VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME, &found->push_descriptor },
        { VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME, &found->subgroup_size_control },
        { GPU_MATRIX_EXTENSION_NAME, &found->cooperative_matrix },
        { VK_EXT_MEMORY_BUDGET_EXTENSION_NAME, &physical->memory_budget },
        { VK_KHR_SWAPCHAIN_EXTENSION_NAME, &physical->swapchain },
        { "VK_KHR_portability_subset", &physical->portability_subset },
    };
    qs_status status = QS_OK;
    VkExtensionProperties *list = NULL;
    uint32_t count = 0;
    VK(NULL,
       instance->vk.vkEnumerateDeviceExtensionProperties(physical->handle, NULL, &count, NULL));
    list = calloc(count + 1, sizeof *list);
    if (!list)
        TRY(qs_error(QS_ERROR_MEMORY, "no memory for %u device extensions", count));
    VK(NULL,
       instance->vk.vkEnumerateDeviceExtensionProperties(physical->handle, NULL, &count, list));
    for (uint32_t i = 0; i < count; i++)
        for (size_t w = 0; w < sizeof wanted / sizeof *wanted; w++)
            if (strcmp(list[i].extensionName, wanted[w].name) == 0)
                *wanted[w].found = true;
fail:
    free(list);
    return status;
}

static void copy_limits(const VkPhysicalDeviceLimits *from, gpu_physical *physical)
{
    gpu_limits *to = &physical->limits;
    to->storage_range_bytes = from->maxStorageBufferRange;
    to->workgroup_invocations = from->maxComputeWorkGroupInvocations;
    for (int i = 0; i < 2; i++)
        if (from->maxComputeWorkGroupSize[i] < to->workgroup_invocations)
            to->workgroup_invocations = from->maxComputeWorkGroupSize[i];
    to->shared_bytes = from->maxComputeSharedMemorySize;
    for (int i = 0; i < 3; i++)
        to->workgroup_count[i] = from->maxComputeWorkGroupCount[i];
    physical->timestamp_period = from->timestampPeriod;
    physical->storage_buffers_max = from->maxPerStageDescriptorStorageBuffers;
}

static void read_basics(const VkPhysicalDeviceProperties *from, gpu_physical *physical)
{
    qs_device_info *info = &physical->info;
    info->type = type_of(from->deviceType);
    info->api_version = from->apiVersion;
    snprintf(info->name, sizeof info->name, "%s", from->deviceName);
    physical->limits.cpu = info->type == QS_DEVICE_CPU;
    physical->vendor_id = from->vendorID;
    physical->device_id = from->deviceID;
    physical->driver_version = from->driverVersion;
    memcpy(physical->pipeline_cache_uuid, from->pipelineCacheUUID, VK_UUID_SIZE);
    copy_limits(&from->limits, physical);
}

static void read_properties(const gpu_instance *instance, const struct extensions *extensions,
                            gpu_physical *physical)
{
    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT
    };
    VkPhysicalDeviceVulkan12Properties v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES,
        .pNext = extensions->subgroup_size_control ? &sizes : NULL,
    };
    VkPhysicalDeviceVulkan11Properties v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &v12
    };
    VkPhysicalDeviceProperties2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                        .pNext = &v11 };
    instance->vk.vkGetPhysicalDeviceProperties2(physical->handle, &all);

    qs_device_info *info = &physical->info;
    snprintf(info->driver_name, sizeof info->driver_name, "%s", v12.driverName);
    snprintf(info->driver_info, sizeof info->driver_info, "%s", v12.driverInfo);
    memcpy(info->uuid, v11.deviceUUID, sizeof info->uuid);
    const bool ranged = sizes.minSubgroupSize > 0 && sizes.maxSubgroupSize > 0;
    info->subgroup_size = v11.subgroupSize;
    info->subgroup_size_min = ranged ? sizes.minSubgroupSize : v11.subgroupSize;
    info->subgroup_size_max = ranged ? sizes.maxSubgroupSize : v11.subgroupSize;
    physical->limits.subgroup_size = v11.subgroupSize;
    physical->subgroups_max = sizes.maxComputeWorkgroupSubgroups;
    physical->full_subgroups = sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT;
    physical->allocation_max = v11.maxMemoryAllocationSize;
    physical->dozen = v12.driverID == VK_DRIVER_ID_MESA_DOZEN;
    if (v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT)
        physical->subgroup_operations = v11.subgroupSupportedOperations;
}

static void read_features(const gpu_instance *instance, const struct extensions *extensions,
                          gpu_physical *physical)
{
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT
    };
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .pNext = extensions->subgroup_size_control ? &sizes : NULL,
    };
    VkPhysicalDeviceVulkan11Features v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &v12
    };
    VkPhysicalDeviceFeatures2 all = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                      .pNext = &v11 };
    instance->vk.vkGetPhysicalDeviceFeatures2(physical->handle, &all);
    qs_device_info *info = &physical->info;
    info->f16_storage = v11.storageBuffer16BitAccess;
    info->f16_arithmetic = v12.shaderFloat16;
    physical->limits.f16 = info->f16_storage && info->f16_arithmetic;
    physical->memory_model = v12.vulkanMemoryModel && v12.vulkanMemoryModelDeviceScope;
    physical->full_subgroups &= sizes.subgroupSizeControl && sizes.computeFullSubgroups;
    if (!v12.timelineSemaphore)
        gpu_physical_unusable(physical, "no timeline semaphores");
}

static void read_texels(const gpu_instance *instance, const VkPhysicalDeviceLimits *limits,
                        gpu_physical *physical)
{
    const VkFormat formats[] = { GPU_TEXEL_F32, GPU_TEXEL_F16 };
    physical->limits.texel_elements = limits->maxTexelBufferElements;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        VkFormatProperties format;
        instance->vk.vkGetPhysicalDeviceFormatProperties(physical->handle, formats[i], &format);
        if (!(format.bufferFeatures & VK_FORMAT_FEATURE_UNIFORM_TEXEL_BUFFER_BIT) ||
            limits->minTexelBufferOffsetAlignment > GPU_ALIGNMENT)
            physical->limits.texel_elements = 0;
    }
}

uint64_t gpu_heap_bytes(const gpu_physical *physical, const VkMemoryHeap *heap)
{
    if (physical->info.type != QS_DEVICE_CPU)
        return heap->size;
    const uint64_t host = host_memory_bytes();
    return host > heap->size ? host : heap->size;
}

static void read_memory(const gpu_instance *instance, gpu_physical *physical)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT
    };
    VkPhysicalDeviceMemoryProperties2 all = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
        .pNext = physical->memory_budget ? &budget : NULL,
    };
    instance->vk.vkGetPhysicalDeviceMemoryProperties2(physical->handle, &all);
    const VkPhysicalDeviceMemoryProperties *memory = &all.memoryProperties;
    for (uint32_t i = 0; i < memory->memoryHeapCount; i++) {
        const VkMemoryHeap *heap = &memory->memoryHeaps[i];
        const uint64_t size = gpu_heap_bytes(physical, heap);
        if (!(heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) || size <= physical->info.memory_bytes)
            continue;
        physical->info.memory_bytes = size;
        physical->limits.memory_bytes = budget.heapBudget[i] ? budget.heapBudget[i] : size;
    }
    if (memory->memoryTypeCount == 0 || physical->info.memory_bytes == 0)
        gpu_physical_unusable(physical, "it has no memory");
    const uint64_t pretended = debug_get()->memory_mib << 20;
    if (pretended && pretended < physical->limits.memory_bytes)
        physical->limits.memory_bytes = pretended;
    const uint64_t uploads = physical->limits.memory_bytes < STAGING_BYTES
                                 ? physical->limits.memory_bytes
                                 : STAGING_BYTES;
    physical->limits.memory_bytes -= uploads;
}

/* A family with graphics can present as well; without one, any that computes. */
static qs_status read_queues(const gpu_instance *instance, gpu_physical *physical)
{
    uint32_t count = 0;
    instance->vk.vkGetPhysicalDeviceQueueFamilyProperties(physical->handle, &count, NULL);
    VkQueueFamilyProperties *families = calloc(count + 1, sizeof *families);
    if (!families)
        return qs_error(QS_ERROR_MEMORY, "no memory for %u queue families", count);
    instance->vk.vkGetPhysicalDeviceQueueFamilyProperties(physical->handle, &count, families);
    uint32_t best = count;
    for (uint32_t i = 0; i < count; i++) {
        const VkQueueFlags flags = families[i].queueFlags;
        if (!(flags & VK_QUEUE_COMPUTE_BIT) || families[i].queueCount == 0)
            continue;
        if (best == count || ((flags & VK_QUEUE_GRAPHICS_BIT) &&
                              !(families[best].queueFlags & VK_QUEUE_GRAPHICS_BIT)))
            best = i;
    }
    if (best == count) {
        gpu_physical_unusable(physical, "no compute queue");
    } else {
        physical->queue_family = best;
        physical->timestamp_bits = families[best].timestampValidBits;
        physical->limits.timestamps =
            physical->timestamp_bits > 0 && physical->timestamp_period > 0;
        physical->info.timestamps = physical->limits.timestamps;
    }
    free(families);
    return QS_OK;
}

void gpu_fit_lanes(gpu_limits *limits)
{
    enum { LEAST = 4, MOST = 16 };
    const uint32_t size = limits->subgroup_size;
    if (!limits->cpu || (size >= LEAST && size <= MOST))
        return;
    limits->subgroup_size = size < LEAST ? LEAST : MOST;
    limits->shuffle = false;
}

/* Vulkan promises four. Only GPUs whose drivers end with Vulkan 1.1 are known to stop below 16
 * (https://github.com/gpuweb/gpuweb/issues/4235), so no shader is built a second time for them. */
static void refuse_few_buffers(gpu_physical *physical)
{
    char reason[sizeof physical->info.unusable_reason];
    snprintf(reason, sizeof reason, "a shader may bind %u storage buffers on it, %d are needed",
             physical->storage_buffers_max, SHADER_STORAGE_BUFFERS);
    if (physical->storage_buffers_max < SHADER_STORAGE_BUFFERS)
        gpu_physical_unusable(physical, reason);
}

qs_status gpu_physical_read(const gpu_instance *instance, VkPhysicalDevice handle,
                            gpu_physical *physical)
{
    qs_status status = QS_OK;
    VkPhysicalDeviceProperties basics;
    struct extensions extensions = { 0 };
    *physical = (gpu_physical){ .handle = handle, .info.usable = true };
    instance->vk.vkGetPhysicalDeviceProperties(handle, &basics);
    read_basics(&basics, physical);
    if (basics.apiVersion < VK_API_VERSION_1_2) { /* nothing below may be asked of it */
        gpu_physical_unusable(physical, "its driver is older than Vulkan 1.2");
        return QS_OK;
    }
    TRY(read_extensions(instance, physical, &extensions));
    read_properties(instance, &extensions, physical);
    read_features(instance, &extensions, physical);
    read_texels(instance, &basics.limits, physical);
    read_memory(instance, physical);
    TRY(read_queues(instance, physical));
    physical->info.push_descriptors = extensions.push_descriptor;
    TRY(gpu_lower_limits(physical, debug_get()->limits));
    refuse_few_buffers(physical);
    physical->limits.shuffle = physical->subgroup_operations & VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    gpu_fit_lanes(&physical->limits);
    if (extensions.cooperative_matrix)
        TRY(gpu_matrix_read(instance, physical));
fail:
    return status;
}
