/*
 * A Vulkan layer that makes of the device beneath it, lavapipe, what a graphics card is to its
 * host:
 *
 * - five kinds of memory in three heaps, as NVIDIA's drivers list them; the host may map what a
 * card's host may, and no more. On software one kind is everything at once, so that a buffer in the
 * wrong one is never noticed there.
 * - memory that is full of NaN when it is allocated. lavapipe's is zero.
 * - three families of queues: for all, for copies, for computing.
 * - a discrete card with subgroups of 32. Nothing computes so: only shaders that assume no size
 * run.
 *
 * Put it below VK_LAYER_KHRONOS_validation, which then judges by what this layer says. One instance
 * and one device at a time.
 */
#include "../harness/layer_link.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static VkInstance instance;

/* clang-format off */
#define INSTANCE_NAMES(X)                                                                          \
    X(vkGetPhysicalDeviceProperties) X(vkGetPhysicalDeviceProperties2)                             \
    X(vkGetPhysicalDeviceMemoryProperties) X(vkGetPhysicalDeviceMemoryProperties2)                 \
    X(vkGetPhysicalDeviceQueueFamilyProperties) X(vkGetPhysicalDeviceQueueFamilyProperties2)       \
    X(vkGetPhysicalDeviceSurfaceSupportKHR)
#define DEVICE_NAMES(X)                                                                            \
    X(vkGetDeviceQueue) X(vkCreateCommandPool) X(vkAllocateMemory) X(vkFreeMemory) X(vkMapMemory)  \
    X(vkGetBufferMemoryRequirements) X(vkGetImageMemoryRequirements)                               \
    X(vkGetBufferMemoryRequirements2) X(vkGetImageMemoryRequirements2)
/* clang-format on */

#define DECLARE(name) static PFN_##name real_##name;
INSTANCE_NAMES(DECLARE)
DEVICE_NAMES(DECLARE)
static PFN_vkUnmapMemory real_vkUnmapMemory;

/* ---- what the card is --------------------------------------------------------------------- */

enum {
    LOCAL = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
    MAPPED = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
    CACHED = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
};

static const VkPhysicalDeviceMemoryProperties memory = {
    .memoryHeapCount = 3,
    .memoryHeaps = { { 3ull << 30, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT },
                     { 4ull << 30, 0 },
                     { 246ull << 20, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT } },
    .memoryTypeCount = 5,
    .memoryTypes = { { 0, 1 },
                     { LOCAL, 0 },
                     { MAPPED, 1 },
                     { MAPPED | CACHED, 1 },
                     { LOCAL | MAPPED, 2 } },
};

static const VkQueueFlags families[] = {
    VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT,
    VK_QUEUE_TRANSFER_BIT,
    VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT,
};
enum { FAMILY_COUNT = sizeof families / sizeof *families, SUBGROUP = 32 };

static void as_card(VkPhysicalDeviceProperties *properties)
{
    properties->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    strcpy(properties->deviceName, "a card that is made of software");
}

static VKAPI_ATTR void VKAPI_CALL card_vkGetPhysicalDeviceProperties(VkPhysicalDevice physical,
                                                                     VkPhysicalDeviceProperties *to)
{
    real_vkGetPhysicalDeviceProperties(physical, to);
    as_card(to);
}

static VKAPI_ATTR void VKAPI_CALL
card_vkGetPhysicalDeviceProperties2(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *to)
{
    real_vkGetPhysicalDeviceProperties2(physical, to);
    as_card(&to->properties);
    for (VkBaseOutStructure *s = to->pNext; s; s = s->pNext) {
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES)
            ((VkPhysicalDeviceVulkan11Properties *)s)->subgroupSize = SUBGROUP;
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES)
            ((VkPhysicalDeviceSubgroupProperties *)s)->subgroupSize = SUBGROUP;
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES) {
            VkPhysicalDeviceSubgroupSizeControlProperties *sizes = (void *)s;
            sizes->minSubgroupSize = sizes->maxSubgroupSize = SUBGROUP;
        }
    }
}

static VKAPI_ATTR void VKAPI_CALL card_vkGetPhysicalDeviceMemoryProperties(
    VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *to)
{
    (void)physical;
    *to = memory;
}

static VKAPI_ATTR void VKAPI_CALL card_vkGetPhysicalDeviceMemoryProperties2(
    VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *to)
{
    real_vkGetPhysicalDeviceMemoryProperties2(physical, to);
    to->memoryProperties = memory;
    for (VkBaseOutStructure *s = to->pNext; s; s = s->pNext)
        if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT)
            for (uint32_t i = 0; i < memory.memoryHeapCount; i++) {
                VkPhysicalDeviceMemoryBudgetPropertiesEXT *budget = (void *)s;
                budget->heapBudget[i] = memory.memoryHeaps[i].size / 8 * 7;
                budget->heapUsage[i] = 0;
            }
}

static VKAPI_ATTR void VKAPI_CALL card_vkGetPhysicalDeviceQueueFamilyProperties(
    VkPhysicalDevice physical, uint32_t *count, VkQueueFamilyProperties *to)
{
    VkQueueFamilyProperties real;
    uint32_t one = 1;
    real_vkGetPhysicalDeviceQueueFamilyProperties(physical, &one, &real);
    if (!to || *count > FAMILY_COUNT)
        *count = FAMILY_COUNT;
    for (uint32_t i = 0; to && i < *count; i++) {
        to[i] = real;
        to[i].queueFlags = families[i];
    }
}

static VKAPI_ATTR void VKAPI_CALL card_vkGetPhysicalDeviceQueueFamilyProperties2(
    VkPhysicalDevice physical, uint32_t *count, VkQueueFamilyProperties2 *to)
{
    VkQueueFamilyProperties all[FAMILY_COUNT];
    if (!to || *count > FAMILY_COUNT)
        *count = FAMILY_COUNT;
    card_vkGetPhysicalDeviceQueueFamilyProperties(physical, count, all);
    for (uint32_t i = 0; to && i < *count; i++)
        to[i].queueFamilyProperties = all[i];
}

static VKAPI_ATTR VkResult VKAPI_CALL card_vkGetPhysicalDeviceSurfaceSupportKHR(
    VkPhysicalDevice physical, uint32_t family, VkSurfaceKHR surface, VkBool32 *supported)
{
    const VkResult result =
        real_vkGetPhysicalDeviceSurfaceSupportKHR(physical, 0, surface, supported);
    *supported = *supported && family == 0;
    return result;
}

/* ---- memory ------------------------------------------------------------------------------- */

/* Which type each memory has, by its handle. */
static struct {
    VkDeviceMemory handle;
    uint32_t type;
} allocations[4096];
enum { ALLOCATION_COUNT = sizeof allocations / sizeof *allocations };

static uint32_t *type_of(VkDeviceMemory handle)
{
    for (uint32_t i = 0; i < ALLOCATION_COUNT; i++)
        if (allocations[i].handle == handle)
            return &allocations[i].type;
    return NULL;
}

static VKAPI_ATTR VkResult VKAPI_CALL card_vkAllocateMemory(VkDevice d,
                                                            const VkMemoryAllocateInfo *info,
                                                            const VkAllocationCallbacks *a,
                                                            VkDeviceMemory *made)
{
    VkMemoryAllocateInfo real = *info;
    real.memoryTypeIndex = 0;
    VkResult result = real_vkAllocateMemory(d, &real, a, made);
    void *bytes;
    if (result != VK_SUCCESS)
        return result;
    for (uint32_t i = 0; i < ALLOCATION_COUNT; i++)
        if (allocations[i].handle == VK_NULL_HANDLE) {
            allocations[i].handle = *made;
            allocations[i].type = info->memoryTypeIndex;
            break;
        }
    result = real_vkMapMemory(d, *made, 0, VK_WHOLE_SIZE, 0, &bytes);
    if (result != VK_SUCCESS)
        return result;
    memset(bytes, 0xff, info->allocationSize); /* NaN as float and as half */
    real_vkUnmapMemory(d, *made);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL card_vkFreeMemory(VkDevice d, VkDeviceMemory handle,
                                                    const VkAllocationCallbacks *a)
{
    for (uint32_t i = 0; handle && i < ALLOCATION_COUNT; i++)
        if (allocations[i].handle == handle)
            allocations[i].handle = VK_NULL_HANDLE;
    real_vkFreeMemory(d, handle, a);
}

static VKAPI_ATTR VkResult VKAPI_CALL card_vkMapMemory(VkDevice d, VkDeviceMemory handle,
                                                       VkDeviceSize offset, VkDeviceSize size,
                                                       VkMemoryMapFlags flags, void **data)
{
    const uint32_t *type = type_of(handle);
    if (!type || !(memory.memoryTypes[*type].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT))
        return VK_ERROR_MEMORY_MAP_FAILED;
    return real_vkMapMemory(d, handle, offset, size, flags, data);
}

static VKAPI_ATTR void VKAPI_CALL card_vkGetBufferMemoryRequirements(VkDevice d, VkBuffer buffer,
                                                                     VkMemoryRequirements *to)
{
    real_vkGetBufferMemoryRequirements(d, buffer, to);
    to->memoryTypeBits = (1u << memory.memoryTypeCount) - 1;
}

static VKAPI_ATTR void VKAPI_CALL card_vkGetBufferMemoryRequirements2(
    VkDevice d, const VkBufferMemoryRequirementsInfo2 *info, VkMemoryRequirements2 *to)
{
    real_vkGetBufferMemoryRequirements2(d, info, to);
    to->memoryRequirements.memoryTypeBits = (1u << memory.memoryTypeCount) - 1;
}

/* an image lies on the card, or where the host does not see it */
enum { IMAGE_TYPES = 1u << 0 | 1u << 1 };

static VKAPI_ATTR void VKAPI_CALL card_vkGetImageMemoryRequirements(VkDevice d, VkImage image,
                                                                    VkMemoryRequirements *to)
{
    real_vkGetImageMemoryRequirements(d, image, to);
    to->memoryTypeBits = IMAGE_TYPES;
}

static VKAPI_ATTR void VKAPI_CALL card_vkGetImageMemoryRequirements2(
    VkDevice d, const VkImageMemoryRequirementsInfo2 *info, VkMemoryRequirements2 *to)
{
    real_vkGetImageMemoryRequirements2(d, info, to);
    to->memoryRequirements.memoryTypeBits = IMAGE_TYPES;
}

/* ---- queues ------------------------------------------------------------------------------- */

static VKAPI_ATTR void VKAPI_CALL card_vkGetDeviceQueue(VkDevice d, uint32_t family, uint32_t index,
                                                        VkQueue *queue)
{
    (void)family;
    real_vkGetDeviceQueue(d, 0, index, queue);
}

static VKAPI_ATTR VkResult VKAPI_CALL card_vkCreateCommandPool(VkDevice d,
                                                               const VkCommandPoolCreateInfo *info,
                                                               const VkAllocationCallbacks *a,
                                                               VkCommandPool *made)
{
    VkCommandPoolCreateInfo real = *info;
    real.queueFamilyIndex = 0;
    return real_vkCreateCommandPool(d, &real, a, made);
}

/* ---- the layer ---------------------------------------------------------------------------- */

static VKAPI_ATTR VkResult VKAPI_CALL create_instance(const VkInstanceCreateInfo *info,
                                                      const VkAllocationCallbacks *allocator,
                                                      VkInstance *made)
{
    const VkResult result = layer_create_instance(info, allocator, made);
    if (result != VK_SUCCESS)
        return result;
    instance = *made;
#define LOAD(name) real_##name = (PFN_##name)layer_next_instance(instance, #name);
    INSTANCE_NAMES(LOAD)
#undef LOAD
    return result;
}

/* One queue of one family, as Quickstep asks for. */
static VKAPI_ATTR VkResult VKAPI_CALL create_device(VkPhysicalDevice physical,
                                                    const VkDeviceCreateInfo *info,
                                                    const VkAllocationCallbacks *allocator,
                                                    VkDevice *made)
{
    VkDeviceCreateInfo real = *info;
    VkDeviceQueueCreateInfo queue = info->pQueueCreateInfos[0];
    if (info->queueCreateInfoCount != 1 || queue.queueFamilyIndex >= FAMILY_COUNT)
        return VK_ERROR_INITIALIZATION_FAILED;
    queue.queueFamilyIndex = 0;
    real.pQueueCreateInfos = &queue;
    const VkResult result = layer_create_device(instance, physical, &real, allocator, made);
    if (result != VK_SUCCESS)
        return result;
#define LOAD(name) real_##name = (PFN_##name)layer_next_device(*made, #name);
    DEVICE_NAMES(LOAD)
    LOAD(vkUnmapMemory)
#undef LOAD
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
        return (PFN_vkVoidFunction)card_##function;
    INSTANCE_NAMES(ENTRY)
    DEVICE_NAMES(ENTRY)
#undef ENTRY
    return NULL;
}
