#include "viewer/clipboard.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Both go on in the background once they have read, and have nothing to say. */
qs_status clipboard_put_png(const uint8_t *bytes, size_t size)
{
    const bool wayland = getenv("WAYLAND_DISPLAY") != NULL;
    const char *program = wayland ? "wl-copy" : "xclip";
    FILE *pipe = popen(wayland ? "exec wl-copy --type image/png >/dev/null 2>&1"
                               : "exec xclip -selection clipboard -t image/png >/dev/null 2>&1",
                       "w");
    if (!pipe)
        return app_error(QS_ERROR_OTHER, "%s cannot be started", program);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* where it is not installed */
    const bool written = fwrite(bytes, 1, size, pipe) == size;
    const int status = pclose(pipe);
    signal(SIGPIPE, before);
    if (status != 0 || !written)
        return app_error(QS_ERROR_OTHER, "pictures themselves are copied by %s, if installed",
                         program);
    return QS_OK;
}

/* "file:///a%20b" -> "/a b" */
static void decode(const char *url, char *path, size_t size)
{
    size_t length = 0;
    for (; *url && length + 1 < size; length++) {
        const char digits[3] = { url[1], url[1] ? url[2] : 0, 0 };
        const bool escaped = url[0] == '%' && isxdigit((unsigned char)digits[0]) &&
                             isxdigit((unsigned char)digits[1]);
        path[length] = escaped ? (char)strtol(digits, NULL, 16) : url[0];
        url += escaped ? 3 : 1;
    }
    path[length] = 0;
}

bool clipboard_path(GLFWwindow *handle, char *path, size_t size)
{
    static const char scheme[] = "file://";
    char line[4096];
    const char *text = glfwGetClipboardString(handle);
    snprintf(line, sizeof line, "%s", text ? text : "");
    line[strcspn(line, "\r\n")] = 0;
    if (strncmp(line, scheme, strlen(scheme)) == 0)
        decode(line + strlen(scheme), path, size);
    else
        snprintf(path, size, "%s", line);
    if (path[0] && access(path, R_OK) == 0)
        return true;
    path[0] = 0;
    return false;
}
