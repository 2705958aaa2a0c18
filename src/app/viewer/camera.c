#include "viewer/camera.h"

#include "common/picture_pixels.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/videodev2.h>

enum {
    WIDTH = 640, /* wished for */
    HEIGHT = 480,
    BUFFERS = 4,
    DEVICES_MAX = 64,
    PIXELS_MAX = 1 << 25,
    BAD_MAX = 30, /* a damaged JPEG now and then is nothing */
};

struct camera {
    int file;
    struct v4l2_pix_format format;
    struct {
        uint8_t *bytes;
        size_t size;
    } buffers[BUFFERS];
    uint32_t buffer_count, bad;
    char path[32], name[33];
};

static int control(const camera *c, unsigned long request, void *argument)
{
    int result;
    do
        result = ioctl(c->file, request, argument);
    while (result == -1 && errno == EINTR);
    return result;
}

static qs_status refuse(const camera *c, const char *what)
{
    if (errno == EBUSY)
        return app_error(QS_ERROR_USAGE, "%s is in use by another program", c->path);
    return app_error(QS_ERROR_USAGE, "%s: %s: %s", c->path, what, strerror(errno));
}

/* Another node of the same device may be for its metadata. */
static bool gives_pictures(camera *c)
{
    struct v4l2_capability can = { 0 };
    const uint32_t needed = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    if (control(c, VIDIOC_QUERYCAP, &can) != 0)
        return false;
    snprintf(c->name, sizeof c->name, "%.32s", (const char *)can.card);
    const uint32_t caps =
        can.capabilities & V4L2_CAP_DEVICE_CAPS ? can.device_caps : can.capabilities;
    return (caps & needed) == needed;
}

/* A driver answers with what it has that comes nearest. */
static qs_status choose_format(camera *c)
{
    static const uint32_t known[] = { V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_MJPEG };
    for (int i = 0; i < 2; i++) {
        struct v4l2_format wanted = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
        wanted.fmt.pix = (struct v4l2_pix_format){
            .width = WIDTH, .height = HEIGHT, .pixelformat = known[i], .field = V4L2_FIELD_ANY
        };
        if (control(c, VIDIOC_S_FMT, &wanted) != 0)
            return refuse(c, "its format cannot be set");
        c->format = wanted.fmt.pix;
        if (c->format.pixelformat == known[i] && c->format.width > 1 && c->format.height > 0 &&
            (uint64_t)c->format.width * c->format.height <= PIXELS_MAX)
            return QS_OK;
    }
    return app_error(QS_ERROR_USAGE, "%s (%s) gives neither YUYV nor MJPEG, but %.4s", c->path,
                     c->name, (const char *)&c->format.pixelformat);
}

static struct v4l2_buffer buffer_of(uint32_t index)
{
    return (struct v4l2_buffer){ .index = index,
                                 .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                 .memory = V4L2_MEMORY_MMAP };
}

static qs_status map_buffers(camera *c)
{
    struct v4l2_requestbuffers wanted = { .count = BUFFERS,
                                          .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                          .memory = V4L2_MEMORY_MMAP };
    if (control(c, VIDIOC_REQBUFS, &wanted) != 0)
        return refuse(c, "no buffers");
    const uint32_t count = wanted.count < BUFFERS ? wanted.count : BUFFERS;
    for (uint32_t i = 0; i < count; i++) {
        struct v4l2_buffer buffer = buffer_of(i);
        if (control(c, VIDIOC_QUERYBUF, &buffer) != 0)
            return refuse(c, "no buffers");
        void *bytes = mmap(NULL, buffer.length, PROT_READ, MAP_SHARED, c->file, buffer.m.offset);
        if (bytes == MAP_FAILED)
            return refuse(c, "no buffers");
        c->buffers[i].bytes = bytes;
        c->buffers[i].size = buffer.length;
        c->buffer_count++;
        if (control(c, VIDIOC_QBUF, &buffer) != 0)
            return refuse(c, "no buffers");
    }
    return QS_OK;
}

static qs_status start(camera *c)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    qs_status status = QS_OK;
    TRY(choose_format(c));
    TRY(map_buffers(c));
    if (control(c, VIDIOC_STREAMON, &type) != 0)
        return refuse(c, "it does not start");
fail:
    return status;
}

/* *there: it is a camera, or was meant to be one. */
static qs_status open_device(const char *path, camera *c, bool *there)
{
    snprintf(c->path, sizeof c->path, "%s", path);
    c->file = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    *there = c->file >= 0 || (errno != ENOENT && errno != ENODEV);
    if (c->file < 0)
        return refuse(c, "it cannot be opened");
    *there = gives_pictures(c);
    return *there ? start(c) : app_error(QS_ERROR_USAGE, "%s is no camera", path);
}

static qs_status open_first(camera *c)
{
    for (int i = 0; i < DEVICES_MAX; i++) {
        char path[24];
        bool there = false;
        snprintf(path, sizeof path, "/dev/video%d", i);
        const qs_status status = open_device(path, c, &there);
        if (there)
            return status;
        if (c->file >= 0)
            close(c->file);
        c->file = -1;
    }
    return app_error(QS_ERROR_USAGE, "there is no camera: no /dev/video* gives pictures");
}

qs_status camera_open(const char *path, camera **out)
{
    camera *c = calloc(1, sizeof *c);
    bool there;
    if (!c)
        return app_error(QS_ERROR_MEMORY, "out of memory");
    c->file = -1;
    const qs_status status = path ? open_device(path, c, &there) : open_first(c);
    if (status == QS_OK)
        *out = c;
    else
        camera_close(c);
    return status;
}

void camera_close(camera *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->buffer_count; i++)
        munmap(c->buffers[i].bytes, c->buffers[i].size);
    if (c->file >= 0) /* which stops it */
        close(c->file);
    free(c);
}

const char *camera_name(const camera *c)
{
    return c->name;
}

/* ---- pictures ----------------------------------------------------------------------------------
 */

static uint8_t to_byte(float value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5f);
}

/* ITU-R BT.601, limited range, which is what V4L2 means by YUYV of a camera. */
static void yuv_to_rgba(float y, float u, float v, uint8_t *rgba)
{
    const float luma = 255.0f / 219 * (y - 16);
    rgba[0] = to_byte(luma + 1.5960f * (v - 128));
    rgba[1] = to_byte(luma - 0.3918f * (u - 128) - 0.8130f * (v - 128));
    rgba[2] = to_byte(luma + 2.0172f * (u - 128));
    rgba[3] = 255;
}

static uint8_t *read_yuyv(const camera *c, const uint8_t *bytes, size_t size)
{
    const uint32_t width = c->format.width, height = c->format.height;
    const size_t line = c->format.bytesperline ? c->format.bytesperline : (size_t)2 * width;
    uint8_t *rgba = NULL;
    if (line >= (size_t)4 * ((width + 1) / 2) && size >= line * height)
        rgba = malloc((size_t)4 * width * height);
    for (uint32_t y = 0; rgba && y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            const uint8_t *pair = bytes + y * line + (size_t)4 * (x / 2); /* Y0 U Y1 V */
            yuv_to_rgba(pair[2 * (x % 2)], pair[1], pair[3], rgba + 4 * ((size_t)y * width + x));
        }
    return rgba;
}

/* NULL: it is damaged. */
static uint8_t *read_picture(const camera *c, const uint8_t *bytes, size_t size, uint32_t *width,
                             uint32_t *height)
{
    uint8_t *rgba = NULL;
    *width = c->format.width;
    *height = c->format.height;
    if (c->format.pixelformat == V4L2_PIX_FMT_YUYV)
        return read_yuyv(c, bytes, size);
    FILE *file = size > 0 ? fmemopen((void *)bytes, size, "rb") : NULL;
    if (!file || app_pixels_read_file(file, c->path, PIXELS_MAX, &rgba, width, height) != QS_OK)
        rgba = NULL;
    if (file)
        fclose(file);
    return rgba;
}

/* The newest of those that are ready; the others go back at once. False: none is. */
static qs_status take_newest(camera *c, struct v4l2_buffer *newest, bool *taken)
{
    struct v4l2_buffer buffer = buffer_of(0);
    *taken = false;
    while (control(c, VIDIOC_DQBUF, &buffer) == 0) {
        if (*taken && control(c, VIDIOC_QBUF, newest) != 0)
            break;
        *newest = buffer;
        *taken = true;
        buffer = buffer_of(0);
    }
    return *taken || errno == EAGAIN || errno == EIO
               ? QS_OK
               : app_error(QS_ERROR_OTHER, "%s is gone: %s", c->path, strerror(errno));
}

qs_status camera_take(camera *c, uint8_t **rgba, uint32_t *width, uint32_t *height)
{
    struct v4l2_buffer buffer;
    bool taken = false;
    *rgba = NULL;
    const qs_status status = take_newest(c, &buffer, &taken);
    if (status != QS_OK || !taken)
        return status;
    const size_t size =
        buffer.index < c->buffer_count && buffer.bytesused <= c->buffers[buffer.index].size
            ? buffer.bytesused
            : 0;
    if (size > 0 && !(buffer.flags & V4L2_BUF_FLAG_ERROR))
        *rgba = read_picture(c, c->buffers[buffer.index].bytes, size, width, height);
    c->bad = *rgba ? 0 : c->bad + 1;
    if (control(c, VIDIOC_QBUF, &buffer) != 0 && !*rgba)
        return app_error(QS_ERROR_OTHER, "%s is gone: %s", c->path, strerror(errno));
    return c->bad < BAD_MAX ? QS_OK
                            : app_error(QS_ERROR_OTHER, "%s: %u pictures in a row cannot be read",
                                        c->path, c->bad);
}
