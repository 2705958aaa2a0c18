/*
 * The pictures on the screen. A finished frame is copied on the device into a buffer of the
 * viewer's own, so that the session may have its slot back at once and the picture stays on the
 * screen while another session is made; a fragment shader reads that buffer. A second one, which
 * the host writes, has the small pictures of the film strip, a third one the canvas.
 * (Dear ImGui 1.86 cannot draw a texture of ours.)
 */
#ifndef VIEWER_PICTURE_H
#define VIEWER_PICTURE_H

#include "viewer/present.h"

typedef struct picture_store {
    VkBuffer buffer;
    VkDeviceMemory memory;
    VkDeviceSize size_bytes;
    VkDescriptorSet set;
    uint32_t *mapped; /* the host's, or NULL */
} picture_store;

/* A film strip's slot is no larger. */
enum { STRIP_SIDE = 96, STRIP_SLOTS = 72 };

enum { CANVAS_TURNS = PRESENT_FRAMES + 1 }; /* one is written while others may still be drawn */

typedef enum picture_source { PICTURE_SHOWN, PICTURE_STRIP, PICTURE_CANVAS } picture_source;

typedef struct picture {
    qs_vulkan_device vulkan;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDescriptorPool sets;
    picture_store shown, strip, canvas;
    uint32_t width, height;              /* of the pictures in `shown` */
    uint32_t canvas_w, canvas_h;         /* of those in `canvas`: CANVAS_TURNS of them */
    uint32_t canvas_turn;                /* the one that is drawn */
    uint32_t canvas_id, canvas_revision; /* which it is */
} picture;

/* Where the pictures of a batch are: a grid inside a rectangle. */
typedef struct picture_grid {
    uint32_t width, height; /* of a picture, in its own pixels */
    float x, y;             /* of the first cell */
    float cell_w, cell_h;   /* of a picture on the screen */
    float pitch_x, pitch_y;
    uint32_t columns, rows;
    uint32_t first, count; /* the pictures shown: all, or one */
} picture_grid;

/* What is drawn of a store: a grid, and how. */
typedef struct picture_part {
    picture_grid grid;
    viewer_rect clip;     /* nothing outside of it */
    uint32_t first_pixel; /* of picture 0 in the store */
    picture_source source;
    bool smooth;
    float checker_px, brightness; /* brightness 1: as it is */
} picture_part;

qs_status picture_init(picture *p, const qs_vulkan_device *vulkan, VkRenderPass pass);
void picture_finish(picture *p); /* the queue is idle */

/* As large as the room allows, in the number of columns that allows most. Crisp pictures get whole
 * multiples of their size where that costs little. solo: the one picture that is shown, or -1 for
 * all. gap in pixels. */
picture_grid picture_place(const viewer_rect *room, uint32_t width, uint32_t height, uint32_t count,
                           int solo, float gap, bool smooth);

/* The cell of the grid at a place on the screen, -1 if there is none. */
int picture_cell_at(const picture_grid *grid, float x, float y);

/* Outside a render pass: copies the session's frame behind the first `before` pictures of `room`;
 * the commands also make later compute work wait for the copy, so the slot may be handed back to
 * the session once they are submitted. */
qs_status picture_take(picture *p, VkCommandBuffer commands, const qs_session *session,
                       const qs_frame *frame, uint32_t before, uint32_t room);

/* Makes a frame's picture small enough for a slot of the strip, and writes it there. */
void picture_strip_put(picture *p, uint32_t slot, const uint8_t *rgba, uint32_t width,
                       uint32_t height, uint32_t *small_width, uint32_t *small_height);

/* The canvas as it is now, once a frame that is presented. */
qs_status picture_canvas_put(picture *p, const viewer_canvas *canvas, uint32_t revision);

/* Inside the pass. */
void picture_draw(const picture *p, VkCommandBuffer commands, VkExtent2D extent,
                  const picture_part *part);

#endif
