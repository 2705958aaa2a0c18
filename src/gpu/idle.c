/* Nothing is destroyed that the device may still use. */
#include "gpu/internal.h"

qs_status gpu_wait_all(qs_device *device)
{
    qs_status status = QS_OK;
    TRY(gpu_upload_finish(device));
    TRY(gpu_wait(device, device->last_ticket, UINT32_MAX));
fail:
    return status;
}

void gpu_buffer_destroy(qs_device *device, gpu_buffer *buffer)
{
    if (!buffer->vk && !buffer->memory)
        return;
    if (device->state == GPU_ALIVE)
        gpu_wait_all(device);
    gpu_buffer_free(device, buffer);
}
