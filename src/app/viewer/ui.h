/* The controls: Dear ImGui behind a C interface. One window, one thread. */
#ifndef VIEWER_UI_H
#define VIEWER_UI_H

#include "viewer/picture.h"

/* Where a widget is, for tests that click on it: "notch.4", "seed.new", "batch.9", "picture". */
typedef struct ui_widget {
    char name[24];
    viewer_rect rect;
} ui_widget;

enum { UI_WIDGETS_MAX = 128, UI_PARTS_MAX = 80 };

typedef struct ui_layout {
    VkExtent2D extent;                /* of the framebuffer it was made for */
    picture_part parts[UI_PARTS_MAX]; /* what is drawn below the controls */
    uint32_t part_count;
    int solo; /* the picture of a batch that is shown alone, -1: all */
    float background[4];
    ui_widget widgets[UI_WIDGETS_MAX];
    size_t widget_count;
    bool animating; /* draw again soon: something blinks or fades */
} ui_layout;

/* Chains itself behind the window's callbacks. scale: pixels per 1/96 inch. */
qs_status ui_init(const window *w, present *p, float scale);
void ui_finish(void); /* the queue is idle */

/* A text field has the keyboard. */
bool ui_wants_keys(void);

/* Gives an open list or sheet a GLFW key (or a typed character); true if there is one, and the key
 * means nothing else. Escape closes it. */
bool ui_take_key(int key);
bool ui_take_character(unsigned codepoint);

/* Handles the input since the last call and lays everything out. Cheap, and apart from drawing, so
 * that the mouse is followed while the device is busy. The result is valid until the next call. */
/* requests: in, what keys asked of the user interface; out, what it asks for. */
const ui_layout *ui_build(const viewer_readings *readings, viewer_controls *controls,
                          viewer_requests *requests);

/* Draws what was built last; inside the pass, over the picture. */
qs_status ui_record(VkCommandBuffer commands);

#endif
