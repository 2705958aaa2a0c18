/* VK_EXT_debug_utils: the validation layer's messages, and names and labels for capture tools. */
#include "gpu/internal.h"

#include "core/log.h"

#include <pthread.h>

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT types,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data,
                                                 void *user)
{
    (void)severity, (void)types;
    gpu_instance *instance = user;
    if (atomic_load(&instance->planted)) {
        atomic_fetch_add(&instance->planted_messages, 1);
        return VK_FALSE;
    }
    atomic_fetch_add(&instance->messages, 1);
    log_line(QS_LOG_ERROR, "validation: %s", data->pMessage);
    return VK_FALSE;
}

/* Without the GENERAL type: that is the loader talking about other people's drivers. */
VkDebugUtilsMessengerCreateInfoEXT gpu_messenger_info(gpu_instance *instance)
{
    return (VkDebugUtilsMessengerCreateInfoEXT){
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = instance,
    };
}

static pthread_mutex_t loader_lists = PTHREAD_MUTEX_INITIALIZER;

void gpu_lock_loader_lists(void)
{
    pthread_mutex_lock(&loader_lists);
}

void gpu_unlock_loader_lists(void)
{
    pthread_mutex_unlock(&loader_lists);
}

/* A name that cannot be set is no reason to fail: the result is not looked at. */
void gpu_name(const qs_device *device, VkObjectType type, uint64_t handle, const char *name)
{
    if (!device->instance.debug_utils)
        return;
    const VkDebugUtilsObjectNameInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
        .objectType = type,
        .objectHandle = handle,
        .pObjectName = name,
    };
    gpu_lock_loader_lists();
    device->instance.vk.vkSetDebugUtilsObjectNameEXT(device->handle, &info);
    gpu_unlock_loader_lists();
}

void gpu_label_begin(const qs_device *device, VkCommandBuffer commands, const char *label)
{
    if (!device->instance.debug_utils)
        return;
    const VkDebugUtilsLabelEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT,
        .pLabelName = label ? label : "?",
    };
    device->instance.vk.vkCmdBeginDebugUtilsLabelEXT(commands, &info);
}

void gpu_label_end(const qs_device *device, VkCommandBuffer commands)
{
    if (device->instance.debug_utils)
        device->instance.vk.vkCmdEndDebugUtilsLabelEXT(commands);
}
