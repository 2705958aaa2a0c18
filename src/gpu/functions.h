/*
 * Vulkan's functions. Instances and devices have tables of their own, so that two devices in one
 * process (with different extensions, on different threads) share no variable.
 */
#ifndef QS_GPU_FUNCTIONS_H
#define QS_GPU_FUNCTIONS_H

#include "core/status.h"

#include <volk.h>

#define GPU_INSTANCE_FUNCTIONS(X)                                                                  \
    X(vkCreateDevice)                                                                              \
    X(vkDestroyInstance)                                                                           \
    X(vkEnumerateDeviceExtensionProperties)                                                        \
    X(vkEnumeratePhysicalDevices)                                                                  \
    X(vkGetPhysicalDeviceFeatures2)                                                                \
    X(vkGetPhysicalDeviceFormatProperties)                                                         \
    X(vkGetPhysicalDeviceMemoryProperties2)                                                        \
    X(vkGetPhysicalDeviceProperties)                                                               \
    X(vkGetPhysicalDeviceProperties2)                                                              \
    X(vkGetPhysicalDeviceQueueFamilyProperties)

/* NULL unless VK_EXT_debug_utils is enabled. */
#define GPU_DEBUG_FUNCTIONS(X)                                                                     \
    X(vkCmdBeginDebugUtilsLabelEXT)                                                                \
    X(vkCmdEndDebugUtilsLabelEXT)                                                                  \
    X(vkCreateDebugUtilsMessengerEXT)                                                              \
    X(vkDestroyDebugUtilsMessengerEXT)                                                             \
    X(vkSetDebugUtilsObjectNameEXT)

struct gpu_instance_functions {
#define MEMBER(name) PFN_##name name;
    GPU_INSTANCE_FUNCTIONS(MEMBER)
    GPU_DEBUG_FUNCTIONS(MEMBER)
#undef MEMBER
};

/* Opens the Vulkan loader, once per process. QS_ERROR_DEVICE without one. */
qs_status gpu_loader_open(void);

/* The functions that need no instance are volk's: vkCreateInstance and vkEnumerateInstance*. */
qs_status gpu_functions_load_instance(VkInstance instance, struct gpu_instance_functions *vk);
void gpu_functions_load_device(VkInstance instance, VkDevice device, struct VolkDeviceTable *vk);

#endif
