/* What a camera's next picture has in its middle, "64x48 255 0 0", or why there is none:
 * camera_seen [/dev/video0] */
#include "viewer/camera.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    camera *c = NULL;
    uint8_t *rgba = NULL;
    uint32_t width = 0, height = 0;
    qs_status status = camera_open(argc > 1 ? argv[1] : NULL, &c);
    for (int i = 0; status == QS_OK && !rgba && i < 200; i++) {
        status = camera_take(c, &rgba, &width, &height);
        usleep(10000);
    }
    if (status != QS_OK)
        printf("%s\n", app_error_message());
    else if (rgba) {
        const uint8_t *middle = rgba + 4 * ((size_t)width * (height / 2) + width / 2);
        printf("%ux%u %d %d %d\n", width, height, middle[0], middle[1], middle[2]);
    }
    free(rgba);
    camera_close(c);
    return (int)status;
}
