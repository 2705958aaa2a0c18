/* Recording: once; submitted any number of times. */
#include "gpu/internal.h"

#include "core/debug.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct gpu_commands {
    qs_device *device;
    char *name;
    VkCommandBuffer vk; /* that is being recorded: the last of */
    VkCommandBuffer *parts;
    uint32_t part_count, part_capacity; /* the recording's; those that there are */
    VkQueryPool queries;
    uint32_t timestamp_count;
    const gpu_pipeline *bound;
    gpu_descriptors descriptors;
    VkBufferView *views; /* of the texel buffers in the recording */
    uint32_t view_count, view_capacity;
    qs_status failed; /* while recording */
};

/* ---- life --------------------------------------------------------------------------------- */

static qs_status create_queries(qs_device *device, gpu_commands *commands)
{
    qs_status status = QS_OK;
    const VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_TIMESTAMP,
        .queryCount = 2 * commands->timestamp_count, /* see gpu_record_timestamp */
    };
    if (!device->physical.limits.timestamps)
        TRY(qs_error(QS_ERROR_DEVICE, "%s: %s has no timestamps on its compute queue",
                     commands->name, device->physical.info.name));
    VK(device, device->vk.vkCreateQueryPool(device->handle, &info, NULL, &commands->queries));
fail:
    return status;
}

static qs_status add_part(gpu_commands *commands)
{
    qs_device *device = commands->device;
    qs_status status = QS_OK;
    VkCommandBuffer *parts =
        realloc(commands->parts, (commands->part_capacity + 1) * sizeof *parts);
    if (!parts)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory for a command buffer", commands->name);
    commands->parts = parts;
    VkCommandBuffer *part = &parts[commands->part_capacity];
    TRY(gpu_command_buffer_create(device, part));
    commands->part_capacity++;
    GPU_NAME(device, VK_OBJECT_TYPE_COMMAND_BUFFER, *part, commands->name);
fail:
    return status;
}

qs_status gpu_commands_create(qs_device *device, const char *name, uint32_t timestamp_count,
                              gpu_commands **commands)
{
    qs_status status = QS_OK;
    *commands = NULL;
    gpu_commands *new = calloc(1, sizeof *new);
    if (!new)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory for a command buffer", name);
    *new = (gpu_commands){ .device = device, .timestamp_count = timestamp_count };
    TRY(gpu_check_alive(device));
    new->name = strdup(name);
    if (!new->name)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for a name", name));
    if (timestamp_count > 0)
        TRY(create_queries(device, new));
    TRY(add_part(new));
    *commands = new;
    return QS_OK;
fail:
    gpu_commands_destroy(device, new);
    return status;
}

static void destroy_views(gpu_commands *commands)
{
    const qs_device *device = commands->device;
    for (uint32_t i = 0; i < commands->view_count; i++)
        device->vk.vkDestroyBufferView(device->handle, commands->views[i], NULL);
    commands->view_count = 0;
}

void gpu_commands_destroy(qs_device *device, gpu_commands *commands)
{
    if (!commands)
        return;
    if (commands->part_capacity > 0 && device->state == GPU_ALIVE)
        gpu_wait_all(device);
    if (device->state != GPU_HUNG) {
        destroy_views(commands);
        device->vk.vkDestroyQueryPool(device->handle, commands->queries, NULL);
        if (commands->part_capacity > 0)
            device->vk.vkFreeCommandBuffers(device->handle, device->command_pool,
                                            commands->part_capacity, commands->parts);
    }
    gpu_descriptors_finish(device, &commands->descriptors);
    free(commands->parts);
    free(commands->views);
    free(commands->name);
    free(commands);
}

/* ---- barriers ----------------------------------------------------------------------------- */

void gpu_record_barrier(gpu_commands *commands)
{
    gpu_barrier_record(commands->device, commands->vk, GPU_BARRIER_INNER);
}

/* ---- recording ---------------------------------------------------------------------------- */

/* What a part before leaves, on the device or the host, is visible in the next: they may be
 * submitted apart. */
static qs_status begin_part(gpu_commands *commands)
{
    qs_device *device = commands->device;
    qs_status status = QS_OK;
    const VkCommandBufferBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
    };
    if (commands->part_count == commands->part_capacity)
        TRY(add_part(commands));
    commands->vk = commands->parts[commands->part_count];
    VK(device, device->vk.vkBeginCommandBuffer(commands->vk, &info));
    commands->part_count++;
    commands->bound = NULL;
    gpu_label_begin(device, commands->vk, commands->name);
    if (commands->queries && commands->part_count == 1)
        device->vk.vkCmdResetQueryPool(commands->vk, commands->queries, 0,
                                       2 * commands->timestamp_count);
    gpu_barrier_record(device, commands->vk, GPU_BARRIER_OPEN);
fail:
    return status;
}

static qs_status end_part(gpu_commands *commands)
{
    qs_device *device = commands->device;
    qs_status status = QS_OK;
    gpu_barrier_record(device, commands->vk, GPU_BARRIER_CLOSE);
    gpu_label_end(device, commands->vk);
    VK(device, device->vk.vkEndCommandBuffer(commands->vk));
fail:
    return status;
}

qs_status gpu_record_begin(gpu_commands *commands)
{
    qs_device *device = commands->device;
    qs_status status = QS_OK;
    TRY(gpu_wait_all(device)); /* an earlier recording may be in flight */
    TRY(gpu_descriptors_reset(device, &commands->descriptors));
    destroy_views(commands);
    commands->part_count = 0;
    commands->failed = QS_OK;
    TRY(begin_part(commands));
fail:
    return status;
}

void gpu_record_cut(gpu_commands *commands)
{
    qs_status status = end_part(commands);
    if (status == QS_OK)
        status = begin_part(commands);
    if (status != QS_OK)
        commands->failed = status;
}

qs_status gpu_record_end(gpu_commands *commands)
{
    const qs_status status = end_part(commands);
    return status == QS_OK ? commands->failed : status;
}

uint32_t gpu_commands_part_count(const gpu_commands *commands)
{
    return commands->part_count;
}

/* only asserts use it */
static __attribute__((unused)) bool slice_fits(const gpu_slice *slice)
{
    return slice->buffer && slice->size > 0 && slice->size <= slice->buffer->size &&
           slice->offset <= slice->buffer->size - slice->size;
}

static qs_status reserve_view(gpu_commands *commands)
{
    if (commands->view_count < commands->view_capacity)
        return QS_OK;
    const uint32_t capacity = commands->view_capacity ? 2 * commands->view_capacity : 64;
    VkBufferView *views = realloc(commands->views, capacity * sizeof *views);
    if (!views)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory for %u buffer views", commands->name,
                        capacity);
    commands->views = views;
    commands->view_capacity = capacity;
    return QS_OK;
}

/* A slice's bytes, as the range of a view. Where bits 8 to 15 of that are zero, llvmpipe takes the
 * view for another kind of texture and compiles every shader that reads it once more
 * (findings/llvmpipe_texel_buffer_sizes.sh): such a view reaches over the next 256 bytes. No shader
 * looks at them, but synchronization validation counts the whole view as read. */
static uint64_t view_range(const qs_device *device, const gpu_slice *slice, uint32_t texel_bytes)
{
    const gpu_limits *limits = &device->physical.limits;
    const uint64_t wider = gpu_align(slice->size + GPU_ALIGNMENT);
    const bool again = limits->cpu && (slice->size >> 8) % 256 == 0 && !debug_get()->sync;
    const bool exists = slice->offset + wider <= slice->buffer->size &&
                        wider / texel_bytes <= limits->texel_elements;
    return again && exists ? wider : slice->size;
}

/* A view is as old as the recording: the slice's buffer need not know of it. */
static qs_status create_view(gpu_commands *commands, const gpu_slice *slice, VkFormat format,
                             VkBufferView *view)
{
    qs_device *device = commands->device;
    qs_status status = QS_OK;
    const uint32_t texel_bytes = format == GPU_TEXEL_F16 ? 8 : 16;
    assert(slice->size % texel_bytes == 0);
    const VkBufferViewCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
        .buffer = slice->buffer->vk,
        .format = format,
        .offset = slice->offset,
        .range = view_range(device, slice, texel_bytes),
    };
    TRY(reserve_view(commands));
    VK(device, device->vk.vkCreateBufferView(device->handle, &info, NULL, view));
    commands->views[commands->view_count++] = *view;
fail:
    return status;
}

static qs_status bind_buffers(gpu_commands *commands, const gpu_dispatch *dispatch)
{
    qs_device *device = commands->device;
    const struct shader_entry *shader = &shader_table[dispatch->pipeline->shader];
    VkDescriptorBufferInfo buffers[GPU_BINDINGS_MAX];
    VkBufferView views[GPU_BINDINGS_MAX];
    VkWriteDescriptorSet writes[GPU_BINDINGS_MAX];
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < dispatch->binding_count; i++) {
        const gpu_slice *slice = &dispatch->bindings[i];
        const bool f16 = shader->texel_f16 >> i & 1, texel = f16 || shader->texel_f32 >> i & 1;
        assert(slice_fits(slice) && slice->offset % GPU_ALIGNMENT == 0);
        assert(slice->size <= device->physical.limits.storage_range_bytes);
        buffers[i] = (VkDescriptorBufferInfo){ .buffer = slice->buffer->vk,
                                               .offset = slice->offset,
                                               .range = slice->size };
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType =
                texel ? VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &buffers[i],
            .pTexelBufferView = &views[i],
        };
        if (texel)
            TRY(create_view(commands, slice, f16 ? GPU_TEXEL_F16 : GPU_TEXEL_F32, &views[i]));
    }
    if (dispatch->binding_count > 0)
        TRY(device->binder.bind(device, &commands->descriptors, commands->vk, dispatch->pipeline,
                                writes));
fail:
    return status;
}

void gpu_record_dispatch(gpu_commands *commands, const gpu_dispatch *dispatch)
{
    const qs_device *device = commands->device;
    const gpu_pipeline *pipeline = dispatch->pipeline;
    assert(dispatch->binding_count == pipeline->binding_count);
    assert(dispatch->push_bytes <= GPU_PUSH_BYTES_MAX && dispatch->push_bytes % 4 == 0);
    for (int i = 0; i < 3; i++)
        assert(dispatch->groups[i] > 0 &&
               dispatch->groups[i] <= device->physical.limits.workgroup_count[i]);
    const qs_status status = bind_buffers(commands, dispatch);
    if (status != QS_OK) {
        commands->failed = status;
        return;
    }
    gpu_label_begin(device, commands->vk, dispatch->label);
    if (commands->bound != pipeline)
        device->vk.vkCmdBindPipeline(commands->vk, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->vk);
    commands->bound = pipeline;
    if (dispatch->push_bytes > 0)
        device->vk.vkCmdPushConstants(commands->vk, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT,
                                      0, dispatch->push_bytes, dispatch->push);
    device->vk.vkCmdDispatch(commands->vk, dispatch->groups[0], dispatch->groups[1],
                             dispatch->groups[2]);
    gpu_label_end(device, commands->vk);
}

void gpu_record_copy(gpu_commands *commands, const gpu_slice *from, const gpu_slice *to)
{
    assert(from->size == to->size && slice_fits(from) && slice_fits(to));
    const VkBufferCopy region = { .srcOffset = from->offset,
                                  .dstOffset = to->offset,
                                  .size = from->size };
    commands->device->vk.vkCmdCopyBuffer(commands->vk, from->buffer->vk, to->buffer->vk, 1,
                                         &region);
}

void gpu_record_fill(gpu_commands *commands, const gpu_slice *to, uint32_t value)
{
    assert(slice_fits(to) && to->offset % 4 == 0);
    const uint64_t size = (to->size + 3) / 4 * 4; /* buffers are a multiple of 256 bytes */
    commands->device->vk.vkCmdFillBuffer(commands->vk, to->buffer->vk, to->offset, size, value);
}

void gpu_record_timestamp(gpu_commands *commands, uint32_t slot)
{
    assert(slot < commands->timestamp_count);
    /* Written twice: once a queue has drawn something, llvmpipe takes a timestamp only when the
     * next command comes, and the op before would be charged with this one's work. */
    for (uint32_t copy = 0; copy < 2; ++copy)
        commands->device->vk.vkCmdWriteTimestamp(commands->vk, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                                                 commands->queries,
                                                 copy * commands->timestamp_count + slot);
}

/* ---- after recording ---------------------------------------------------------------------- */

qs_status gpu_submit_parts(qs_device *device, const gpu_commands *commands, uint32_t first,
                           uint32_t count, uint64_t *ticket)
{
    assert(count > 0 && first + count <= commands->part_count);
    qs_status status = QS_OK;
    TRY(gpu_upload_finish(device));
    TRY(gpu_submit_commands(device, commands->parts + first, count, ticket));
fail:
    return status;
}

qs_status gpu_submit(qs_device *device, const gpu_commands *commands, uint64_t *ticket)
{
    return gpu_submit_parts(device, commands, 0, commands->part_count, ticket);
}

qs_status gpu_run(qs_device *device, const gpu_commands *commands)
{
    uint64_t ticket = 0;
    const qs_status status = gpu_submit(device, commands, &ticket);
    return status == QS_OK ? gpu_wait(device, ticket, UINT32_MAX) : status;
}

qs_status gpu_commands_timestamps(qs_device *device, const gpu_commands *commands, double *ns)
{
    qs_status status = QS_OK;
    const uint32_t count = commands->timestamp_count, bits = device->physical.timestamp_bits;
    const uint64_t mask = bits < 64 ? ((uint64_t)1 << bits) - 1 : UINT64_MAX;
    uint64_t *ticks = NULL;
    TRY(gpu_check_alive(device));
    if (count == 0)
        return QS_OK;
    ticks = calloc(count, sizeof *ticks);
    if (!ticks)
        TRY(qs_error(QS_ERROR_MEMORY, "no memory for %u timestamps", count));
    VK(device, device->vk.vkGetQueryPoolResults(device->handle, commands->queries, 0, count,
                                                count * sizeof *ticks, ticks, sizeof *ticks,
                                                VK_QUERY_RESULT_64_BIT));
    for (uint32_t i = 0; i < count; i++) /* since the first: the counter may wrap around */
        ns[i] = (double)((ticks[i] - ticks[0]) & mask) * (double)device->physical.timestamp_period;
fail:
    free(ticks);
    return status;
}
