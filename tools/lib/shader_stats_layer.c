/*
 * A Vulkan layer for tools/shader_stats: RADV's null device makes pipelines for a graphics card
 * that is not there, and can do nothing else. The layer gives it memory, semaphores and queries
 * that only look as if; commands and submissions do nothing. Every compute pipeline is made with
 * statistics, and when it gets its name, a line goes to the file $SHADER_STATS_FILE:
 *
 *     NAME<tab>CONSTANT,CONSTANT...<tab>STATISTIC=VALUE<tab>STATISTIC=VALUE...
 *
 * For one device at a time, of a program that names its pipelines (QUICKSTEP_DEBUG=labels).
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer_link.h"

static VkInstance instance;
static uint64_t timeline; /* the only semaphore's value */

/* ---- statistics --------------------------------------------------------------------------- */

enum { STATISTICS_MAX = 64, CONSTANTS_MAX = 16 };

struct made {
    struct made *next;
    VkPipeline pipeline;
    uint32_t count, constants[CONSTANTS_MAX];
};
static struct made *all_made;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void note_constants(VkPipeline pipeline, const VkSpecializationInfo *info)
{
    struct made *made = calloc(1, sizeof *made);
    if (!made)
        abort();
    made->pipeline = pipeline;
    made->count = info && info->mapEntryCount <= CONSTANTS_MAX ? info->mapEntryCount : 0;
    if (made->count)
        memcpy(made->constants, info->pData, made->count * sizeof *made->constants);
    pthread_mutex_lock(&mutex);
    made->next = all_made;
    all_made = made;
    pthread_mutex_unlock(&mutex);
}

static VKAPI_ATTR VkResult VKAPI_CALL create_pipelines(VkDevice device, VkPipelineCache cache,
                                                       uint32_t count,
                                                       const VkComputePipelineCreateInfo *infos,
                                                       const VkAllocationCallbacks *allocator,
                                                       VkPipeline *pipelines)
{
    const PFN_vkCreateComputePipelines create =
        (PFN_vkCreateComputePipelines)layer_next_device(device, "vkCreateComputePipelines");
    (void)cache; /* every pipeline is compiled */
    for (uint32_t i = 0; i < count; i++) {
        VkComputePipelineCreateInfo info = infos[i];
        info.flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
        const VkResult result = create(device, VK_NULL_HANDLE, 1, &info, allocator, &pipelines[i]);
        if (result != VK_SUCCESS)
            return result;
        note_constants(pipelines[i], info.stage.pSpecializationInfo);
    }
    return VK_SUCCESS;
}

static void print_value(FILE *file, const VkPipelineExecutableStatisticKHR *s)
{
    if (s->format == VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR)
        fprintf(file, "\t%s=%g", s->name, s->value.f64);
    else
        fprintf(file, "\t%s=%" PRIu64, s->name, s->value.u64);
}

static void print_statistics(FILE *file, VkDevice device, VkPipeline pipeline)
{
    const PFN_vkGetPipelineExecutableStatisticsKHR get =
        (PFN_vkGetPipelineExecutableStatisticsKHR)layer_next_device(
            device, "vkGetPipelineExecutableStatisticsKHR");
    VkPipelineExecutableStatisticKHR statistics[STATISTICS_MAX];
    const VkPipelineExecutableInfoKHR executable = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = pipeline
    };
    uint32_t count = STATISTICS_MAX;
    memset(statistics, 0, sizeof statistics);
    for (uint32_t i = 0; i < count; i++)
        statistics[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    if (!get || get(device, &executable, &count, statistics) != VK_SUCCESS)
        return;
    for (uint32_t i = 0; i < count; i++)
        print_value(file, &statistics[i]);
}

static VKAPI_ATTR VkResult VKAPI_CALL set_name(VkDevice device,
                                               const VkDebugUtilsObjectNameInfoEXT *info)
{
    const char *path = getenv("SHADER_STATS_FILE");
    if (info->objectType != VK_OBJECT_TYPE_PIPELINE || !path)
        return VK_SUCCESS;
    pthread_mutex_lock(&mutex);
    FILE *file = fopen(path, "a");
    for (const struct made *m = all_made; file && m; m = m->next) {
        if ((uint64_t)m->pipeline != info->objectHandle)
            continue;
        fprintf(file, "%s\t", info->pObjectName);
        for (uint32_t i = 0; i < m->count; i++)
            fprintf(file, "%s%" PRIu32, i ? "," : "", m->constants[i]);
        print_statistics(file, device, m->pipeline);
        fputc('\n', file);
        break;
    }
    if (file)
        fclose(file);
    pthread_mutex_unlock(&mutex);
    return VK_SUCCESS;
}

/* ---- memory that is only the host's ------------------------------------------------------- */

static VKAPI_ATTR void VKAPI_CALL memory_properties(VkPhysicalDevice device,
                                                    VkPhysicalDeviceMemoryProperties2 *properties)
{
    (void)device;
    VkPhysicalDeviceMemoryProperties *p = &properties->memoryProperties;
    *p = (VkPhysicalDeviceMemoryProperties){ .memoryTypeCount = 1, .memoryHeapCount = 1 };
    p->memoryHeaps[0] = (VkMemoryHeap){ (VkDeviceSize)64 << 30, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT };
    p->memoryTypes[0].propertyFlags =
        VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
        VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
}

static VKAPI_ATTR void VKAPI_CALL buffer_needs(VkDevice device, VkBuffer buffer,
                                               VkMemoryRequirements *needs)
{
    const PFN_vkGetBufferMemoryRequirements get =
        (PFN_vkGetBufferMemoryRequirements)layer_next_device(device,
                                                             "vkGetBufferMemoryRequirements");
    get(device, buffer, needs);
    needs->memoryTypeBits = 1;
}

static VKAPI_ATTR VkResult VKAPI_CALL allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                                               const VkAllocationCallbacks *allocator,
                                               VkDeviceMemory *memory)
{
    (void)device, (void)allocator;
    void *bytes = calloc(1, info->allocationSize); /* untouched pages cost nothing */
    *memory = (VkDeviceMemory)bytes;
    return bytes ? VK_SUCCESS : VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

static VKAPI_ATTR void VKAPI_CALL release(VkDevice device, VkDeviceMemory memory,
                                          const VkAllocationCallbacks *allocator)
{
    (void)device, (void)allocator;
    free((void *)memory);
}

static VKAPI_ATTR VkResult VKAPI_CALL map(VkDevice device, VkDeviceMemory memory,
                                          VkDeviceSize offset, VkDeviceSize size,
                                          VkMemoryMapFlags flags, void **data)
{
    (void)device, (void)size, (void)flags;
    *data = (char *)memory + offset;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL bind(VkDevice device, VkBuffer buffer, VkDeviceMemory memory,
                                           VkDeviceSize offset)
{
    (void)device, (void)buffer, (void)memory, (void)offset;
    return VK_SUCCESS;
}

/* ---- what only looks as if ---------------------------------------------------------------- */

/* vkCreateSemaphore, vkCreateQueryPool, vkCreateBufferView */
static VKAPI_ATTR VkResult VKAPI_CALL create_nothing(VkDevice device, const void *info,
                                                     const VkAllocationCallbacks *allocator,
                                                     uint64_t *handle)
{
    (void)device, (void)info, (void)allocator;
    *handle = 1;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL submit(VkQueue queue, uint32_t count,
                                             const VkSubmitInfo *infos, VkFence fence)
{
    (void)queue, (void)fence;
    for (uint32_t i = 0; i < count; i++)
        for (const VkBaseInStructure *s = infos[i].pNext; s; s = s->pNext) {
            const VkTimelineSemaphoreSubmitInfo *values = (const void *)s;
            if (s->sType == VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO &&
                values->signalSemaphoreValueCount > 0)
                timeline = values->pSignalSemaphoreValues[0];
        }
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL counter(VkDevice device, VkSemaphore semaphore,
                                              uint64_t *value)
{
    (void)device, (void)semaphore;
    *value = timeline;
    return VK_SUCCESS;
}

/* Times that grow, for programs that divide by their differences. */
static VKAPI_ATTR VkResult VKAPI_CALL query_results(VkDevice device, VkQueryPool pool,
                                                    uint32_t first, uint32_t count, size_t size,
                                                    void *data, VkDeviceSize stride,
                                                    VkQueryResultFlags flags)
{
    (void)device, (void)pool, (void)size, (void)flags;
    for (uint32_t i = 0; i < count; i++)
        *(uint64_t *)((char *)data + i * stride) = (first + i + 1) * UINT64_C(1000000);
    return VK_SUCCESS;
}

/* A call that does nothing: its arguments are the caller's to clean up on every ABI that RADV has.
 */
static VKAPI_ATTR VkResult VKAPI_CALL nothing(void)
{
    return VK_SUCCESS;
}

/* ---- the chain ---------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator,
                                                      VkInstance *created)
{
    const VkResult result = layer_create_instance(info, allocator, created);
    if (result == VK_SUCCESS)
        instance = *created;
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical,
                                                    const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkDevice *device)
{
    enum { EXTENSIONS_MAX = 32 };
    if (info->enabledExtensionCount >= EXTENSIONS_MAX)
        return VK_ERROR_INITIALIZATION_FAILED;
    const char *extensions[EXTENSIONS_MAX];
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
        .pNext = (void *)info->pNext,
        .pipelineExecutableInfo = VK_TRUE,
    };
    VkDeviceCreateInfo more = *info;
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++)
        extensions[i] = info->ppEnabledExtensionNames[i];
    extensions[more.enabledExtensionCount++] = VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME;
    more.ppEnabledExtensionNames = extensions;
    more.pNext = &features;
    timeline = 0;
    return layer_create_device(instance, physical, &more, allocator, device);
}

static PFN_vkVoidFunction layer_own(const char *name)
{
    static const char *const empty[] = {
        "vkBeginCommandBuffer",
        "vkEndCommandBuffer",
        "vkCmdBindPipeline",
        "vkCmdPushConstants",
        "vkCmdDispatch",
        "vkCmdPipelineBarrier",
        "vkCmdCopyBuffer",
        "vkCmdFillBuffer",
        "vkCmdWriteTimestamp",
        "vkCmdResetQueryPool",
        "vkCmdBindDescriptorSets",
        "vkCmdPushDescriptorSetKHR",
        "vkCmdBeginDebugUtilsLabelEXT",
        "vkCmdEndDebugUtilsLabelEXT",
        "vkWaitSemaphores",
        "vkDestroySemaphore",
        "vkDestroyQueryPool",
        "vkDestroyBufferView",
        "vkFreeCommandBuffers",
        "vkDestroyCommandPool",
    };
    static const struct {
        const char *name;
        PFN_vkVoidFunction function;
    } own[] = {
        { "vkCreateInstance", (PFN_vkVoidFunction)create_instance },
        { "vkCreateDevice", (PFN_vkVoidFunction)create_device },
        { "vkGetPhysicalDeviceMemoryProperties2", (PFN_vkVoidFunction)memory_properties },
        { "vkCreateComputePipelines", (PFN_vkVoidFunction)create_pipelines },
        { "vkSetDebugUtilsObjectNameEXT", (PFN_vkVoidFunction)set_name },
        { "vkGetBufferMemoryRequirements", (PFN_vkVoidFunction)buffer_needs },
        { "vkAllocateMemory", (PFN_vkVoidFunction)allocate },
        { "vkFreeMemory", (PFN_vkVoidFunction)release },
        { "vkMapMemory", (PFN_vkVoidFunction)map },
        { "vkBindBufferMemory", (PFN_vkVoidFunction)bind },
        { "vkCreateSemaphore", (PFN_vkVoidFunction)create_nothing },
        { "vkCreateQueryPool", (PFN_vkVoidFunction)create_nothing },
        { "vkCreateBufferView", (PFN_vkVoidFunction)create_nothing },
        { "vkQueueSubmit", (PFN_vkVoidFunction)submit },
        { "vkGetSemaphoreCounterValue", (PFN_vkVoidFunction)counter },
        { "vkGetQueryPoolResults", (PFN_vkVoidFunction)query_results },
    };
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        if (strcmp(empty[i], name) == 0)
            return (PFN_vkVoidFunction)nothing;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(own[i].name, name) == 0)
            return own[i].function;
    return NULL;
}
