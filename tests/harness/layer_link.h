/* How a Vulkan layer hangs between the loader and what lies below. A layer is one source: it
 * includes this once, and defines layer_own. */
#ifndef LAYER_LINK_H
#define LAYER_LINK_H

#include <string.h>
#include <vulkan/vulkan.h>
#include <vulkan/vk_layer.h>

/* The layer's own function of that name, of instances and devices; vkCreateInstance and
 * vkCreateDevice are two. NULL: the next one's. */
static PFN_vkVoidFunction layer_own(const char *name);

static PFN_vkGetInstanceProcAddr layer_next_instance;
static PFN_vkGetDeviceProcAddr layer_next_device;

static inline VkResult layer_create_instance(const VkInstanceCreateInfo *info,
                                             const VkAllocationCallbacks *allocator,
                                             VkInstance *made)
{
    VkLayerInstanceCreateInfo *link = (VkLayerInstanceCreateInfo *)info->pNext;
    while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_INSTANCE_CREATE_INFO &&
                     link->function == VK_LAYER_LINK_INFO))
        link = (VkLayerInstanceCreateInfo *)link->pNext;
    if (!link)
        return VK_ERROR_INITIALIZATION_FAILED;
    layer_next_instance = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    return ((PFN_vkCreateInstance)layer_next_instance(NULL, "vkCreateInstance"))(info, allocator,
                                                                                 made);
}

static inline VkResult layer_create_device(VkInstance instance, VkPhysicalDevice physical,
                                           const VkDeviceCreateInfo *info,
                                           const VkAllocationCallbacks *allocator, VkDevice *made)
{
    VkLayerDeviceCreateInfo *link = (VkLayerDeviceCreateInfo *)info->pNext;
    while (link && !(link->sType == VK_STRUCTURE_TYPE_LOADER_DEVICE_CREATE_INFO &&
                     link->function == VK_LAYER_LINK_INFO))
        link = (VkLayerDeviceCreateInfo *)link->pNext;
    if (!link)
        return VK_ERROR_INITIALIZATION_FAILED;
    layer_next_device = link->u.pLayerInfo->pfnNextGetDeviceProcAddr;
    const PFN_vkGetInstanceProcAddr get = link->u.pLayerInfo->pfnNextGetInstanceProcAddr;
    link->u.pLayerInfo = link->u.pLayerInfo->pNext;
    return ((PFN_vkCreateDevice)get(instance, "vkCreateDevice"))(physical, info, allocator, made);
}

static inline VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL layer_get_device(VkDevice device,
                                                                        const char *name)
{
    if (strcmp(name, "vkGetDeviceProcAddr") == 0)
        return (PFN_vkVoidFunction)layer_get_device;
    const PFN_vkVoidFunction real = layer_next_device(device, name), own = layer_own(name);
    return own && real ? own : real;
}

static inline VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL layer_get_instance(VkInstance instance,
                                                                          const char *name)
{
    if (strcmp(name, "vkGetInstanceProcAddr") == 0)
        return (PFN_vkVoidFunction)layer_get_instance;
    if (strcmp(name, "vkGetDeviceProcAddr") == 0)
        return (PFN_vkVoidFunction)layer_get_device;
    const PFN_vkVoidFunction own = layer_own(name);
    if (!layer_next_instance) /* before there is an instance */
        return own;
    const PFN_vkVoidFunction real = layer_next_instance(instance, name);
    return own && real ? own : real;
}

__attribute__((visibility("default"))) VKAPI_ATTR VkResult VKAPI_CALL
vkNegotiateLoaderLayerInterfaceVersion(VkNegotiateLayerInterface *interface)
{
    interface->loaderLayerInterfaceVersion = 2;
    interface->pfnGetInstanceProcAddr = layer_get_instance;
    interface->pfnGetDeviceProcAddr = layer_get_device;
    interface->pfnGetPhysicalDeviceProcAddr = NULL;
    return VK_SUCCESS;
}

#endif
