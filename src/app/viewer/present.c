#include "viewer/present.h"

#include <string.h>

enum {
    FAILURES_MAX = 10, /* swapchains in a row that could not show a single frame */
};

qs_status present_vulkan_error(VkResult result, const char *call)
{
    const int length = (int)strcspn(call, "(");
    switch (result) {
    case VK_ERROR_DEVICE_LOST:
        return app_error(QS_ERROR_DEVICE_LOST, "%.*s: the device was lost", length, call);
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return app_error(QS_ERROR_MEMORY, "%.*s: out of memory (VkResult %d)", length, call,
                         result);
    default: return app_error(QS_ERROR_OTHER, "%.*s: VkResult %d", length, call, result);
    }
}

static qs_status create_surface(present *p)
{
    qs_status status = QS_OK;
    VK(glfwCreateWindowSurface(p->vulkan.instance, p->window, NULL, &p->surface));
    VkBool32 supported = VK_FALSE;
    VK(vkGetPhysicalDeviceSurfaceSupportKHR(p->vulkan.physical_device, p->vulkan.queue_family,
                                            p->surface, &supported));
    if (!supported)
        return app_error(QS_ERROR_DEVICE, "this device cannot show its pictures in a window here; "
                                          "choose another with --device");
fail:
    return status;
}

/* 8 bits, not sRGB: the picture's and Dear ImGui's bytes are sRGB already. */
static qs_status choose_format(present *p)
{
    VkSurfaceFormatKHR formats[64];
    uint32_t count = sizeof formats / sizeof *formats;
    const VkResult result = vkGetPhysicalDeviceSurfaceFormatsKHR(p->vulkan.physical_device,
                                                                 p->surface, &count, formats);
    if (result < 0)
        return present_vulkan_error(result, "vkGetPhysicalDeviceSurfaceFormatsKHR");
    if (count == 0)
        return app_error(QS_ERROR_DEVICE, "the window's surface has no format");
    p->format = formats[0];
    for (uint32_t i = 0; i < count; i++) {
        if (formats[i].colorSpace == VK_COLOR_SPACE_SRGB_NONLINEAR_KHR &&
            (formats[i].format == VK_FORMAT_B8G8R8A8_UNORM ||
             formats[i].format == VK_FORMAT_R8G8B8A8_UNORM)) {
            p->format = formats[i];
            break;
        }
    }
    return QS_OK;
}

static qs_status create_pass(present *p)
{
    qs_status status = QS_OK;
    const VkAttachmentReference color = { .layout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL };
    VK(vkCreateRenderPass(p->vulkan.device,
                          &(VkRenderPassCreateInfo){
                              .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
                              .attachmentCount = 1,
                              .pAttachments =
                                  &(VkAttachmentDescription){
                                      .format = p->format.format,
                                      .samples = VK_SAMPLE_COUNT_1_BIT,
                                      .loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
                                      .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
                                      .stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
                                      .stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
                                      .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
                                      .finalLayout = VK_IMAGE_LAYOUT_PRESENT_SRC_KHR,
                                  },
                              .subpassCount = 1,
                              .pSubpasses =
                                  &(VkSubpassDescription){
                                      .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
                                      .colorAttachmentCount = 1,
                                      .pColorAttachments = &color,
                                  },
                              /* the layout change waits for the acquire's semaphore */
                              .dependencyCount = 1,
                              .pDependencies =
                                  &(VkSubpassDependency){
                                      .srcSubpass = VK_SUBPASS_EXTERNAL,
                                      .srcStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
                                      .dstStageMask = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
                                      .dstAccessMask = VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
                                  },
                          },
                          NULL, &p->pass));
fail:
    return status;
}

static qs_status create_frames(present *p)
{
    qs_status status = QS_OK;
    const VkDevice device = p->vulkan.device;
    VK(vkCreateCommandPool(device,
                           &(VkCommandPoolCreateInfo){
                               .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                               .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                               .queueFamilyIndex = p->vulkan.queue_family,
                           },
                           NULL, &p->pool));
    for (uint32_t i = 0; i < PRESENT_FRAMES; i++) {
        present_frame *frame = &p->frames[i];
        VK(vkAllocateCommandBuffers(device,
                                    &(VkCommandBufferAllocateInfo){
                                        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                        .commandPool = p->pool,
                                        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                        .commandBufferCount = 1,
                                    },
                                    &frame->commands));
        VK(vkCreateSemaphore(
            device, &(VkSemaphoreCreateInfo){ .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO },
            NULL, &frame->acquired));
        VK(vkCreateFence(device,
                         &(VkFenceCreateInfo){
                             .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
                             .flags = VK_FENCE_CREATE_SIGNALED_BIT,
                         },
                         NULL, &frame->finished));
    }
fail:
    return status;
}

qs_status present_init(present *p, const qs_vulkan_device *vulkan, GLFWwindow *handle)
{
    *p = (present){ .vulkan = *vulkan, .window = handle };
    qs_status status = QS_OK;
    TRY(create_surface(p));
    TRY(choose_format(p));
    TRY(create_pass(p));
    TRY(create_frames(p));
fail:
    return status;
}

/* The queue is idle. */
static void destroy_images(present *p)
{
    for (uint32_t i = 0; i < p->image_count; i++) {
        vkDestroyFramebuffer(p->vulkan.device, p->images[i].framebuffer, NULL);
        vkDestroyImageView(p->vulkan.device, p->images[i].view, NULL);
        vkDestroySemaphore(p->vulkan.device, p->images[i].drawn, NULL);
    }
    memset(p->images, 0, sizeof p->images);
    p->image_count = 0;
    p->extent = (VkExtent2D){ 0, 0 };
}

void present_finish(present *p)
{
    if (!p->vulkan.device)
        return;
    vkQueueWaitIdle(p->vulkan.queue);
    destroy_images(p);
    vkDestroySwapchainKHR(p->vulkan.device, p->swapchain, NULL);
    for (uint32_t i = 0; i < PRESENT_FRAMES; i++) {
        vkDestroySemaphore(p->vulkan.device, p->frames[i].acquired, NULL);
        vkDestroyFence(p->vulkan.device, p->frames[i].finished, NULL);
    }
    vkDestroyCommandPool(p->vulkan.device, p->pool, NULL);
    vkDestroyRenderPass(p->vulkan.device, p->pass, NULL);
    vkDestroySurfaceKHR(p->vulkan.instance, p->surface, NULL);
    *p = (present){ 0 };
}

static qs_status create_image(present *p, present_image *image)
{
    qs_status status = QS_OK;
    VK(vkCreateImageView(p->vulkan.device,
                         &(VkImageViewCreateInfo){
                             .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
                             .image = image->image,
                             .viewType = VK_IMAGE_VIEW_TYPE_2D,
                             .format = p->format.format,
                             .subresourceRange = { .aspectMask = VK_IMAGE_ASPECT_COLOR_BIT,
                                                   .levelCount = 1,
                                                   .layerCount = 1 },
                         },
                         NULL, &image->view));
    VK(vkCreateFramebuffer(p->vulkan.device,
                           &(VkFramebufferCreateInfo){
                               .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
                               .renderPass = p->pass,
                               .attachmentCount = 1,
                               .pAttachments = &image->view,
                               .width = p->extent.width,
                               .height = p->extent.height,
                               .layers = 1,
                           },
                           NULL, &image->framebuffer));
    VK(vkCreateSemaphore(
        p->vulkan.device,
        &(VkSemaphoreCreateInfo){ .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO }, NULL,
        &image->drawn));
fail:
    return status;
}

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* extent 0 x 0: the window has no area now, there is nothing to make */
static VkExtent2D choose_extent(const present *p, const VkSurfaceCapabilitiesKHR *can)
{
    if (can->currentExtent.width != UINT32_MAX)
        return can->currentExtent;
    int width = 0, height = 0; /* Wayland: the swapchain decides */
    glfwGetFramebufferSize(p->window, &width, &height);
    if (width <= 0 || height <= 0)
        return (VkExtent2D){ 0, 0 };
    return (VkExtent2D){
        clamp((uint32_t)width, can->minImageExtent.width, can->maxImageExtent.width),
        clamp((uint32_t)height, can->minImageExtent.height, can->maxImageExtent.height),
    };
}

static VkCompositeAlphaFlagBitsKHR choose_alpha(VkCompositeAlphaFlagsKHR supported)
{
    return supported & VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR ? VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR
                                                         : VK_COMPOSITE_ALPHA_INHERIT_BIT_KHR;
}

static qs_status create_swapchain(present *p)
{
    qs_status status = QS_OK;
    const VkSwapchainKHR old = p->swapchain;
    p->swapchain = VK_NULL_HANDLE;
    VkSurfaceCapabilitiesKHR can;
    VK(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(p->vulkan.physical_device, p->surface, &can));
    const VkExtent2D extent = choose_extent(p, &can);
    if (extent.width == 0 || extent.height == 0)
        goto fail; /* not an error */
    const uint32_t most = can.maxImageCount ? can.maxImageCount : PRESENT_IMAGES_MAX;
    VK(vkCreateSwapchainKHR(
        p->vulkan.device,
        &(VkSwapchainCreateInfoKHR){
            .sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
            .surface = p->surface,
            .minImageCount = clamp(can.minImageCount + 1, can.minImageCount, most),
            .imageFormat = p->format.format,
            .imageColorSpace = p->format.colorSpace,
            .imageExtent = extent,
            .imageArrayLayers = 1,
            .imageUsage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT,
            .preTransform = can.currentTransform,
            .compositeAlpha = choose_alpha(can.supportedCompositeAlpha),
            .presentMode = VK_PRESENT_MODE_FIFO_KHR,
            .clipped = VK_TRUE,
            .oldSwapchain = old,
        },
        NULL, &p->swapchain));
    uint32_t count = PRESENT_IMAGES_MAX;
    VkImage images[PRESENT_IMAGES_MAX];
    VK(vkGetSwapchainImagesKHR(p->vulkan.device, p->swapchain, &count, images));
    p->image_count = count;
    p->renewed = p->renewed && extent.width == p->last_extent.width &&
                 extent.height == p->last_extent.height;
    p->extent = p->last_extent = extent;
    for (uint32_t i = 0; i < count; i++) {
        p->images[i].image = images[i];
        TRY(create_image(p, &p->images[i]));
    }
    p->stale = false;
fail:
    vkDestroySwapchainKHR(p->vulkan.device, old, NULL);
    return status;
}

/* A surface can be lost with the window still there (a restarted display server, a new screen). */
static qs_status recreate(present *p, bool surface_too)
{
    qs_status status = QS_OK;
    /* Everything that a present still reads is destroyed below; without
     * VK_EXT_swapchain_maintenance1 an idle queue is the only sign that it is done. This waits
     * for two verbs at most. */
    VK(vkQueueWaitIdle(p->vulkan.queue));
    destroy_images(p);
    if (surface_too) {
        vkDestroySwapchainKHR(p->vulkan.device, p->swapchain, NULL);
        p->swapchain = VK_NULL_HANDLE;
        vkDestroySurfaceKHR(p->vulkan.instance, p->surface, NULL);
        p->surface = VK_NULL_HANDLE;
        TRY(create_surface(p));
    }
    TRY(create_swapchain(p));
fail:
    return status;
}

qs_status present_fit(present *p)
{
    int width = 0, height = 0;
    glfwGetFramebufferSize(p->window, &width, &height);
    if (width <= 0 || height <= 0)
        return QS_OK;
    const bool fits = p->swapchain && !p->stale && p->extent.width == (uint32_t)width &&
                      p->extent.height == (uint32_t)height;
    return fits ? QS_OK : recreate(p, false);
}

/* A swapchain that is refused although the window's size has not changed, time and again, is
 * broken; while somebody drags the window's corner many in a row are refused and all is well. */
static qs_status count_failure(present *p)
{
    int width = 0, height = 0;
    glfwGetFramebufferSize(p->window, &width, &height);
    const bool same = p->extent.width == (uint32_t)width && p->extent.height == (uint32_t)height;
    p->failures = same ? p->failures + 1 : 0;
    p->stale = true;
    return p->failures <= FAILURES_MAX
               ? QS_OK
               : app_error(QS_ERROR_OTHER, "the window could not be drawn in %d attempts",
                           FAILURES_MAX);
}

/* What an acquire or a present said. *usable: the image was taken or shown. */
static qs_status look_at(present *p, VkResult result, const char *call, bool *usable)
{
    *usable = result == VK_SUCCESS || result == VK_SUBOPTIMAL_KHR;
    qs_status status = QS_OK;
    switch (result) {
    case VK_SUCCESS:
    case VK_NOT_READY:
    case VK_TIMEOUT: return QS_OK;
    case VK_SUBOPTIMAL_KHR: /* some drivers say so for ever: one attempt to do better per size */
        p->stale = p->stale || !p->renewed;
        p->renewed = true;
        return QS_OK;
    case VK_ERROR_OUT_OF_DATE_KHR: return count_failure(p);
    case VK_ERROR_SURFACE_LOST_KHR:
        TRY(count_failure(p));
        TRY(recreate(p, true));
    fail:
        return status;
    default: return present_vulkan_error(result, call);
    }
}

qs_status present_begin(present *p, present_target *target)
{
    *target = (present_target){ .frame_index = p->frame_index };
    qs_status status = QS_OK;
    const present_frame *frame = &p->frames[p->frame_index];
    const VkResult fence = vkGetFenceStatus(p->vulkan.device, frame->finished);
    if (fence == VK_NOT_READY || !p->swapchain)
        return QS_OK;
    if (fence != VK_SUCCESS)
        return present_vulkan_error(fence, "vkGetFenceStatus");
    bool usable = false;
    TRY(look_at(p,
                vkAcquireNextImageKHR(p->vulkan.device, p->swapchain, 0, frame->acquired,
                                      VK_NULL_HANDLE, &p->image_index),
                "vkAcquireNextImageKHR", &usable));
    if (!usable)
        return QS_OK;
    VK(vkBeginCommandBuffer(frame->commands,
                            &(VkCommandBufferBeginInfo){
                                .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
                            }));
    target->commands = frame->commands;
    target->extent = p->extent;
fail:
    return status;
}

void present_begin_pass(present *p, const present_target *target, const float background[4])
{
    VkClearValue clear = { 0 };
    memcpy(clear.color.float32, background, sizeof clear.color.float32);
    vkCmdBeginRenderPass(target->commands,
                         &(VkRenderPassBeginInfo){
                             .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
                             .renderPass = p->pass,
                             .framebuffer = p->images[p->image_index].framebuffer,
                             .renderArea.extent = p->extent,
                             .clearValueCount = 1,
                             .pClearValues = &clear,
                         },
                         VK_SUBPASS_CONTENTS_INLINE);
}

qs_status present_end(present *p, const present_target *target)
{
    qs_status status = QS_OK;
    const present_frame *frame = &p->frames[p->frame_index];
    const VkSemaphore drawn = p->images[p->image_index].drawn;
    vkCmdEndRenderPass(target->commands);
    VK(vkEndCommandBuffer(target->commands));
    VK(vkResetFences(p->vulkan.device, 1, &frame->finished));
    VK(vkQueueSubmit(p->vulkan.queue, 1,
                     &(VkSubmitInfo){
                         .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .waitSemaphoreCount = 1,
                         .pWaitSemaphores = &frame->acquired,
                         .pWaitDstStageMask = &(
                             VkPipelineStageFlags){ VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT },
                         .commandBufferCount = 1,
                         .pCommandBuffers = &target->commands,
                         .signalSemaphoreCount = 1,
                         .pSignalSemaphores = &drawn,
                     },
                     frame->finished));
    p->frame_index = (p->frame_index + 1) % PRESENT_FRAMES;
    bool shown = false;
    TRY(look_at(p,
                vkQueuePresentKHR(p->vulkan.queue,
                                  &(VkPresentInfoKHR){
                                      .sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
                                      .waitSemaphoreCount = 1,
                                      .pWaitSemaphores = &drawn,
                                      .swapchainCount = 1,
                                      .pSwapchains = &p->swapchain,
                                      .pImageIndices = &p->image_index,
                                  }),
                "vkQueuePresentKHR", &shown));
    if (shown)
        p->failures = 0;
fail:
    return status;
}

qs_status present_once_begin(present *p, VkCommandBuffer *commands)
{
    qs_status status = QS_OK;
    VK(vkAllocateCommandBuffers(p->vulkan.device,
                                &(VkCommandBufferAllocateInfo){
                                    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                    .commandPool = p->pool,
                                    .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                    .commandBufferCount = 1,
                                },
                                commands));
    VK(vkBeginCommandBuffer(*commands, &(VkCommandBufferBeginInfo){
                                           .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                           .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
                                       }));
fail:
    return status;
}

qs_status present_once_end(present *p, VkCommandBuffer commands)
{
    qs_status status = QS_OK;
    VK(vkEndCommandBuffer(commands));
    VK(vkQueueSubmit(p->vulkan.queue, 1,
                     &(VkSubmitInfo){
                         .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                         .commandBufferCount = 1,
                         .pCommandBuffers = &commands,
                     },
                     VK_NULL_HANDLE));
    VK(vkQueueWaitIdle(p->vulkan.queue));
fail:
    vkFreeCommandBuffers(p->vulkan.device, p->pool, 1, &commands);
    return status;
}
