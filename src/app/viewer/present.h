/*
 * The swapchain on the device's own queue: at most two frames in flight, and never a wait for
 * one: present_begin says "not now" while the device is busy.
 */
#ifndef VIEWER_PRESENT_H
#define VIEWER_PRESENT_H

#include "viewer/window.h"

#include <quickstep/vulkan.h>

enum { PRESENT_FRAMES = 2, PRESENT_IMAGES_MAX = 8 };

typedef struct present_frame {
    VkCommandBuffer commands;
    VkSemaphore acquired;
    VkFence finished;
} present_frame;

typedef struct present_image {
    VkImage image;
    VkImageView view;
    VkFramebuffer framebuffer;
    VkSemaphore drawn; /* one per image: the image's next acquire proves that it was waited for */
} present_image;

typedef struct present {
    qs_vulkan_device vulkan;
    GLFWwindow *window;
    VkSurfaceKHR surface;
    VkSurfaceFormatKHR format;
    VkRenderPass pass;
    VkCommandPool pool;
    VkSwapchainKHR swapchain;
    VkExtent2D extent; /* 0 x 0: there is no swapchain now */
    uint32_t image_count, image_index, frame_index;
    uint32_t failures;      /* refused swapchains in a row */
    bool stale;             /* the swapchain no longer fits the surface */
    bool renewed;           /* and was remade at this size already */
    VkExtent2D last_extent; /* of the last swapchain made */
    present_image images[PRESENT_IMAGES_MAX];
    present_frame frames[PRESENT_FRAMES];
} present;

/* A frame being drawn. */
typedef struct present_target {
    VkCommandBuffer commands; /* NULL: nothing can be drawn now, try again soon */
    uint32_t frame_index;     /* 0 .. PRESENT_FRAMES - 1, its last use has finished */
    VkExtent2D extent;
} present_target;

qs_status present_init(present *p, const qs_vulkan_device *vulkan, GLFWwindow *handle);
void present_finish(present *p); /* p zeroed, half initialised or initialised */

/* Makes the swapchain fit the window. */
qs_status present_fit(present *p);

/* Takes an image and begins a command buffer, outside of the render pass; never waits for work. */
qs_status present_begin(present *p, present_target *target);
void present_begin_pass(present *p, const present_target *target, const float background[4]);
/* Ends the pass and the commands, submits and presents. */
qs_status present_end(present *p, const present_target *target);

/* Commands that run once, before the first frame: end submits them and waits. */
qs_status present_once_begin(present *p, VkCommandBuffer *commands);
qs_status present_once_end(present *p, VkCommandBuffer commands);

/* One error per Vulkan failure, with the call's name. */
qs_status present_vulkan_error(VkResult result, const char *call);

#define VK(call)                                                                                   \
    do {                                                                                           \
        const VkResult vk_result = (call);                                                         \
        if (vk_result != VK_SUCCESS) {                                                             \
            status = present_vulkan_error(vk_result, #call);                                       \
            goto fail;                                                                             \
        }                                                                                          \
    } while (0)

#endif
