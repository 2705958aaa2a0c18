#include "viewer/window.h"

#include "viewer/ui.h"

#include <stdio.h>
#include <stdlib.h>

static void on_glfw_error(int code, const char *description)
{
    (void)code;
    app_error(QS_ERROR_OTHER, "window system: %s", description);
}

qs_status window_system_init(void)
{
    glfwSetErrorCallback(on_glfw_error);
    if (!glfwInit())
        return app_error(QS_ERROR_DEVICE,
                         "there is no display to open a window on (DISPLAY is %s%s%s); "
                         "`quickstep sample` works without one",
                         getenv("DISPLAY") ? "\"" : "not ",
                         getenv("DISPLAY") ? getenv("DISPLAY") : "set",
                         getenv("DISPLAY") ? "\"" : "");
    if (!glfwVulkanSupported()) {
        glfwTerminate();
        return app_error(QS_ERROR_DEVICE,
                         "no Vulkan loader, or none of its drivers can draw in a window");
    }
    return QS_OK;
}

void window_system_finish(void)
{
    glfwTerminate();
}

const char *const *window_instance_extensions(uint32_t *count)
{
    *count = 0;
    return glfwGetRequiredInstanceExtensions(count);
}

static window *window_of(GLFWwindow *handle)
{
    window *w = glfwGetWindowUserPointer(handle);
    w->event = true;
    return w;
}

static const struct {
    int key;
    viewer_request request;
} keys[] = {
    { GLFW_KEY_SPACE, REQUEST_PLAY },   { GLFW_KEY_R, REQUEST_NEW_SEED },
    { GLFW_KEY_S, REQUEST_SAVE },       { GLFW_KEY_B, REQUEST_BATCH },
    { GLFW_KEY_F, REQUEST_PRECISION },  { GLFW_KEY_X, REQUEST_SMOOTH },
    { GLFW_KEY_TAB, REQUEST_PANEL },    { GLFW_KEY_M, REQUEST_MODEL_LIST },
    { GLFW_KEY_L, REQUEST_LABEL_LIST }, { GLFW_KEY_A, REQUEST_SAMPLER_LIST },
    { GLFW_KEY_N, REQUEST_SEED_FIELD }, { GLFW_KEY_F1, REQUEST_HELP },
    { GLFW_KEY_W, REQUEST_MOTION },     { GLFW_KEY_V, REQUEST_VIEW },
    { GLFW_KEY_P, REQUEST_PIN },        { GLFW_KEY_D, REQUEST_FAVOURITE },
    { GLFW_KEY_T, REQUEST_CANVAS },     { GLFW_KEY_C, REQUEST_CAMERA },
    { GLFW_KEY_G, REQUEST_RECORD },     { GLFW_KEY_O, REQUEST_ALONE },
    { GLFW_KEY_F5, REQUEST_PRESENT },   { GLFW_KEY_F11, REQUEST_FULL_SCREEN },
};

static void input(window *w)
{
    if (w->on_input)
        w->on_input(w->user);
}

static const float ZOOM_STEP = 1.189207f, ZOOM_MAX = 4.0f; /* four steps double it */

static void zoom(window *w, int key)
{
    float zoom = w->zoom;
    switch (key) {
    case GLFW_KEY_EQUAL:
    case GLFW_KEY_KP_ADD: zoom *= ZOOM_STEP; break;
    case GLFW_KEY_MINUS:
    case GLFW_KEY_KP_SUBTRACT: zoom /= ZOOM_STEP; break;
    case GLFW_KEY_0:
    case GLFW_KEY_KP_0: zoom = 1; break;
    }
    if (zoom == w->zoom || zoom > ZOOM_MAX || zoom < 1 / ZOOM_MAX)
        return;
    w->zoom = zoom;
    w->scale_changed = true;
}

static void press(window *w, int key)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].key == key)
            w->requests |= keys[i].request;
    if (key == GLFW_KEY_ESCAPE)
        w->escape = true;
}

static void with_control(window *w, int key, bool shift)
{
    if (key == GLFW_KEY_Z)
        w->requests |= shift ? REQUEST_REDO : REQUEST_UNDO;
    if (key == GLFW_KEY_Y)
        w->requests |= REQUEST_REDO;
    if (key == GLFW_KEY_C)
        w->requests |= REQUEST_COPY;
    if (key == GLFW_KEY_V)
        w->requests |= REQUEST_PASTE;
    if (key == GLFW_KEY_E)
        w->requests |= REQUEST_TIMELINE;
    zoom(w, key);
}

static void on_key(GLFWwindow *handle, int key, int scancode, int action, int mods)
{
    (void)scancode;
    window *w = window_of(handle);
    if (action == GLFW_RELEASE) {
        if (ui_wants_keys()) /* before 1.87 Dear ImGui forgets what goes down and up unseen */
            input(w);
        return;
    }
    if ((mods & GLFW_MOD_CONTROL) && !(mods & (GLFW_MOD_ALT | GLFW_MOD_SUPER)) && !ui_wants_keys())
        with_control(w, key, mods & GLFW_MOD_SHIFT);
    if ((mods & (GLFW_MOD_CONTROL | GLFW_MOD_ALT | GLFW_MOD_SUPER)) || ui_wants_keys() ||
        ui_take_key(key))
        return;
    switch (key) { /* these repeat while the key is held */
    case GLFW_KEY_LEFT: w->key_step = -1; return;
    case GLFW_KEY_RIGHT: w->key_step = 1; return;
    }
    if (action == GLFW_PRESS)
        press(w, key);
}

static void on_char(GLFWwindow *handle, unsigned codepoint)
{
    window *w = window_of(handle);
    if (!ui_wants_keys() && !ui_take_character(codepoint) && codepoint == '?')
        w->requests |= REQUEST_HELP;
}

static void on_cursor(GLFWwindow *handle, double x, double y)
{
    window *w = window_of(handle);
    bool held = false;
    for (int button = 0; button <= GLFW_MOUSE_BUTTON_MIDDLE; button++)
        held = held || glfwGetMouseButton(handle, button) == GLFW_PRESS;
    w->x = x;
    w->y = y;
    if (held)
        input(w);
}

static void on_scroll(GLFWwindow *handle, double x, double y)
{
    (void)x, (void)y;
    window_of(handle);
}

static void on_flag(GLFWwindow *handle, int flag)
{
    (void)flag;
    window_of(handle);
}

static void on_button(GLFWwindow *handle, int button, int action, int mods)
{
    (void)button, (void)action, (void)mods;
    input(window_of(handle));
}

static void on_size(GLFWwindow *handle, int width, int height)
{
    (void)width, (void)height;
    window_of(handle);
}

static void on_scale(GLFWwindow *handle, float x, float y)
{
    (void)x, (void)y;
    window_of(handle)->scale_changed = true;
}

static void on_drop(GLFWwindow *handle, int count, const char **paths)
{
    window *w = window_of(handle);
    if (count > 0)
        snprintf(w->dropped, sizeof w->dropped, "%s", paths[0]);
}

static void on_refresh(GLFWwindow *handle)
{
    window_of(handle);
}

/* Of a window in which the controls have their size, not larger than the screen. */
static void choose_size(float scale, int *width, int *height)
{
    int x = 0, y = 0, most_w = 0, most_h = 0;
    GLFWmonitor *monitor = glfwGetPrimaryMonitor();
    if (monitor)
        glfwGetMonitorWorkarea(monitor, &x, &y, &most_w, &most_h);
    *width = (int)(1120 * (scale > 0 ? scale : 1));
    *height = (int)(840 * (scale > 0 ? scale : 1));
    *width = most_w > 0 && *width > most_w ? most_w : *width;
    *height = most_h > 0 && *height > most_h ? most_h : *height;
}

qs_status window_open(window *w, const char *title, int width, int height, float scale)
{
    *w = (window){ .event = true, .scale = scale, .zoom = 1 };
    glfwWindowHint(GLFW_CLIENT_API, GLFW_NO_API);
    /* the desktop entry's name, so that the window has its icon */
    glfwWindowHintString(GLFW_X11_CLASS_NAME, "quickstep-view");
#ifdef GLFW_WAYLAND_APP_ID
    glfwWindowHintString(GLFW_WAYLAND_APP_ID, "quickstep-view");
#endif
    glfwWindowHint(GLFW_SCALE_TO_MONITOR, width == 0 && scale == 0);
    if (width == 0)
        choose_size(scale, &width, &height);
    w->handle = glfwCreateWindow(width, height, title, NULL, NULL);
    if (!w->handle)
        return QS_ERROR_DEVICE; /* on_glfw_error has the message */
    /* Set before Dear ImGui sets its own, which call these. */
    glfwSetWindowUserPointer(w->handle, w);
    glfwSetKeyCallback(w->handle, on_key);
    glfwSetCharCallback(w->handle, on_char);
    glfwSetCursorPosCallback(w->handle, on_cursor);
    glfwSetScrollCallback(w->handle, on_scroll);
    glfwSetMouseButtonCallback(w->handle, on_button);
    glfwSetCursorEnterCallback(w->handle, on_flag);
    glfwSetWindowFocusCallback(w->handle, on_flag);
    glfwSetWindowIconifyCallback(w->handle, on_flag);
    glfwSetFramebufferSizeCallback(w->handle, on_size);
    glfwSetWindowContentScaleCallback(w->handle, on_scale);
    glfwSetWindowRefreshCallback(w->handle, on_refresh);
    glfwSetDropCallback(w->handle, on_drop);
    return QS_OK;
}

void window_close(window *w)
{
    if (w->handle)
        glfwDestroyWindow(w->handle);
    *w = (window){ 0 };
}

void window_poll(window *w, double seconds)
{
    (void)w;
    if (seconds > 0)
        glfwWaitEventsTimeout(seconds);
    else
        glfwPollEvents();
}

bool window_wants_close(const window *w)
{
    return glfwWindowShouldClose(w->handle);
}

bool window_is_hidden(const window *w)
{
    int width = 0, height = 0;
    glfwGetFramebufferSize(w->handle, &width, &height);
    return width <= 0 || height <= 0 || glfwGetWindowAttrib(w->handle, GLFW_ICONIFIED) ||
           !glfwGetWindowAttrib(w->handle, GLFW_VISIBLE);
}

float window_scale(const window *w)
{
    float x = 1, y = 1;
    glfwGetWindowContentScale(w->handle, &x, &y);
    const float screen = x > 0.5f && x < 8.0f ? x : 1.0f;
    return (w->scale > 0 ? w->scale : screen) * w->zoom;
}

bool window_is_full_screen(const window *w)
{
    return glfwGetWindowMonitor(w->handle) != NULL;
}

void window_turn_full_screen(window *w)
{
    int *r = w->restore;
    GLFWmonitor *monitor = glfwGetPrimaryMonitor();
    const GLFWvidmode *mode = monitor ? glfwGetVideoMode(monitor) : NULL;
    if (window_is_full_screen(w)) {
        glfwSetWindowMonitor(w->handle, NULL, r[0], r[1], r[2], r[3], GLFW_DONT_CARE);
    } else if (mode) {
        glfwGetWindowPos(w->handle, &r[0], &r[1]);
        glfwGetWindowSize(w->handle, &r[2], &r[3]);
        glfwSetWindowMonitor(w->handle, monitor, 0, 0, mode->width, mode->height,
                             mode->refreshRate);
    }
}

void window_show_pointer(const window *w, bool shown)
{
    glfwSetInputMode(w->handle, GLFW_CURSOR, shown ? GLFW_CURSOR_NORMAL : GLFW_CURSOR_HIDDEN);
}

void window_set_title(const window *w, const char *title)
{
    glfwSetWindowTitle(w->handle, title);
}

void window_set_icon(const window *w, const qs_frame *frame)
{
    GLFWimage icon = { (int)frame->width, (int)frame->height, (unsigned char *)frame->pixels };
    if (frame->check == QS_OK && frame->width <= 256 && frame->height <= 256)
        glfwSetWindowIcon(w->handle, 1, &icon);
}
