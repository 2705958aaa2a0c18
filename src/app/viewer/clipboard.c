#include "viewer/clipboard.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
