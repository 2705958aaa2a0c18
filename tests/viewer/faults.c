/*
 * Preloaded into quickstep-view: makes vkAcquireNextImageKHR or vkQueuePresentKHR fail the way
 * displays do. FAULTS="acquire RESULT FIRST LAST; present RESULT FIRST LAST; ...": the calls FIRST
 * to LAST of that function (from 1) return the VkResult RESULT. A failing acquire takes no image;
 * a failing present, like a real one, has waited for its semaphore.
 *
 * And aborts when a session, with its frames, is destroyed after the viewer has submitted drawing and
 * before it has waited for the queue: whether the device still reads a frame then is a matter of luck.
 */
#include <quickstep/quickstep.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

#define PRELOADED __attribute__((visibility("default"))) /* the build hides symbols otherwise */

/* The result that this call is to have, VK_SUCCESS: the real one. */
static VkResult fault(const char *function, int call)
{
    const char *plan = getenv("FAULTS");
    while (plan && *plan) {
        char name[16];
        int result, first, last;
        if (sscanf(plan, " %15s %d %d %d", name, &result, &first, &last) == 4 &&
            strcmp(name, function) == 0 && call >= first && call <= last) {
            fprintf(stderr, "fault: %s call %d returns %d\n", function, call, result);
            return (VkResult)result;
        }
        plan = strchr(plan, ';');
        plan = plan ? plan + 1 : NULL;
    }
    return VK_SUCCESS;
}

PRELOADED VKAPI_ATTR VkResult VKAPI_CALL vkAcquireNextImageKHR(VkDevice device,
                                                               VkSwapchainKHR swapchain,
                                                               uint64_t timeout,
                                                               VkSemaphore semaphore, VkFence fence,
                                                               uint32_t *image)
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

PRELOADED VKAPI_ATTR VkResult VKAPI_CALL vkQueuePresentKHR(VkQueue queue,
                                                           const VkPresentInfoKHR *info)
{
    static PFN_vkQueuePresentKHR real;
    static int calls;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "vkQueuePresentKHR");
    const VkResult wanted = fault("present", ++calls);
    const VkResult result = real(queue, info);
    return wanted != VK_SUCCESS ? wanted : result;
}

/* The viewer's calls; the library has pointers of its own. */
static int drawing;

PRELOADED VKAPI_ATTR VkResult VKAPI_CALL vkQueueSubmit(VkQueue queue, uint32_t count,
                                                       const VkSubmitInfo *infos, VkFence fence)
{
    static PFN_vkQueueSubmit real;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "vkQueueSubmit");
    drawing = 1;
    return real(queue, count, infos, fence);
}

PRELOADED VKAPI_ATTR VkResult VKAPI_CALL vkQueueWaitIdle(VkQueue queue)
{
    static PFN_vkQueueWaitIdle real;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "vkQueueWaitIdle");
    drawing = 0;
    return real(queue);
}

PRELOADED void qs_session_destroy(qs_session *session)
{
    static void (*real)(qs_session *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "qs_session_destroy");
    if (session && drawing) {
        fprintf(stderr, "fault: a session is destroyed while the queue may draw its frame\n");
        abort();
    }
    real(session);
}
