/*
 * Uploads: a ring of mapped chunks, each with its own command buffer and the ticket of its last
 * submission. While the device copies one, the host fills the next.
 */
#include "gpu/internal.h"

#include <assert.h>
#include <string.h>

enum { COPY_ALIGNMENT = 16 };

static qs_status create_ring(qs_device *device)
{
    qs_status status = QS_OK;
    gpu_staging *staging = &device->staging;
    for (uint32_t i = 0; i < STAGING_CHUNK_COUNT; i++)
        if (!staging->chunks[i].commands)
            TRY(gpu_command_buffer_create(device, &staging->chunks[i].commands));
    TRY(gpu_buffer_create(device, GPU_UPLOAD, STAGING_BYTES, "staging", &staging->buffer));
fail:
    return status;
}

static qs_status open_chunk(qs_device *device)
{
    qs_status status = QS_OK;
    gpu_staging *staging = &device->staging;
    if (staging->recording)
        return QS_OK;
    if (!staging->buffer.vk)
        TRY(create_ring(device));
    const struct staging_chunk *chunk = &staging->chunks[staging->current];
    TRY(gpu_wait(device, chunk->ticket, UINT32_MAX));
    const VkCommandBufferBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    VK(device, device->vk.vkBeginCommandBuffer(chunk->commands, &info));
    gpu_label_begin(device, chunk->commands, "upload");
    gpu_barrier_record(device, chunk->commands, GPU_BARRIER_OPEN);
    staging->used = 0;
    staging->recording = true;
fail:
    return status;
}

/* The chunk is closed in any case: after a failure what was in it is lost, and the caller knows. */
static qs_status submit_chunk(qs_device *device)
{
    qs_status status = QS_OK;
    gpu_staging *staging = &device->staging;
    struct staging_chunk *chunk = &staging->chunks[staging->current];
    staging->recording = false;
    gpu_barrier_record(device, chunk->commands, GPU_BARRIER_CLOSE);
    gpu_label_end(device, chunk->commands);
    VK(device, device->vk.vkEndCommandBuffer(chunk->commands));
    TRY(gpu_submit_commands(device, &chunk->commands, 1, &chunk->ticket));
    staging->current = (staging->current + 1) % STAGING_CHUNK_COUNT;
fail:
    return status;
}

/* Copies what still fits into the open chunk. */
static uint64_t copy_part(qs_device *device, const gpu_slice *to, uint64_t done, const char *data)
{
    gpu_staging *staging = &device->staging;
    const uint64_t room = STAGING_CHUNK_BYTES - staging->used;
    const uint64_t part = to->size - done < room ? to->size - done : room;
    const uint64_t from = (uint64_t)staging->current * STAGING_CHUNK_BYTES + staging->used;
    const VkCommandBuffer commands = staging->chunks[staging->current].commands;
    memcpy((char *)staging->buffer.mapped + from, data + done, part);
    if (staging->used > 0) /* "in order": this copy may overwrite an earlier one's target */
        gpu_barrier_record(device, commands, GPU_BARRIER_INNER);
    const VkBufferCopy region = { .srcOffset = from, .dstOffset = to->offset + done, .size = part };
    device->vk.vkCmdCopyBuffer(commands, staging->buffer.vk, to->buffer->vk, 1, &region);
    staging->used += (part + COPY_ALIGNMENT - 1) / COPY_ALIGNMENT * COPY_ALIGNMENT;
    return part;
}

qs_status gpu_upload(qs_device *device, const gpu_slice *to, const void *data)
{
    assert(to->size <= to->buffer->size && to->offset <= to->buffer->size - to->size);
    qs_status status = QS_OK;
    TRY(gpu_check_alive(device));
    for (uint64_t done = 0; done < to->size;) {
        TRY(open_chunk(device));
        done += copy_part(device, to, done, data);
        if (device->staging.used >= STAGING_CHUNK_BYTES)
            TRY(submit_chunk(device));
    }
    gpu_tell_prepared(device, 0, 0);
fail:
    return status;
}

qs_status gpu_upload_finish(qs_device *device)
{
    const qs_status status = gpu_check_alive(device);
    if (status != QS_OK || !device->staging.recording)
        return status;
    return submit_chunk(device);
}

void gpu_staging_finish(qs_device *device)
{
    device->staging.recording = false; /* after a loss there is no submission any more */
    gpu_buffer_free(device, &device->staging.buffer);
}
