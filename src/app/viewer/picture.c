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
} picture_args;

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
            .maxSets = 1,
            .poolSizeCount = 1,
            .pPoolSizes = &(VkDescriptorPoolSize){ VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1 },
        },
        NULL, &p->sets));
    VK(vkAllocateDescriptorSets(device,
                                &(VkDescriptorSetAllocateInfo){
                                    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
                                    .descriptorPool = p->sets,
                                    .descriptorSetCount = 1,
                                    .pSetLayouts = &p->set_layout,
                                },
                                &p->set));
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

qs_status picture_init(picture *p, const qs_vulkan_device *vulkan, VkRenderPass pass)
{
    *p = (picture){ .vulkan = *vulkan };
    qs_status status = QS_OK;
    TRY(create_layouts(p));
    TRY(create_pipeline(p, pass));
fail:
    return status;
}

static void destroy_buffer(picture *p)
{
    vkDestroyBuffer(p->vulkan.device, p->pixels.buffer, NULL);
    vkFreeMemory(p->vulkan.device, p->pixels.memory, NULL);
    p->pixels = (picture_buffer){ 0 };
    p->count = 0;
}

void picture_finish(picture *p)
{
    if (!p->vulkan.device)
        return;
    destroy_buffer(p);
    vkDestroyPipeline(p->vulkan.device, p->pipeline, NULL);
    vkDestroyDescriptorPool(p->vulkan.device, p->sets, NULL);
    vkDestroyPipelineLayout(p->vulkan.device, p->layout, NULL);
    vkDestroyDescriptorSetLayout(p->vulkan.device, p->set_layout, NULL);
    *p = (picture){ 0 };
}

static uint32_t find_memory(VkPhysicalDevice device, uint32_t allowed)
{
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(device, &memory);
    uint32_t any = UINT32_MAX;
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++) {
        if (!(allowed & 1u << i))
            continue;
        if (memory.memoryTypes[i].propertyFlags & VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT)
            return i;
        any = any == UINT32_MAX ? i : any;
    }
    return any;
}

static qs_status create_buffer(picture *p, VkDeviceSize size_bytes)
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
        NULL, &p->pixels.buffer));
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(device, p->pixels.buffer, &needs);
    VK(vkAllocateMemory(
        device,
        &(VkMemoryAllocateInfo){
            .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
            .allocationSize = needs.size,
            .memoryTypeIndex = find_memory(p->vulkan.physical_device, needs.memoryTypeBits),
        },
        NULL, &p->pixels.memory));
    VK(vkBindBufferMemory(device, p->pixels.buffer, p->pixels.memory, 0));
    p->pixels.size_bytes = size_bytes;
    vkUpdateDescriptorSets(
        device, 1,
        &(VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = p->set,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &(VkDescriptorBufferInfo){ p->pixels.buffer, 0, size_bytes },
        },
        0, NULL);
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
                       const qs_frame *frame)
{
    qs_status status = QS_OK;
    VkBuffer source;
    VkDeviceSize offset, size_bytes;
    qs_session_get_frame_buffer(session, frame->slot, &source, &offset, &size_bytes);
    if (p->pixels.size_bytes != size_bytes) {
        /* Only with another batch or model: the last frames that read the old one must be over. */
        VK(vkQueueWaitIdle(p->vulkan.queue));
        destroy_buffer(p);
        TRY(create_buffer(p, size_bytes));
    }
    barrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT,
            VK_ACCESS_SHADER_WRITE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
            VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT);
    vkCmdCopyBuffer(commands, source, p->pixels.buffer, 1,
                    &(VkBufferCopy){ .srcOffset = offset, .size = size_bytes });
    /* to the fragment shader; and whoever writes the slot next waits for the copy */
    barrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
            VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
            VK_ACCESS_SHADER_READ_BIT);
    p->width = frame->width;
    p->height = frame->height;
    p->count = frame->count;
fail:
    return status;
}

picture_grid picture_place(const viewer_rect *room, uint32_t width, uint32_t height, uint32_t count,
                           int solo, float gap)
{
    const bool one = solo >= 0 && (uint32_t)solo < count;
    picture_grid grid = {
        .first = one ? (uint32_t)solo : 0,
        .count = one ? 1 : count,
    };
    grid.columns = 1;
    while (grid.columns * grid.columns < grid.count)
        grid.columns++;
    grid.rows = grid.count ? (grid.count + grid.columns - 1) / grid.columns : 0;
    if (grid.count == 0 || width == 0 || height == 0)
        return grid;
    const float room_x = room->width - gap * (float)(grid.columns - 1);
    const float room_y = room->height - gap * (float)(grid.rows - 1);
    float scale =
        fminf(room_x / (float)(width * grid.columns), room_y / (float)(height * grid.rows));
    if (scale >= 2.0f)
        scale = floorf(scale); /* whole: all of a picture's pixels are equally large */
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

void picture_draw(const picture *p, VkCommandBuffer commands, VkExtent2D extent,
                  const picture_grid *grid, float checker_px, float brightness)
{
    if (p->count == 0 || grid->first + grid->count > p->count || grid->cell_w < 1.0f)
        return;
    const picture_args args = {
        .to_clip = { 2.0f / (float)extent.width, 2.0f / (float)extent.height },
        .origin = { grid->x, grid->y },
        .cell = { grid->cell_w, grid->cell_h },
        .pitch = { grid->pitch_x, grid->pitch_y },
        .size = { p->width, p->height },
        .columns = grid->columns,
        .first_picture = grid->first,
        .checker = checker_px,
        .checker_light = 0.315f,
        .checker_dark = 0.270f,
        .brightness = brightness,
    };
    vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, p->pipeline);
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, p->layout, 0, 1, &p->set, 0,
                            NULL);
    vkCmdPushConstants(commands, p->layout,
                       VK_SHADER_STAGE_VERTEX_BIT | VK_SHADER_STAGE_FRAGMENT_BIT, 0, sizeof args,
                       &args);
    vkCmdSetViewport(commands, 0, 1,
                     &(VkViewport){ .width = (float)extent.width,
                                    .height = (float)extent.height,
                                    .maxDepth = 1.0f });
    vkCmdSetScissor(commands, 0, 1, &(VkRect2D){ .extent = extent });
    vkCmdDraw(commands, 6, grid->count, 0, grid->first);
}
