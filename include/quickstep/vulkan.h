/*
 * The Vulkan objects behind a qs_device, for a program that shows frames without a copy through
 * the CPU. They stay owned by Quickstep. Include <vulkan/vulkan.h> (or volk) first.
 */
#ifndef QUICKSTEP_VULKAN_H
#define QUICKSTEP_VULKAN_H

#include <quickstep/quickstep.h>
#include <vulkan/vulkan_core.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qs_vulkan_device {
    VkInstance instance;
    VkPhysicalDevice physical_device;
    VkDevice device;
    uint32_t queue_family;
    VkQueue queue; /* also used by sessions: call them from the thread that uses this queue */
    uint32_t api_version;
} qs_vulkan_device;

QS_API void qs_device_get_vulkan(const qs_device *device, qs_vulkan_device *vulkan);

/* The buffer of a frame slot (qs_frame::slot): RGBA8, tightly packed [count, height, width, 4] at
 * `offset`. The session writes it only after the next qs_session_frame has released the slot; the
 * caller's reads of it must have finished on the device by then, or be ordered before later compute
 * on `queue` by a barrier from their stage to COMPUTE_SHADER; and they must have finished before
 * the session is destroyed. A reader on `queue` needs a barrier from COMPUTE_SHADER / SHADER_WRITE
 * to its own stage. A wrong slot: VK_NULL_HANDLE and zeros. */
QS_API void qs_session_get_frame_buffer(const qs_session *session, uint32_t slot, VkBuffer *buffer,
                                        VkDeviceSize *offset, VkDeviceSize *size);

#ifdef __cplusplus
}
#endif
#endif
