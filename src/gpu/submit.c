/* One queue, one timeline semaphore: a ticket is a value of the semaphore. */
#include "gpu/internal.h"

#include "core/clock.h"

#include <assert.h>

enum {
    WAIT_SLICE_MS = 1000, /* how often a long wait looks at the watchdog */
    /* What of the time between two looks counts at most: while the process is stopped (Ctrl Z) or
     * the machine sleeps, the device is not to blame. */
    LOOK_MS = 2 * WAIT_SLICE_MS
};

static bool is_software(const qs_device *device)
{
    return device->physical.info.type == QS_DEVICE_CPU;
}

/* The watchdog's clock. A software device shares the processor with what runs beside it: the time
 * that it is not given is not its silence. */
static uint64_t watch_ns(const qs_device *device)
{
    return is_software(device) ? clock_process_ns() : clock_ns();
}

qs_status gpu_submit_commands(qs_device *device, const VkCommandBuffer *commands, uint32_t count,
                              uint64_t *ticket)
{
    qs_status status = QS_OK;
    const uint64_t signal = device->last_ticket + 1;
    const VkTimelineSemaphoreSubmitInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &signal,
    };
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &timeline,
        .commandBufferCount = count,
        .pCommandBuffers = commands,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &device->timeline,
    };
    TRY(gpu_check_alive(device));
    VK(device, device->vk.vkQueueSubmit(device->queue, 1, &info, VK_NULL_HANDLE));
    if (device->done_ticket == device->last_ticket) {
        device->looked_ns = watch_ns(device);
        device->silent_ns = 0;
    }
    device->last_ticket = signal;
    if (ticket)
        *ticket = signal;
fail:
    return status;
}

static qs_status check_watchdog(qs_device *device)
{
    const uint64_t now = watch_ns(device), since = now - device->looked_ns,
                   most = (uint64_t)LOOK_MS * 1000000u;
    device->looked_ns = now;
    device->silent_ns += since < most ? since : most;
    if (device->done_ticket == device->last_ticket ||
        device->silent_ns < (uint64_t)device->watchdog_ms * 1000000u)
        return QS_OK;
    device->state = GPU_HUNG;
    return qs_error(QS_ERROR_DEVICE_LOST, "%s has not finished a submission for %u s%s",
                    device->physical.info.name, device->watchdog_ms / 1000,
                    is_software(device) ? " of computing" : "");
}

qs_status gpu_poll(qs_device *device, uint64_t *done)
{
    qs_status status = QS_OK;
    uint64_t value;
    TRY(gpu_check_alive(device));
    VK(device, device->vk.vkGetSemaphoreCounterValue(device->handle, device->timeline, &value));
    if (value > device->last_ticket) /* some drivers' way to say that they lost the device */
        TRY(gpu_error(device, VK_ERROR_DEVICE_LOST, "vkGetSemaphoreCounterValue"));
    if (value > device->done_ticket) {
        device->done_ticket = value;
        device->silent_ns = 0;
        device->looked_ns = watch_ns(device);
    }
    TRY(check_watchdog(device));
    if (done)
        *done = value;
fail:
    return status;
}

static qs_status wait_slice(qs_device *device, uint64_t ticket, uint32_t timeout_ms)
{
    const VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &device->timeline,
        .pValues = &ticket,
    };
    const VkResult result =
        device->vk.vkWaitSemaphores(device->handle, &info, (uint64_t)timeout_ms * 1000000u);
    if (result == VK_SUCCESS || result == VK_TIMEOUT)
        return gpu_poll(device, NULL);
    return gpu_error(device, result, "vkWaitSemaphores");
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

qs_status gpu_wait(qs_device *device, uint64_t ticket, uint32_t timeout_ms)
{
    assert(ticket <= device->last_ticket);
    qs_status status = QS_OK;
    const uint64_t start = clock_ns();
    uint32_t left_ms = timeout_ms;
    TRY(gpu_check_alive(device));
    while (device->done_ticket < ticket) {
        TRY(wait_slice(device, ticket,
                       smaller(left_ms, smaller(WAIT_SLICE_MS, device->watchdog_ms))));
        if (timeout_ms == UINT32_MAX)
            continue;
        const uint64_t passed_ms = (clock_ns() - start) / 1000000u;
        if (passed_ms >= timeout_ms)
            break;
        left_ms = timeout_ms - (uint32_t)passed_ms;
    }
fail:
    return status;
}
