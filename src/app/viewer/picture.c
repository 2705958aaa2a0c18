#include "viewer/picture.h"

#include <math.h>
#include <string.h>

/* picture_vert and picture_frag, SPIR-V made at build time */
#include "picture_frag.h"
#include "picture_vert.h"

/* The same as Args in picture_args.glsl. */
typedef struct picture_args {
    float to_clip[2], origin[2], cell[2], pitch[2];
    uint32_t size[2], columns, first_picture;
    float checker, checker_light, checker_dark, brightness;
    uint32_t smooth_filter, first_pixel;
} picture_args;

enum { SETS = 3 }; /* a store each */

static qs_status create_layouts(picture *p)
{
    qs_status status = QS_OK;
    const VkDevice device = p->vulkan.device;
    VK(vkCreateDescriptorSetLayout(device,
                                   &(VkDescriptorSetLayoutCreateInfo){
                                       .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                       .bindingCount = 1,
                                       .pBindings =
                                           &(VkDescriptorSetLayoutBinding){
                                               .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                               .descriptorCount = 1,
                                               .stageFlags = VK_SHADER_STAGE_FRAGMENT_BIT,
                                           },
                                   },
                                   NULL, &p->set_layout));
    VK(vkCreatePipelineLayout(
        device,
        &(VkPipelineLayoutCreateInfo){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
            .setLayoutCount = 1,
            .pSetLayouts = &p->set_layout,
            .pushConstantRangeCount = 1,
            .pPushConstantRanges =
                &(VkPushConstantRange){
                    .stageFlags = VK_SHADER_STAGE_VERTEX_BIT | VK_SHADER_STAGE_FRAGMENT_BIT,
                    .size = sizeof(picture_args),
                },
        },
        NULL, &p->layout));
    VK(vkCreateDescriptorPool(
        device,
        &(VkDescriptorPoolCreateInfo){
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
            .maxSets = SETS,
            .poolSizeCount = 1,
            .pPoolSizes = &(VkDescriptorPoolSize){ VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, SETS },
        },
        NULL, &p->sets));
    VkDescriptorSet sets[SETS];
    VK(vkAllocateDescriptorSets(
        device,
        &(VkDescriptorSetAllocateInfo){
            .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
            .descriptorPool = p->sets,
            .descriptorSetCount = SETS,
            .pSetLayouts = (VkDescriptorSetLayout[]){ p->set_layout, p->set_layout, p->set_layout },
        },
        sets));
    p->shown.set = sets[0];
    p->strip.set = sets[1];
    p->canvas.set = sets[2];
fail:
    return status;
}

static qs_status create_module(VkDevice device, const uint32_t *code, size_t size_bytes,
                               VkShaderModule *module)
{
    qs_status status = QS_OK;
    VK(vkCreateShaderModule(device,
                            &(VkShaderModuleCreateInfo){
                                .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                .codeSize = size_bytes,
                                .pCode = code,
                            },
                            NULL, module));
fail:
    return status;
}

static qs_status create_pipeline(picture *p, VkRenderPass pass)
{
    qs_status status = QS_OK;
    const VkDevice device = p->vulkan.device;
    VkShaderModule vertex = VK_NULL_HANDLE, fragment = VK_NULL_HANDLE;
    TRY(create_module(device, picture_vert, sizeof picture_vert, &vertex));
    TRY(create_module(device, picture_frag, sizeof picture_frag, &fragment));
    const VkPipelineShaderStageCreateInfo stages[] = {
        {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = VK_SHADER_STAGE_VERTEX_BIT,
            .module = vertex,
            .pName = "main",
        },
        {
            .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
            .stage = VK_SHADER_STAGE_FRAGMENT_BIT,
            .module = fragment,
            .pName = "main",
        },
    };
    const VkDynamicState dynamic[] = { VK_DYNAMIC_STATE_VIEWPORT, VK_DYNAMIC_STATE_SCISSOR };
    VK(vkCreateGraphicsPipelines(
        device, VK_NULL_HANDLE, 1,
        &(VkGraphicsPipelineCreateInfo){
            .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
            .stageCount = 2,
            .pStages = stages,
            .pVertexInputState =
                &(VkPipelineVertexInputStateCreateInfo){
                    .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO },
            .pInputAssemblyState =
                &(VkPipelineInputAssemblyStateCreateInfo){
                    .sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
                    .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
                },
            .pViewportState =
                &(VkPipelineViewportStateCreateInfo){
                    .sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
                    .viewportCount = 1,
                    .scissorCount = 1,
                },
            .pRasterizationState =
                &(VkPipelineRasterizationStateCreateInfo){
                    .sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
                    .lineWidth = 1.0f,
                },
            .pMultisampleState =
                &(VkPipelineMultisampleStateCreateInfo){
                    .sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
                    .rasterizationSamples = VK_SAMPLE_COUNT_1_BIT,
                },
            .pColorBlendState =
                &(VkPipelineColorBlendStateCreateInfo){
                    .sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
                    .attachmentCount = 1,
                    .pAttachments = &(VkPipelineColorBlendAttachmentState){ .colorWriteMask = 0xf },
                },
            .pDynamicState =
                &(VkPipelineDynamicStateCreateInfo){
                    .sType = VK_STRUCTURE_TYPE_PIPELINE_DYNAMIC_STATE_CREATE_INFO,
                    .dynamicStateCount = 2,
                    .pDynamicStates = dynamic,
                },
            .layout = p->layout,
            .renderPass = pass,
        },
        NULL, &p->pipeline));
fail:
    vkDestroyShaderModule(device, vertex, NULL);
    vkDestroyShaderModule(device, fragment, NULL);
    return status;
}

static void destroy_store(picture *p, picture_store *store)
{
    vkDestroyBuffer(p->vulkan.device, store->buffer, NULL);
    vkFreeMemory(p->vulkan.device, store->memory, NULL);
    *store = (picture_store){ .set = store->set };
}

void picture_finish(picture *p)
{
    if (!p->vulkan.device)
        return;
    destroy_store(p, &p->shown);
    destroy_store(p, &p->strip);
    destroy_store(p, &p->canvas);
    vkDestroyPipeline(p->vulkan.device, p->pipeline, NULL);
    vkDestroyDescriptorPool(p->vulkan.device, p->sets, NULL);
    vkDestroyPipelineLayout(p->vulkan.device, p->layout, NULL);
    vkDestroyDescriptorSetLayout(p->vulkan.device, p->set_layout, NULL);
    *p = (picture){ 0 };
}

/* Vulkan promises one that the host sees and that is coherent, of every buffer. */
static uint32_t find_memory(VkPhysicalDevice device, uint32_t allowed, VkMemoryPropertyFlags wanted)
{
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(device, &memory);
    uint32_t any = UINT32_MAX;
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++) {
        if (!(allowed & 1u << i))
            continue;
        if ((memory.memoryTypes[i].propertyFlags & wanted) == wanted)
            return i;
        any = any == UINT32_MAX ? i : any;
    }
    return any;
}

static qs_status create_store(picture *p, picture_store *store, VkDeviceSize size_bytes,
                              VkMemoryPropertyFlags wanted)
{
    qs_status status = QS_OK;
    const VkDevice device = p->vulkan.device;
    VK(vkCreateBuffer(
        device,
        &(VkBufferCreateInfo){
            .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
            .size = size_bytes,
            .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        },
        NULL, &store->buffer));
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(device, store->buffer, &needs);
    VK(vkAllocateMemory(
        device,
        &(VkMemoryAllocateInfo){
            .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
            .allocationSize = needs.size,
            .memoryTypeIndex = find_memory(p->vulkan.physical_device, needs.memoryTypeBits, wanted),
        },
        NULL, &store->memory));
    VK(vkBindBufferMemory(device, store->buffer, store->memory, 0));
    store->size_bytes = size_bytes;
    vkUpdateDescriptorSets(
        device, 1,
        &(VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = store->set,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &(VkDescriptorBufferInfo){ store->buffer, 0, size_bytes },
        },
        0, NULL);
fail:
    return status;
}

qs_status picture_init(picture *p, const qs_vulkan_device *vulkan, VkRenderPass pass)
{
    *p = (picture){ .vulkan = *vulkan };
    qs_status status = QS_OK;
    TRY(create_layouts(p));
    TRY(create_pipeline(p, pass));
    TRY(create_store(p, &p->strip, (VkDeviceSize)STRIP_SLOTS * STRIP_SIDE * STRIP_SIDE * 4,
                     VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT));
    VK(vkMapMemory(vulkan->device, p->strip.memory, 0, VK_WHOLE_SIZE, 0,
                   (void **)&p->strip.mapped));
fail:
    return status;
}

static void barrier(VkCommandBuffer commands, VkPipelineStageFlags from, VkAccessFlags written,
                    VkPipelineStageFlags to, VkAccessFlags accessed)
{
    vkCmdPipelineBarrier(commands, from, to, 0, 1,
                         &(VkMemoryBarrier){
                             .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                             .srcAccessMask = written,
                             .dstAccessMask = accessed,
                         },
                         0, NULL, 0, NULL);
}

qs_status picture_take(picture *p, VkCommandBuffer commands, const qs_session *session,
                       const qs_frame *frame, uint32_t before, uint32_t room)
{
    qs_status status = QS_OK;
    VkBuffer source;
    VkDeviceSize offset, size_bytes;
    const VkDeviceSize picture_bytes = (VkDeviceSize)4 * frame->width * frame->height;
    qs_session_get_frame_buffer(session, frame->slot, &source, &offset, &size_bytes);
    if (p->shown.size_bytes != room * picture_bytes || p->width != frame->width ||
        p->height != frame->height) {
        /* Only with another batch or model: the last frames that read the old one must be over. */
        VK(vkQueueWaitIdle(p->vulkan.queue));
        destroy_store(p, &p->shown);
        TRY(create_store(p, &p->shown, room * picture_bytes, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT));
        /* what a batch has not filled yet is transparent */
        vkCmdFillBuffer(commands, p->shown.buffer, 0, VK_WHOLE_SIZE, 0);
    }
    barrier(commands,
            VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT |
                VK_PIPELINE_STAGE_TRANSFER_BIT,
            VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
            VK_PIPELINE_STAGE_TRANSFER_BIT,
            VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT);
    vkCmdCopyBuffer(commands, source, p->shown.buffer, 1,
                    &(VkBufferCopy){ .srcOffset = offset,
                                     .dstOffset = before * picture_bytes,
                                     .size = size_bytes });
    /* to the fragment shader; and whoever writes the slot next waits for the copy */
    barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
            VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
            VK_ACCESS_SHADER_READ_BIT);
    p->width = frame->width;
    p->height = frame->height;
fail:
    return status;
}

/* The mean of the colours times alpha, as the shader has it. */
static uint32_t mean_of(const uint8_t *rgba, uint32_t width, uint32_t x0, uint32_t x1, uint32_t y0,
                        uint32_t y1)
{
    uint64_t sum[4] = { 0 }, count = (uint64_t)(x1 - x0) * (y1 - y0);
    for (uint32_t y = y0; y < y1; y++)
        for (uint32_t x = x0; x < x1; x++) {
            const uint8_t *pixel = rgba + 4 * ((size_t)y * width + x);
            for (int c = 0; c < 3; c++)
                sum[c] += (uint64_t)pixel[c] * pixel[3];
            sum[3] += pixel[3];
        }
    uint32_t value = (uint32_t)(sum[3] / count) << 24;
    for (int c = 0; c < 3 && sum[3] > 0; c++)
        value |= (uint32_t)(sum[c] / sum[3]) << 8 * c;
    return value;
}

void picture_strip_put(picture *p, uint32_t slot, const uint8_t *rgba, uint32_t width,
                       uint32_t height, uint32_t *small_width, uint32_t *small_height)
{
    const uint32_t longer = width > height ? width : height;
    const uint32_t by = (longer + STRIP_SIDE - 1) / STRIP_SIDE;
    const uint32_t w = width / by, h = height / by;
    uint32_t *to = p->strip.mapped + (size_t)slot * STRIP_SIDE * STRIP_SIDE;
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            to[y * w + x] = mean_of(rgba, width, x * by, (x + 1) * by, y * by, (y + 1) * by);
    *small_width = w;
    *small_height = h;
}

static qs_status create_canvas(picture *p, const viewer_canvas *canvas)
{
    qs_status status = QS_OK;
    const VkDeviceSize bytes = (VkDeviceSize)4 * canvas->width * canvas->height;
    VK(vkQueueWaitIdle(p->vulkan.queue)); /* the last frames that read the old one must be over */
    destroy_store(p, &p->canvas);
    TRY(create_store(p, &p->canvas, CANVAS_TURNS * bytes,
                     VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT));
    VK(vkMapMemory(p->vulkan.device, p->canvas.memory, 0, VK_WHOLE_SIZE, 0,
                   (void **)&p->canvas.mapped));
    p->canvas_w = canvas->width;
    p->canvas_h = canvas->height;
fail:
    return status;
}

qs_status picture_canvas_put(picture *p, const viewer_canvas *canvas, uint32_t revision)
{
    const bool fits =
        p->canvas.buffer && p->canvas_w == canvas->width && p->canvas_h == canvas->height;
    const qs_status status = fits ? QS_OK : create_canvas(p, canvas);
    if (status != QS_OK || (fits && p->canvas_id == canvas->id && p->canvas_revision == revision))
        return status;
    const size_t pixels = (size_t)canvas->width * canvas->height;
    p->canvas_turn = (p->canvas_turn + 1) % CANVAS_TURNS;
    p->canvas_id = canvas->id;
    p->canvas_revision = revision;
    memcpy(p->canvas.mapped + p->canvas_turn * pixels, canvas->pixels, 4 * pixels);
    return QS_OK;
}

/* The number of columns in which pictures of this shape can be largest. */
static uint32_t best_columns(const viewer_rect *room, uint32_t width, uint32_t height,
                             uint32_t count, float gap, float *scale)
{
    uint32_t best = 1;
    *scale = 0;
    for (uint32_t columns = 1; columns <= count; columns++) {
        const uint32_t rows = (count + columns - 1) / columns;
        const float x = (room->width - gap * (float)(columns - 1)) / (float)(width * columns);
        const float y = (room->height - gap * (float)(rows - 1)) / (float)(height * rows);
        if (fminf(x, y) > *scale * 1.0001f) {
            *scale = fminf(x, y);
            best = columns;
        }
    }
    return best;
}

/* Whole where nearly nothing is lost by it: all of a picture's pixels are then equally large. */
static float crisp_scale(float scale)
{
    return floorf(scale) >= 0.88f * scale ? floorf(scale) : scale;
}

picture_grid picture_place(const viewer_rect *room, uint32_t width, uint32_t height, uint32_t count,
                           int solo, float gap, bool smooth)
{
    const bool one = solo >= 0 && (uint32_t)solo < count;
    picture_grid grid = {
        .width = width,
        .height = height,
        .first = one ? (uint32_t)solo : 0,
        .count = one ? 1 : count,
    };
    if (grid.count == 0 || width == 0 || height == 0)
        return grid;
    float scale;
    grid.columns = best_columns(room, width, height, grid.count, gap, &scale);
    grid.rows = (grid.count + grid.columns - 1) / grid.columns;
    if (!smooth)
        scale = crisp_scale(scale);
    grid.cell_w = fmaxf(1.0f, floorf(scale * (float)width));
    grid.cell_h = fmaxf(1.0f, floorf(scale * (float)height));
    grid.pitch_x = grid.cell_w + gap;
    grid.pitch_y = grid.cell_h + gap;
    const float used_x = grid.pitch_x * (float)grid.columns - gap;
    const float used_y = grid.pitch_y * (float)grid.rows - gap;
    grid.x = floorf(room->x + (room->width - used_x) / 2);
    grid.y = floorf(room->y + (room->height - used_y) / 2);
    return grid;
}

int picture_cell_at(const picture_grid *grid, float x, float y)
{
    if (x < grid->x || y < grid->y || grid->cell_w < 1.0f)
        return -1;
    const uint32_t column = (uint32_t)((x - grid->x) / grid->pitch_x);
    const uint32_t row = (uint32_t)((y - grid->y) / grid->pitch_y);
    const bool between = x - grid->x - (float)column * grid->pitch_x >= grid->cell_w ||
                         y - grid->y - (float)row * grid->pitch_y >= grid->cell_h;
    if (column >= grid->columns || row >= grid->rows || between)
        return -1;
    const uint32_t cell = row * grid->columns + column;
    return cell < grid->count ? (int)cell : -1;
}

/* The part of the clip that is inside the window. */
static VkRect2D scissor_of(const viewer_rect *clip, VkExtent2D extent)
{
    const float x0 = fminf(fmaxf(clip->x, 0), (float)extent.width);
    const float y0 = fminf(fmaxf(clip->y, 0), (float)extent.height);
    const float x1 = fminf(fmaxf(clip->x + clip->width, x0), (float)extent.width);
    const float y1 = fminf(fmaxf(clip->y + clip->height, y0), (float)extent.height);
    return (VkRect2D){ { (int32_t)x0, (int32_t)y0 },
                       { (uint32_t)x1 - (uint32_t)x0, (uint32_t)y1 - (uint32_t)y0 } };
}

void picture_draw(const picture *p, VkCommandBuffer commands, VkExtent2D extent,
                  const picture_part *part)
{
    const picture_grid *grid = &part->grid;
    const picture_store *store = part->source == PICTURE_STRIP    ? &p->strip
                                 : part->source == PICTURE_CANVAS ? &p->canvas
                                                                  : &p->shown;
    const VkDeviceSize picture_bytes = (VkDeviceSize)4 * grid->width * grid->height;
    const uint32_t first = part->source == PICTURE_CANVAS
                               ? p->canvas_turn * p->canvas_w * p->canvas_h
                               : part->first_pixel;
    const VkDeviceSize end = 4 * (VkDeviceSize)first + (grid->first + grid->count) * picture_bytes;
    if (grid->count == 0 || grid->cell_w < 1.0f || end > store->size_bytes)
        return;
    const picture_args args = {
        .to_clip = { 2.0f / (float)extent.width, 2.0f / (float)extent.height },
        .origin = { grid->x, grid->y },
        .cell = { grid->cell_w, grid->cell_h },
        .pitch = { grid->pitch_x, grid->pitch_y },
        .size = { grid->width, grid->height },
        .columns = grid->columns,
        .first_picture = grid->first,
        .checker = part->checker_px,
        .checker_light = 0.315f,
        .checker_dark = 0.270f,
        .brightness = part->brightness,
        .smooth_filter = part->smooth,
        .first_pixel = first,
    };
    const VkRect2D scissor = scissor_of(&part->clip, extent);
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, p->pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, p->layout, 0, 1, &store->set,
                            0, NULL);
    vkCmdPushConstants(commands, p->layout,
                       VK_SHADER_STAGE_VERTEX_BIT | VK_SHADER_STAGE_FRAGMENT_BIT, 0, sizeof args,
                       &args);
    vkCmdSetViewport(commands, 0, 1,
                     &(VkViewport){ .width = (float)extent.width,
                                    .height = (float)extent.height,
                                    .maxDepth = 1.0f });
    vkCmdSetScissor(commands, 0, 1, &scissor);
    vkCmdDraw(commands, 6, grid->count, 0, grid->first);
}
