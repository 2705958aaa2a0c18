/*
 * A camera (V4L2): pictures to draw from, as they come. Where the system has no V4L2 there is none,
 * and opening one says so.
 */
#ifndef VIEWER_CAMERA_H
#define VIEWER_CAMERA_H

#include "common/error.h"

typedef struct camera camera;

/* path: "/dev/video0", or NULL: the first that gives pictures. QS_ERROR_USAGE: there is none, it is
 * in use, or gives neither YUYV nor MJPEG. */
qs_status camera_open(const char *path, camera **out);
void camera_close(camera *c);

/* The newest picture since the last call, [height, width, 4] RGBA8, to be freed by the caller;
 * *rgba NULL: none has come. Does not wait. QS_ERROR_OTHER: the camera is gone. */
qs_status camera_take(camera *c, uint8_t **rgba, uint32_t *width, uint32_t *height);
const char *camera_name(const camera *c); /* of the device, as it calls itself */

#endif
