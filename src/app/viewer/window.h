/* The GLFW window: events, keys, sizes. The picture of it is present.c's and ui.cpp's. */
#ifndef VIEWER_WINDOW_H
#define VIEWER_WINDOW_H

#include <vulkan/vulkan.h>

#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>

#include "common/error.h"
#include "viewer/viewer.h"

typedef struct window {
    GLFWwindow *handle;
    /* collected by the callbacks, taken by the main loop */
    bool event;         /* anything at all happened */
    bool scale_changed; /* moved to a screen of another density, or zoomed */
    int key_step;       /* -1, +1: the arrows */
    uint32_t requests;  /* bits of viewer_request */
    float scale;        /* of text and controls in place of the screen's, 0: the screen's */
    float zoom;         /* by which it is multiplied: Ctrl and +, -, 0 */
    bool escape;        /* was pressed, and closed nothing of the user interface */
    char dropped[4096]; /* the path of what was dropped on it last, "": nothing */
    double x, y;        /* of the mouse, as the events have it, in screen coordinates */
    /* Called with every event of a button, with the mouse's while one is held, and when a key of a
     * text field goes up: what they mean is what was so then, not what is when somebody looks. */
    void (*on_input)(void *user);
    void *user;
    int restore[4]; /* place and size before it became the whole screen */
} window;

/* Connects to the display. QS_ERROR_DEVICE without one, with advice. */
qs_status window_system_init(void);
void window_system_finish(void);

/* The instance extensions that the window system needs, to be given to qs_device_create. */
const char *const *window_instance_extensions(uint32_t *count);

/* width, height 0: a size that suits the screen. scale: pixels per 1/96 inch, 0: the screen's. */
qs_status window_open(window *w, const char *title, int width, int height, float scale);
void window_close(window *w);

/* Handles what happened; waits at most `seconds` for something to happen, 0: not at all. */
void window_poll(window *w, double seconds);

bool window_wants_close(const window *w);
bool window_is_hidden(const window *w); /* minimised, not mapped, or without area */
float window_scale(const window *w);    /* pixels per 1/96 inch, 1 on an ordinary screen, zoomed */

void window_turn_full_screen(window *w);
bool window_is_full_screen(const window *w);
void window_show_pointer(const window *w, bool shown);

void window_set_title(const window *w, const char *title);

/* The first picture is the window's icon. */
void window_set_icon(const window *w, const qs_frame *frame);

#endif
