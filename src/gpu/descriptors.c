/*
 * How the buffers of a dispatch reach its shader, chosen once for a device: by push descriptors,
 * or, where a driver has none, by descriptor sets that are as old as the recording. Both name every
 * slice's range, so that synchronization validation sees the same of them.
 */
#include "gpu/internal.h"

#include <stdlib.h>

enum { SETS_PER_POOL = 64 };

static qs_status push(qs_device *device, gpu_descriptors *descriptors, VkCommandBuffer commands,
                      const gpu_pipeline *pipeline, VkWriteDescriptorSet *writes)
{
    (void)descriptors;
    device->vk.vkCmdPushDescriptorSetKHR(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout,
                                         0, pipeline->binding_count, writes);
    return QS_OK;
}

/* ---- sets --------------------------------------------------------------------------------- */

/* Room for SETS_PER_POOL sets, whatever they hold. */
static qs_status add_pool(qs_device *device, gpu_descriptors *descriptors)
{
    qs_status status = QS_OK;
    const VkDescriptorPoolSize sizes[] = {
        { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, SETS_PER_POOL * GPU_BINDINGS_MAX },
        { VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, SETS_PER_POOL * GPU_BINDINGS_MAX },
    };
    const VkDescriptorPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = SETS_PER_POOL,
        .poolSizeCount = sizeof sizes / sizeof *sizes,
        .pPoolSizes = sizes,
    };
    const uint32_t count = descriptors->pool_count;
    VkDescriptorPool *pools = realloc(descriptors->pools, (count + 1) * sizeof *pools);
    if (!pools)
        TRY(qs_error(QS_ERROR_MEMORY, "no memory for %u descriptor pools", count + 1));
    descriptors->pools = pools;
    VK(device, device->vk.vkCreateDescriptorPool(device->handle, &info, NULL, &pools[count]));
    descriptors->pool_count++;
fail:
    return status;
}

static qs_status bind_set(qs_device *device, gpu_descriptors *descriptors, VkCommandBuffer commands,
                          const gpu_pipeline *pipeline, VkWriteDescriptorSet *writes)
{
    qs_status status = QS_OK;
    VkDescriptorSet set;
    const uint32_t pool = descriptors->set_count / SETS_PER_POOL;
    if (pool == descriptors->pool_count)
        TRY(add_pool(device, descriptors));
    const VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = descriptors->pools[pool],
        .descriptorSetCount = 1,
        .pSetLayouts = &device->pipelines.layouts[pipeline->shader].set,
    };
    VK(device, device->vk.vkAllocateDescriptorSets(device->handle, &info, &set));
    descriptors->set_count++;
    for (uint32_t i = 0; i < pipeline->binding_count; i++)
        writes[i].dstSet = set;
    device->vk.vkUpdateDescriptorSets(device->handle, pipeline->binding_count, writes, 0, NULL);
    device->vk.vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout,
                                       0, 1, &set, 0, NULL);
fail:
    return status;
}

/* ---- the door ----------------------------------------------------------------------------- */

void gpu_binder_choose(qs_device *device)
{
    const bool pushes = device->physical.info.push_descriptors;
    device->binder = (gpu_binder){
        .bind = pushes ? push : bind_set,
        .layout_flags = pushes ? VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR : 0,
    };
}

qs_status gpu_descriptors_reset(qs_device *device, gpu_descriptors *descriptors)
{
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < descriptors->pool_count; i++)
        VK(device, device->vk.vkResetDescriptorPool(device->handle, descriptors->pools[i], 0));
    descriptors->set_count = 0;
fail:
    return status;
}

void gpu_descriptors_finish(qs_device *device, gpu_descriptors *descriptors)
{
    for (uint32_t i = 0; i < descriptors->pool_count && device->state != GPU_HUNG; i++)
        device->vk.vkDestroyDescriptorPool(device->handle, descriptors->pools[i], NULL);
    free(descriptors->pools);
    *descriptors = (gpu_descriptors){ 0 };
}
