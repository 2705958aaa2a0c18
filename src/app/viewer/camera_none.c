#include "viewer/camera.h"

qs_status camera_open(const char *path, camera **out)
{
    (void)path, (void)out;
    return app_error(QS_ERROR_USAGE, "cameras are read by V4L2, which this system has not");
}

void camera_close(camera *c)
{
    (void)c;
}

qs_status camera_take(camera *c, uint8_t **rgba, uint32_t *width, uint32_t *height)
{
    (void)c, (void)rgba, (void)width, (void)height;
    return QS_ERROR_OTHER;
}

const char *camera_name(const camera *c)
{
    (void)c;
    return "";
}
