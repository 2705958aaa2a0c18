/* What recordings and uploads are made of. */
#include "gpu/internal.h"

qs_status gpu_command_buffer_create(qs_device *device, VkCommandBuffer *commands)
{
    qs_status status = QS_OK;
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = device->command_pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VK(device, device->vk.vkAllocateCommandBuffers(device->handle, &info, commands));
fail:
    return status;
}

void gpu_barrier_record(const qs_device *device, VkCommandBuffer commands, gpu_barrier kind)
{
    const VkPipelineStageFlags work =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    const VkAccessFlags writes = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
    const VkAccessFlags reads = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT;
    VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = writes,
        .dstAccessMask = reads | writes,
    };
    VkPipelineStageFlags from = work, to = work;
    if (kind == GPU_BARRIER_OPEN) {
        from |= VK_PIPELINE_STAGE_HOST_BIT;
        memory.srcAccessMask |= VK_ACCESS_HOST_WRITE_BIT;
    } else if (kind == GPU_BARRIER_CLOSE) {
        to |= VK_PIPELINE_STAGE_HOST_BIT;
        memory.dstAccessMask |= VK_ACCESS_HOST_READ_BIT;
    }
    device->vk.vkCmdPipelineBarrier(commands, from, to, 0, 1, &memory, 0, NULL, 0, NULL);
}
