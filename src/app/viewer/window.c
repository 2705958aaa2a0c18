#include "viewer/window.h"

#include "viewer/ui.h"

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

static void on_key(GLFWwindow *handle, int key, int scancode, int action, int mods)
{
    (void)scancode;
    window *w = window_of(handle);
    if (action == GLFW_RELEASE || (mods & (GLFW_MOD_CONTROL | GLFW_MOD_ALT | GLFW_MOD_SUPER)) ||
        ui_wants_keys())
        return;
    switch (key) { /* the first two repeat while the key is held */
    case GLFW_KEY_LEFT: w->key_step = -1; return;
    case GLFW_KEY_RIGHT: w->key_step = 1; return;
    }
    if (action != GLFW_PRESS)
        return;
    switch (key) {
    case GLFW_KEY_SPACE: w->key_pause = true; break;
    case GLFW_KEY_S: w->key_save = true; break;
    case GLFW_KEY_R: w->key_new_seed = true; break;
    case GLFW_KEY_ESCAPE:
        if (!ui_escape())
            glfwSetWindowShouldClose(handle, GLFW_TRUE);
        break;
    }
}

static void on_char(GLFWwindow *handle, unsigned codepoint)
{
    (void)codepoint;
    window_of(handle);
}

static void on_cursor(GLFWwindow *handle, double x, double y)
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
    window_of(handle);
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

static void on_refresh(GLFWwindow *handle)
{
    window_of(handle);
}

qs_status window_open(window *w, const char *title, int width, int height)
{
    *w = (window){ .event = true };
    glfwWindowHint(GLFW_CLIENT_API, GLFW_NO_API);
    /* the desktop entry's name, so that the window has its icon */
    glfwWindowHintString(GLFW_X11_CLASS_NAME, "quickstep-view");
#ifdef GLFW_WAYLAND_APP_ID
    glfwWindowHintString(GLFW_WAYLAND_APP_ID, "quickstep-view");
#endif
    glfwWindowHint(GLFW_SCALE_TO_MONITOR, width == 0);
    w->handle = glfwCreateWindow(width ? width : 1120, height ? height : 780, title, NULL, NULL);
    if (!w->handle)
        return QS_ERROR_DEVICE; /* on_glfw_error has the message */
    /* Set before Dear ImGui sets its own, which call these. */
    glfwSetWindowUserPointer(w->handle, w);
    glfwSetKeyCallback(w->handle, on_key);
    glfwSetCharCallback(w->handle, on_char);
    glfwSetCursorPosCallback(w->handle, on_cursor);
    glfwSetScrollCallback(w->handle, on_cursor);
    glfwSetMouseButtonCallback(w->handle, on_button);
    glfwSetCursorEnterCallback(w->handle, on_flag);
    glfwSetWindowFocusCallback(w->handle, on_flag);
    glfwSetWindowIconifyCallback(w->handle, on_flag);
    glfwSetFramebufferSizeCallback(w->handle, on_size);
    glfwSetWindowContentScaleCallback(w->handle, on_scale);
    glfwSetWindowRefreshCallback(w->handle, on_refresh);
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
    return x > 0.5f && x < 8.0f ? x : 1.0f;
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
