#include "gpu/internal.h"

#include <string.h>

static const struct {
    VkResult result;
    const char *name;
    qs_status status;
} results[] = {
    { VK_TIMEOUT, "VK_TIMEOUT", QS_ERROR_DEVICE_LOST },
    { VK_NOT_READY, "VK_NOT_READY", QS_ERROR_OTHER },
    { VK_INCOMPLETE, "VK_INCOMPLETE", QS_ERROR_OTHER },
    { VK_ERROR_OUT_OF_HOST_MEMORY, "out of host memory", QS_ERROR_MEMORY },
    { VK_ERROR_OUT_OF_DEVICE_MEMORY, "out of device memory", QS_ERROR_MEMORY },
    { VK_ERROR_OUT_OF_POOL_MEMORY, "out of pool memory", QS_ERROR_MEMORY },
    { VK_ERROR_FRAGMENTED_POOL, "fragmented pool", QS_ERROR_MEMORY },
    { VK_ERROR_FRAGMENTATION, "fragmentation", QS_ERROR_MEMORY },
    { VK_ERROR_MEMORY_MAP_FAILED, "mapping memory failed", QS_ERROR_MEMORY },
    { VK_ERROR_TOO_MANY_OBJECTS, "too many objects", QS_ERROR_MEMORY },
    { VK_ERROR_DEVICE_LOST, "the device was lost", QS_ERROR_DEVICE_LOST },
    { VK_ERROR_INITIALIZATION_FAILED, "initialization failed", QS_ERROR_DEVICE },
    { VK_ERROR_INCOMPATIBLE_DRIVER, "no compatible driver", QS_ERROR_DEVICE },
    { VK_ERROR_LAYER_NOT_PRESENT, "layer not present", QS_ERROR_DEVICE },
    { VK_ERROR_EXTENSION_NOT_PRESENT, "extension not present", QS_ERROR_DEVICE },
    { VK_ERROR_FEATURE_NOT_PRESENT, "feature not present", QS_ERROR_DEVICE },
    { VK_ERROR_INVALID_SHADER_NV, "invalid shader", QS_ERROR_DEVICE },
    { VK_ERROR_UNKNOWN, "unknown error", QS_ERROR_OTHER },
};

/* "device->vk.vkCreateBuffer(device->handle, ..." -> "vkCreateBuffer" */
static const char *function_name(const char *call, int *length)
{
    const char *start = strstr(call, "vk.");
    start = start ? start + strlen("vk.") : call;
    *length = (int)strcspn(start, "(");
    return start;
}

qs_status gpu_error(qs_device *device, VkResult result, const char *call)
{
    int length;
    const char *function = function_name(call, &length);
    if (device && result == VK_ERROR_DEVICE_LOST && device->state == GPU_ALIVE)
        device->state = GPU_LOST;
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (results[i].result == result)
            return qs_error(results[i].status, "%.*s: %s (VkResult %d)", length, function,
                            results[i].name, result);
    return qs_error(QS_ERROR_OTHER, "%.*s: VkResult %d", length, function, result);
}

qs_status gpu_check_alive(const qs_device *device)
{
    if (device->state == GPU_ALIVE)
        return QS_OK;
    return qs_error(QS_ERROR_DEVICE_LOST, "%s %s earlier; make a new device",
                    device->physical.info.name,
                    device->state == GPU_LOST ? "was lost" : "stopped answering");
}
