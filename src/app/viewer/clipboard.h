/* Pictures to other programs, paths from them. */
#ifndef VIEWER_CLIPBOARD_H
#define VIEWER_CLIPBOARD_H

#include "viewer/window.h"

/* image/png, which GLFW cannot: by wl-copy or xclip, or by Windows itself. QS_ERROR_OTHER: the
 * window system's is not there, or in use. */
qs_status clipboard_put_png(const uint8_t *bytes, size_t size);

/* The path or file: URL on it, of something that is there. */
bool clipboard_path(GLFWwindow *handle, char *path, size_t size);

#endif
