#include "gpu/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { HOST = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT };

static const struct wish {
    VkMemoryPropertyFlags required, preferred, avoided;
} wishes[] = {
    [GPU_DEVICE] = { VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT },
    [GPU_UPLOAD] = { HOST, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                     VK_MEMORY_PROPERTY_HOST_CACHED_BIT },
    [GPU_READBACK] = { HOST, VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                       VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT },
};

/* Types with other properties (protected, lazily allocated, AMD's uncached) have rules of their
 * own. */
enum {
    KNOWN = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT | HOST,
};

struct heaps {
    VkPhysicalDeviceMemoryProperties memory;
    uint64_t available[VK_MAX_MEMORY_HEAPS];
};

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

static void read_heaps(const qs_device *device, struct heaps *heaps)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT
    };
    VkPhysicalDeviceMemoryProperties2 all = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
        .pNext = device->physical.memory_budget ? &budget : NULL,
    };
    device->instance.vk.vkGetPhysicalDeviceMemoryProperties2(device->physical.handle, &all);
    heaps->memory = all.memoryProperties;
    for (uint32_t i = 0; i < heaps->memory.memoryHeapCount; i++) {
        uint64_t size = gpu_heap_bytes(&device->physical, &heaps->memory.memoryHeaps[i]);
        uint64_t used = device->heap_allocated[i];
        if (device->memory_cap && device->memory_cap < size) {
            size = device->memory_cap;
        } else if (budget.heapBudget[i]) { /* counts what the whole process uses */
            size = budget.heapBudget[i];
            used = budget.heapUsage[i];
        }
        heaps->available[i] = used < size ? size - used : 0;
    }
}

/* Larger is better, negative is impossible. */
static int score(const struct wish *wish, VkMemoryPropertyFlags flags)
{
    if ((flags & wish->required) != wish->required || (flags & ~(VkMemoryPropertyFlags)KNOWN))
        return -1;
    return 2 * ((flags & wish->preferred) == wish->preferred) + !(flags & wish->avoided);
}

/* The best type in type_bits, of equally good ones that with the most room; UINT32_MAX: none. */
static uint32_t best_type(const struct heaps *heaps, const struct wish *wish, uint32_t type_bits)
{
    uint32_t best = UINT32_MAX;
    int best_score = -1;
    uint64_t best_room = 0;
    for (uint32_t i = 0; i < heaps->memory.memoryTypeCount; i++) {
        const VkMemoryType *type = &heaps->memory.memoryTypes[i];
        const int value = score(wish, type->propertyFlags);
        const uint64_t room = heaps->available[type->heapIndex];
        if (!(type_bits & 1u << i) || value < 0 || value < best_score ||
            (value == best_score && room <= best_room))
            continue;
        best = i;
        best_score = value;
        best_room = room;
    }
    return best;
}

static qs_status allocate_type(qs_device *device, const struct heaps *heaps, uint32_t type,
                               uint64_t size, const char *name, gpu_buffer *buffer)
{
    const uint32_t heap = heaps->memory.memoryTypes[type].heapIndex;
    const uint64_t available = heaps->available[heap];
    if (size > available)
        return qs_error(QS_ERROR_MEMORY, "%s: %.1f MiB needed, %.1f MiB of %s available", name,
                        mib(size), mib(available), device->physical.info.name);
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = size,
        .memoryTypeIndex = type,
    };
    const VkResult result =
        device->vk.vkAllocateMemory(device->handle, &info, NULL, &buffer->memory);
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
        return qs_error(QS_ERROR_MEMORY, "%s: %s refused %.1f MiB, %.1f MiB seemed available", name,
                        device->physical.info.name, mib(size), mib(available));
    if (result != VK_SUCCESS)
        return gpu_error(device, result, "vkAllocateMemory");
    buffer->heap = heap;
    buffer->allocated = size;
    device->heap_allocated[heap] += size;
    device->allocation_count++;
    return QS_OK;
}

/* Tries the types that would do from the best to the worst (the window onto a graphics card's
 * memory is often small). The error is that of the best one. */
static qs_status allocate(qs_device *device, gpu_memory memory, const VkMemoryRequirements *needs,
                          const char *name, gpu_buffer *buffer)
{
    struct heaps heaps;
    read_heaps(device, &heaps);
    uint32_t bits = needs->memoryTypeBits;
    const uint32_t best = best_type(&heaps, &wishes[memory], bits);
    if (best == UINT32_MAX)
        return qs_error(QS_ERROR_DEVICE, "%s: %s has no memory type for it", name,
                        device->physical.info.name);
    for (uint32_t type = best; type != UINT32_MAX;
         type = best_type(&heaps, &wishes[memory], bits)) {
        const qs_status status = allocate_type(device, &heaps, type, needs->size, name, buffer);
        if (status != QS_ERROR_MEMORY)
            return status;
        bits &= ~(1u << type);
    }
    return allocate_type(device, &heaps, best, needs->size, name, buffer);
}

static qs_status create_handle(qs_device *device, uint64_t size, const char *name,
                               gpu_buffer *buffer)
{
    qs_status status = QS_OK;
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = size,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT |
                 VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
    };
    VK(device, device->vk.vkCreateBuffer(device->handle, &info, NULL, &buffer->vk));
    GPU_NAME(device, VK_OBJECT_TYPE_BUFFER, buffer->vk, name);
fail:
    return status;
}

void gpu_buffer_free(qs_device *device, gpu_buffer *buffer)
{
    if (device->state != GPU_HUNG) {
        device->vk.vkDestroyBuffer(device->handle, buffer->vk, NULL);
        device->vk.vkFreeMemory(device->handle, buffer->memory, NULL);
    }
    if (buffer->memory) {
        device->heap_allocated[buffer->heap] -= buffer->allocated;
        device->allocation_count--;
    }
    *buffer = (gpu_buffer){ 0 };
}

qs_status gpu_buffer_create(qs_device *device, gpu_memory memory, uint64_t size, const char *name,
                            gpu_buffer *buffer)
{
    assert(size > 0);
    qs_status status = QS_OK;
    VkMemoryRequirements needs;
    *buffer = (gpu_buffer){ .size = size };
    TRY(gpu_check_alive(device));
    const uint64_t most = device->physical.allocation_max;
    if (size > UINT64_MAX - GPU_ALIGNMENT || size > most)
        TRY(qs_error(QS_ERROR_MEMORY,
                     "%s: %.1f MiB needed, the maxMemoryAllocationSize of %s is %.1f MiB", name,
                     mib(size), device->physical.info.name, mib(most)));
    TRY(create_handle(device, gpu_align(size), name, buffer));
    device->vk.vkGetBufferMemoryRequirements(device->handle, buffer->vk, &needs);
    TRY(allocate(device, memory, &needs, name, buffer));
    VK(device, device->vk.vkBindBufferMemory(device->handle, buffer->vk, buffer->memory, 0));
    if (memory != GPU_DEVICE)
        VK(device, device->vk.vkMapMemory(device->handle, buffer->memory, 0, VK_WHOLE_SIZE, 0,
                                          &buffer->mapped));
    return QS_OK;
fail:
    gpu_buffer_free(device, buffer);
    return status;
}
