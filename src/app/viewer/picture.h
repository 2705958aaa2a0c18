/*
 * The pictures on the screen. A finished frame is copied on the device into a buffer of the
 * viewer's own, so that the session may have its slot back at once and the picture stays on the
 * screen while another session is made; a fragment shader reads that buffer.
 * (Dear ImGui 1.86 cannot draw a texture of ours.)
 */
#ifndef VIEWER_PICTURE_H
#define VIEWER_PICTURE_H

#include "viewer/present.h"

typedef struct picture_buffer {
    VkBuffer buffer;
    VkDeviceMemory memory;
    VkDeviceSize size_bytes;
} picture_buffer;

typedef struct picture {
    qs_vulkan_device vulkan;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDescriptorPool sets;
    VkDescriptorSet set;
    picture_buffer pixels;
    uint32_t width, height, count; /* of the frame in `pixels`; count 0: none */
} picture;

/* Where the pictures of a batch are: a grid inside a rectangle. */
typedef struct picture_grid {
    float x, y;           /* of the first cell */
    float cell_w, cell_h; /* of a picture on the screen */
    float pitch_x, pitch_y;
    uint32_t columns, rows;
    uint32_t first, count; /* the pictures shown: all, or one */
} picture_grid;

qs_status picture_init(picture *p, const qs_vulkan_device *vulkan, VkRenderPass pass);
void picture_finish(picture *p); /* the queue is idle */

/* Whole multiples of the picture's size where the room allows it. solo: the one picture that is
 * shown, or -1 for all. gap in pixels. */
picture_grid picture_place(const viewer_rect *room, uint32_t width, uint32_t height, uint32_t count,
                           int solo, float gap);

/* The cell of the grid at a place on the screen, -1 if there is none. */
int picture_cell_at(const picture_grid *grid, float x, float y);

/* Outside a render pass: copies the session's frame; the commands also make later compute work
 * wait for the copy, so the slot may be handed back to the session once they are submitted. */
qs_status picture_take(picture *p, VkCommandBuffer commands, const qs_session *session,
                       const qs_frame *frame);

/* Inside the pass. brightness 1: as it is. */
void picture_draw(const picture *p, VkCommandBuffer commands, VkExtent2D extent,
                  const picture_grid *grid, float checker_px, float brightness);

#endif
