/*
 * A Vulkan layer that makes one call fail: call number $FAULT_CALL (from 1) of the function
 * $FAULT_FUNCTION, which is one of those below that may fail by the specification, returns one of
 * the errors that are allowed to it, number $FAULT_ERROR (from 0), and does nothing. A lost device
 * has come to its end and stays lost: everything after it that may say so says so.
 *
 * To $FAULT_LOG goes a line "NUMBER NAME ERRORS" a call, and "failed NUMBER NAME RESULT".
 *
 * One instance and one device at a time.
 */
#include "../harness/layer_link.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static VkInstance instance;

/* ---- which call fails --------------------------------------------------------------------- */

#define HOST VK_ERROR_OUT_OF_HOST_MEMORY
#define MEMORY HOST, VK_ERROR_OUT_OF_DEVICE_MEMORY
#define LOST MEMORY, VK_ERROR_DEVICE_LOST /* the last one of those that may say so */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool lost;
static VkDevice device;
static PFN_vkDeviceWaitIdle real_vkDeviceWaitIdle;

static unsigned long number_of(const char *variable)
{
    const char *text = getenv(variable);
    return text ? strtoul(text, NULL, 10) : 0;
}

static void note(const char *format, unsigned long call, const char *name, int value)
{
    const char *path = getenv("FAULT_LOG");
    FILE *log = path ? fopen(path, "a") : NULL;
    if (!log)
        return;
    fprintf(log, format, call, name, value);
    fclose(log);
}

/* VK_SUCCESS: the real one is to be called. calls: of this function so far. */
static VkResult fault(const char *name, unsigned long *calls, const VkResult *errors,
                      unsigned count)
{
    const char *wanted = getenv("FAULT_FUNCTION");
    const unsigned long error = number_of("FAULT_ERROR");
    VkResult result = VK_SUCCESS;
    pthread_mutex_lock(&mutex);
    ++*calls;
    note("%lu %s %d\n", *calls, name, (int)count);
    if (lost && errors[count - 1] == VK_ERROR_DEVICE_LOST)
        result = VK_ERROR_DEVICE_LOST;
    if (wanted && strcmp(name, wanted) == 0 && *calls == number_of("FAULT_CALL")) {
        result = errors[error < count ? error : count - 1];
        note("failed %lu %s %d\n", *calls, name, (int)result);
        if (getenv("FAULT_HANGS"))
            for (unsigned left = 60; left;) /* signals cut it short */
                left = sleep(left);
        lost = result == VK_ERROR_DEVICE_LOST;
        if (lost && device)
            real_vkDeviceWaitIdle(device);
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

/* FUNCTION(name, parameters, arguments, errors): the function, or a fault. The real ones are asked
 * for once, when the instance and the device are made: later the loader would answer with ours. */
#define FUNCTION(name, parameters, arguments, ...)                                                 \
    static PFN_##name real_##name;                                                                 \
    static VKAPI_ATTR VkResult VKAPI_CALL faulty_##name parameters                                 \
    {                                                                                              \
        static const VkResult errors[] = { __VA_ARGS__ };                                          \
        static unsigned long calls;                                                                \
        const VkResult result = fault(#name, &calls, errors, sizeof errors / sizeof *errors);      \
        if (result != VK_SUCCESS)                                                                  \
            return result;                                                                         \
        return real_##name arguments;                                                              \
    }

/* vkCreateX(device, info, allocator, object) */
#define CREATE(name, object, ...)                                                                  \
    FUNCTION(vkCreate##name,                                                                       \
             (VkDevice d, const Vk##name##CreateInfo *info, const VkAllocationCallbacks *a,        \
              object *made),                                                                       \
             (d, info, a, made), __VA_ARGS__)

FUNCTION(vkEnumeratePhysicalDevices, (VkInstance i, uint32_t *count, VkPhysicalDevice *p),
         (i, count, p), MEMORY, VK_ERROR_INITIALIZATION_FAILED)
FUNCTION(vkEnumerateDeviceExtensionProperties,
         (VkPhysicalDevice p, const char *layer, uint32_t *count, VkExtensionProperties *e),
         (p, layer, count, e), MEMORY)
CREATE(Buffer, VkBuffer, MEMORY)
CREATE(BufferView, VkBufferView, MEMORY)
CREATE(ShaderModule, VkShaderModule, MEMORY)
CREATE(DescriptorSetLayout, VkDescriptorSetLayout, MEMORY)
CREATE(PipelineLayout, VkPipelineLayout, MEMORY)
CREATE(PipelineCache, VkPipelineCache, MEMORY)
CREATE(CommandPool, VkCommandPool, MEMORY)
CREATE(Semaphore, VkSemaphore, MEMORY)
CREATE(QueryPool, VkQueryPool, MEMORY)
FUNCTION(vkCreateComputePipelines,
         (VkDevice d, VkPipelineCache cache, uint32_t count,
          const VkComputePipelineCreateInfo *infos, const VkAllocationCallbacks *a,
          VkPipeline *made),
         (d, cache, count, infos, a, made), MEMORY)
FUNCTION(vkAllocateMemory,
         (VkDevice d, const VkMemoryAllocateInfo *info, const VkAllocationCallbacks *a,
          VkDeviceMemory *made),
         (d, info, a, made), MEMORY, VK_ERROR_TOO_MANY_OBJECTS)
FUNCTION(vkBindBufferMemory,
         (VkDevice d, VkBuffer buffer, VkDeviceMemory memory, VkDeviceSize offset),
         (d, buffer, memory, offset), MEMORY)
FUNCTION(vkMapMemory,
         (VkDevice d, VkDeviceMemory memory, VkDeviceSize offset, VkDeviceSize size,
          VkMemoryMapFlags flags, void **data),
         (d, memory, offset, size, flags, data), MEMORY, VK_ERROR_MEMORY_MAP_FAILED)
FUNCTION(vkAllocateCommandBuffers,
         (VkDevice d, const VkCommandBufferAllocateInfo *info, VkCommandBuffer *made),
         (d, info, made), MEMORY)
FUNCTION(vkGetPipelineCacheData, (VkDevice d, VkPipelineCache cache, size_t *size, void *data),
         (d, cache, size, data), MEMORY)
FUNCTION(vkGetSemaphoreCounterValue, (VkDevice d, VkSemaphore s, uint64_t *value), (d, s, value),
         LOST)
FUNCTION(vkWaitSemaphores, (VkDevice d, const VkSemaphoreWaitInfo *info, uint64_t timeout),
         (d, info, timeout), LOST)
FUNCTION(vkGetQueryPoolResults,
         (VkDevice d, VkQueryPool pool, uint32_t first, uint32_t count, size_t size, void *data,
          VkDeviceSize stride, VkQueryResultFlags flags),
         (d, pool, first, count, size, data, stride, flags), LOST)
FUNCTION(vkBeginCommandBuffer, (VkCommandBuffer c, const VkCommandBufferBeginInfo *info), (c, info),
         MEMORY)
FUNCTION(vkEndCommandBuffer, (VkCommandBuffer c), (c), MEMORY)
FUNCTION(vkQueueSubmit, (VkQueue q, uint32_t count, const VkSubmitInfo *infos, VkFence fence),
         (q, count, infos, fence), LOST)
FUNCTION(vkQueueWaitIdle, (VkQueue q), (q), LOST)
FUNCTION(vkFlushMappedMemoryRanges, (VkDevice d, uint32_t count, const VkMappedMemoryRange *ranges),
         (d, count, ranges), MEMORY)
FUNCTION(vkInvalidateMappedMemoryRanges,
         (VkDevice d, uint32_t count, const VkMappedMemoryRange *ranges), (d, count, ranges),
         MEMORY)
CREATE(DescriptorPool, VkDescriptorPool, MEMORY)
FUNCTION(vkAllocateDescriptorSets,
         (VkDevice d, const VkDescriptorSetAllocateInfo *info, VkDescriptorSet *sets),
         (d, info, sets), MEMORY, VK_ERROR_FRAGMENTED_POOL, VK_ERROR_OUT_OF_POOL_MEMORY)

/* a window's */
CREATE(Image, VkImage, MEMORY)
CREATE(ImageView, VkImageView, MEMORY)
CREATE(Sampler, VkSampler, MEMORY)
CREATE(RenderPass, VkRenderPass, MEMORY)
CREATE(Framebuffer, VkFramebuffer, MEMORY)
CREATE(Fence, VkFence, MEMORY)
FUNCTION(vkBindImageMemory, (VkDevice d, VkImage image, VkDeviceMemory memory, VkDeviceSize offset),
         (d, image, memory, offset), MEMORY)
FUNCTION(vkCreateGraphicsPipelines,
         (VkDevice d, VkPipelineCache cache, uint32_t count,
          const VkGraphicsPipelineCreateInfo *infos, const VkAllocationCallbacks *a,
          VkPipeline *made),
         (d, cache, count, infos, a, made), MEMORY)
FUNCTION(vkGetFenceStatus, (VkDevice d, VkFence fence), (d, fence), LOST)
FUNCTION(vkResetFences, (VkDevice d, uint32_t count, const VkFence *fences), (d, count, fences),
         VK_ERROR_OUT_OF_DEVICE_MEMORY)
FUNCTION(vkResetCommandPool, (VkDevice d, VkCommandPool pool, VkCommandPoolResetFlags flags),
         (d, pool, flags), MEMORY)
FUNCTION(vkGetPhysicalDeviceSurfaceSupportKHR,
         (VkPhysicalDevice p, uint32_t family, VkSurfaceKHR surface, VkBool32 *supported),
         (p, family, surface, supported), MEMORY, VK_ERROR_SURFACE_LOST_KHR)
FUNCTION(vkGetPhysicalDeviceSurfaceCapabilitiesKHR,
         (VkPhysicalDevice p, VkSurfaceKHR surface, VkSurfaceCapabilitiesKHR *c), (p, surface, c),
         MEMORY, VK_ERROR_SURFACE_LOST_KHR)
FUNCTION(vkGetPhysicalDeviceSurfaceFormatsKHR,
         (VkPhysicalDevice p, VkSurfaceKHR surface, uint32_t *count, VkSurfaceFormatKHR *f),
         (p, surface, count, f), MEMORY, VK_ERROR_SURFACE_LOST_KHR)
FUNCTION(vkCreateSwapchainKHR,
         (VkDevice d, const VkSwapchainCreateInfoKHR *info, const VkAllocationCallbacks *a,
          VkSwapchainKHR *made),
         (d, info, a, made), MEMORY, VK_ERROR_INITIALIZATION_FAILED, VK_ERROR_SURFACE_LOST_KHR,
         VK_ERROR_NATIVE_WINDOW_IN_USE_KHR, VK_ERROR_DEVICE_LOST)
FUNCTION(vkGetSwapchainImagesKHR,
         (VkDevice d, VkSwapchainKHR swapchain, uint32_t *count, VkImage *images),
         (d, swapchain, count, images), MEMORY)
FUNCTION(vkAcquireNextImageKHR,
         (VkDevice d, VkSwapchainKHR swapchain, uint64_t timeout, VkSemaphore semaphore,
          VkFence fence, uint32_t *index),
         (d, swapchain, timeout, semaphore, fence, index), MEMORY, VK_ERROR_OUT_OF_DATE_KHR,
         VK_ERROR_SURFACE_LOST_KHR, VK_ERROR_DEVICE_LOST)

/* A present that fails has waited for its semaphores all the same, unless memory was short. */
static PFN_vkQueuePresentKHR real_vkQueuePresentKHR;
static VKAPI_ATTR VkResult VKAPI_CALL faulty_vkQueuePresentKHR(VkQueue q,
                                                               const VkPresentInfoKHR *info)
{
    static const VkResult errors[] = { MEMORY, VK_ERROR_OUT_OF_DATE_KHR, VK_ERROR_SURFACE_LOST_KHR,
                                       VK_ERROR_DEVICE_LOST };
    static unsigned long calls;
    const VkResult wanted =
        fault("vkQueuePresentKHR", &calls, errors, sizeof errors / sizeof *errors);
    const bool waits = wanted == VK_ERROR_OUT_OF_DATE_KHR || wanted == VK_ERROR_SURFACE_LOST_KHR;
    const VkResult result =
        wanted == VK_SUCCESS || waits ? real_vkQueuePresentKHR(q, info) : wanted;
    return wanted != VK_SUCCESS ? wanted : result;
}

/* ---- the layer ---------------------------------------------------------------------------- */

/* clang-format off */
#define INSTANCE_NAMES(X)                                                                          \
    X(vkEnumeratePhysicalDevices) X(vkEnumerateDeviceExtensionProperties)                          \
    X(vkGetPhysicalDeviceSurfaceSupportKHR) X(vkGetPhysicalDeviceSurfaceCapabilitiesKHR)           \
    X(vkGetPhysicalDeviceSurfaceFormatsKHR)
#define DEVICE_NAMES(X)                                                                            \
    X(vkCreateBuffer) X(vkCreateBufferView) X(vkCreateShaderModule)                                \
    X(vkCreateDescriptorSetLayout) X(vkCreatePipelineLayout) X(vkCreatePipelineCache)              \
    X(vkCreateCommandPool) X(vkCreateSemaphore) X(vkCreateQueryPool)                               \
    X(vkCreateComputePipelines) X(vkAllocateMemory) X(vkBindBufferMemory) X(vkMapMemory)           \
    X(vkAllocateCommandBuffers) X(vkGetPipelineCacheData) X(vkGetSemaphoreCounterValue)            \
    X(vkWaitSemaphores) X(vkGetQueryPoolResults) X(vkBeginCommandBuffer) X(vkEndCommandBuffer)     \
    X(vkQueueSubmit) X(vkQueueWaitIdle) X(vkFlushMappedMemoryRanges)                               \
    X(vkInvalidateMappedMemoryRanges) X(vkCreateDescriptorPool) X(vkAllocateDescriptorSets)        \
    X(vkCreateImage) X(vkCreateImageView) X(vkCreateSampler) X(vkCreateRenderPass)                 \
    X(vkCreateFramebuffer) X(vkCreateFence) X(vkBindImageMemory) X(vkCreateGraphicsPipelines)      \
    X(vkGetFenceStatus) X(vkResetFences) X(vkResetCommandPool) X(vkCreateSwapchainKHR)             \
    X(vkGetSwapchainImagesKHR) X(vkAcquireNextImageKHR) X(vkQueuePresentKHR)
/* clang-format on */

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator,
                                                      VkInstance *made)
{
    static const VkResult errors[] = { MEMORY, VK_ERROR_INITIALIZATION_FAILED };
    static unsigned long calls;
    const VkResult wanted = fault("vkCreateInstance", &calls, errors, 3);
    if (wanted != VK_SUCCESS)
        return wanted;
    const VkResult result = layer_create_instance(info, allocator, made);
    if (result != VK_SUCCESS)
        return result;
    instance = *made;
#define LOAD(name) real_##name = (PFN_##name)layer_next_instance(instance, #name);
    INSTANCE_NAMES(LOAD)
#undef LOAD
    return result;
}

static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical,
                                                    const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkDevice *made)
{
    static const VkResult errors[] = { MEMORY, VK_ERROR_INITIALIZATION_FAILED,
                                       VK_ERROR_TOO_MANY_OBJECTS, VK_ERROR_DEVICE_LOST };
    static unsigned long calls;
    const VkResult wanted = fault("vkCreateDevice", &calls, errors, 5);
    if (wanted != VK_SUCCESS)
        return wanted;
    const VkResult result = layer_create_device(instance, physical, info, allocator, made);
    if (result != VK_SUCCESS)
        return result;
#define LOAD(name) real_##name = (PFN_##name)layer_next_device(*made, #name);
    DEVICE_NAMES(LOAD)
    LOAD(vkDeviceWaitIdle)
#undef LOAD
    device = *made;
    lost = false; /* another one */
    return result;
}

static PFN_vkVoidFunction layer_own(const char *name)
{
    if (strcmp(name, "vkCreateInstance") == 0)
        return (PFN_vkVoidFunction)create_instance;
    if (strcmp(name, "vkCreateDevice") == 0)
        return (PFN_vkVoidFunction)create_device;
#define ENTRY(function)                                                                            \
    if (strcmp(name, #function) == 0)                                                              \
        return (PFN_vkVoidFunction)faulty_##function;
    INSTANCE_NAMES(ENTRY)
    DEVICE_NAMES(ENTRY)
#undef ENTRY
    return NULL;
}
