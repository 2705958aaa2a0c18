/*
 * Preloaded into quickstep-view: makes vkAcquireNextImageKHR or vkQueuePresentKHR fail the way
 * displays do. FAULTS="acquire RESULT FIRST COUNT" or "present ...": calls FIRST .. FIRST+COUNT-1
 * (from 1) return the VkResult RESULT. A failing acquire takes no image; a failing present, like
 * a real one, presents all the same, so that its semaphores stay right.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

/* The result that this call is to have, VK_SUCCESS: the real one. */
static VkResult fault(const char *function, int call)
{
    const char *plan = getenv("FAULTS");
    char name[16];
    int result = 0, first = 0, count = 0;
    if (!plan || sscanf(plan, "%15s %d %d %d", name, &result, &first, &count) != 4)
        return VK_SUCCESS;
    const int fails = strcmp(name, function) == 0 && call >= first && call < first + count;
    if (fails)
        fprintf(stderr, "fault: %s call %d returns %d\n", function, call, result);
    return fails ? (VkResult)result : VK_SUCCESS;
}

VKAPI_ATTR VkResult VKAPI_CALL vkAcquireNextImageKHR(VkDevice device, VkSwapchainKHR swapchain,
                                                     uint64_t timeout, VkSemaphore semaphore,
                                                     VkFence fence, uint32_t *image)
{
    static PFN_vkAcquireNextImageKHR real;
    static int calls;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "vkAcquireNextImageKHR");
    const VkResult wanted = fault("acquire", ++calls);
    if (wanted < 0 || wanted == VK_TIMEOUT || wanted == VK_NOT_READY)
        return wanted;
    const VkResult result = real(device, swapchain, timeout, semaphore, fence, image);
    return result == VK_SUCCESS && wanted != VK_SUCCESS ? wanted : result;
}

VKAPI_ATTR VkResult VKAPI_CALL vkQueuePresentKHR(VkQueue queue, const VkPresentInfoKHR *info)
{
    static PFN_vkQueuePresentKHR real;
    static int calls;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "vkQueuePresentKHR");
    const VkResult wanted = fault("present", ++calls);
    const VkResult result = real(queue, info);
    return wanted != VK_SUCCESS ? wanted : result;
}
