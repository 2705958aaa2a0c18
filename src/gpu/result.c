#include "gpu/internal.h"

#include <string.h>

#define RESULT(result, status)                                                                     \
    {                                                                                              \
        result, #result, status                                                                    \
    }
static const struct {
    VkResult result;
    const char *name;
    qs_status status;
} results[] = {
    RESULT(VK_ERROR_OUT_OF_HOST_MEMORY, QS_ERROR_MEMORY),
    RESULT(VK_ERROR_OUT_OF_DEVICE_MEMORY, QS_ERROR_MEMORY),
    RESULT(VK_ERROR_OUT_OF_POOL_MEMORY, QS_ERROR_MEMORY),
    RESULT(VK_ERROR_FRAGMENTED_POOL, QS_ERROR_MEMORY),
    RESULT(VK_ERROR_FRAGMENTATION, QS_ERROR_MEMORY),
    RESULT(VK_ERROR_MEMORY_MAP_FAILED, QS_ERROR_MEMORY),
    RESULT(VK_ERROR_TOO_MANY_OBJECTS, QS_ERROR_MEMORY),
    RESULT(VK_TIMEOUT, QS_ERROR_DEVICE_LOST),
    RESULT(VK_ERROR_DEVICE_LOST, QS_ERROR_DEVICE_LOST),
    RESULT(VK_ERROR_INITIALIZATION_FAILED, QS_ERROR_DEVICE),
    RESULT(VK_ERROR_INCOMPATIBLE_DRIVER, QS_ERROR_DEVICE),
    RESULT(VK_ERROR_LAYER_NOT_PRESENT, QS_ERROR_DEVICE),
    RESULT(VK_ERROR_EXTENSION_NOT_PRESENT, QS_ERROR_DEVICE),
    RESULT(VK_ERROR_FEATURE_NOT_PRESENT, QS_ERROR_DEVICE),
    RESULT(VK_ERROR_FORMAT_NOT_SUPPORTED, QS_ERROR_DEVICE),
    RESULT(VK_ERROR_INVALID_SHADER_NV, QS_ERROR_DEVICE),
    RESULT(VK_ERROR_INVALID_EXTERNAL_HANDLE, QS_ERROR_DEVICE),
    RESULT(VK_NOT_READY, QS_ERROR_OTHER),
    RESULT(VK_EVENT_SET, QS_ERROR_OTHER),
    RESULT(VK_EVENT_RESET, QS_ERROR_OTHER),
    RESULT(VK_INCOMPLETE, QS_ERROR_OTHER),
    RESULT(VK_ERROR_UNKNOWN, QS_ERROR_OTHER),
    RESULT(VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS, QS_ERROR_OTHER),
    RESULT(VK_ERROR_NOT_PERMITTED_KHR, QS_ERROR_OTHER),
    RESULT(VK_PIPELINE_COMPILE_REQUIRED, QS_ERROR_OTHER),
    RESULT(VK_ERROR_VALIDATION_FAILED_EXT, QS_ERROR_OTHER),
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
    const char *on = device ? " on " : "", *where = device ? device->physical.info.name : "";
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (results[i].result == result)
            return qs_error(results[i].status, "%.*s%s%s: %s", length, function, on, where,
                            results[i].name);
    return qs_error(QS_ERROR_OTHER, "%.*s%s%s: VkResult %d", length, function, on, where, result);
}

qs_status gpu_check_alive(const qs_device *device)
{
    if (device->state == GPU_ALIVE)
        return QS_OK;
    return qs_error(QS_ERROR_DEVICE_LOST, "%s %s earlier; make a new device",
                    device->physical.info.name,
                    device->state == GPU_LOST ? "was lost" : "stopped answering");
}
