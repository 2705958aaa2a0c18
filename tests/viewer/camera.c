/*
 * Preloaded into quickstep-view: /dev/video1, a camera of 64x48 pixels, in memory. What it does is
 * in the file $CAMERA, which is read again for every picture:
 *
 *     yuyv Y U V     pictures of that colour
 *     mjpeg FILE     that JPEG
 *     rgb            pictures of a format that nobody asked for
 *     busy           another program streams
 *     metadata       a node that gives no pictures
 *     gone           it was unplugged
 *
 * Without $CAMERA there is none. Its buffers lie in a memfd, so that mmap needs no help.
 */
#undef _FILE_OFFSET_BITS /* it makes open another name of open64 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PRELOADED __attribute__((visibility("default"))) /* the build hides symbols otherwise */

enum { WIDTH = 64, HEIGHT = 48, BUFFERS = 3, SIZE = 1 << 16, FRAME_MS = 30 };

static int camera = -1;
static bool queued[BUFFERS];
static unsigned next_buffer;
static int64_t last_ms;

static bool says(const char *word, char *rest)
{
    char kind[16] = "", line[300] = "";
    FILE *file = fopen(getenv("CAMERA"), "r");
    if (!file || !fgets(line, sizeof line, file))
        line[0] = 0;
    if (file)
        fclose(file);
    sscanf(line, "%15s %255[^\n]", kind, rest ? rest : (char[256]){ 0 });
    return strcmp(kind, word) == 0;
}

static int open_camera(void)
{
    camera = memfd_create("camera", 0);
    memset(queued, 0, sizeof queued);
    return ftruncate(camera, (off_t)BUFFERS * SIZE) == 0 ? camera : -1;
}

static int open_path(const char *name, const char *path, int flags, int mode)
{
    int (*real)(const char *, int, ...);
    if (strncmp(path, "/dev/video", 10) == 0) {
        if (getenv("CAMERA") && strcmp(path + 10, "1") == 0)
            return open_camera();
        errno = ENOENT;
        return -1;
    }
    *(void **)&real = dlsym(RTLD_NEXT, name);
    return real(path, flags, mode);
}

#define OPEN(name)                                                                                 \
    PRELOADED int name(const char *path, int flags, ...)                                           \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        const int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;                    \
        va_end(args);                                                                              \
        return open_path(#name, path, flags, mode);                                                \
    }
OPEN(open)
OPEN(open64)

static int fail(int error)
{
    errno = error;
    return -1;
}

static void answer_format(struct v4l2_pix_format *format)
{
    format->width = WIDTH;
    format->height = HEIGHT;
    format->bytesperline = 2 * WIDTH;
    format->pixelformat = says("yuyv", NULL)    ? V4L2_PIX_FMT_YUYV
                          : says("mjpeg", NULL) ? V4L2_PIX_FMT_MJPEG
                                                : V4L2_PIX_FMT_RGB24;
}

static uint32_t fill(uint8_t *bytes)
{
    char rest[256] = "";
    unsigned y, u, v;
    if (says("yuyv", rest) && sscanf(rest, "%u %u %u", &y, &u, &v) == 3) {
        for (size_t i = 0; i < WIDTH * HEIGHT / 2; i++)
            memcpy(bytes + 4 * i, (uint8_t[]){ (uint8_t)y, (uint8_t)u, (uint8_t)y, (uint8_t)v }, 4);
        return 2 * WIDTH * HEIGHT;
    }
    FILE *file = says("mjpeg", rest) ? fopen(rest, "rb") : NULL;
    const size_t size = file ? fread(bytes, 1, SIZE, file) : 0;
    if (file)
        fclose(file);
    return (uint32_t)size;
}

static int take(struct v4l2_buffer *buffer)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (says("gone", NULL))
        return fail(ENODEV);
    if (!queued[next_buffer] || ms - last_ms < FRAME_MS)
        return fail(EAGAIN);
    uint8_t *bytes =
        mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, camera, (off_t)next_buffer * SIZE);
    buffer->index = next_buffer;
    buffer->bytesused = fill(bytes);
    munmap(bytes, SIZE);
    queued[next_buffer] = false;
    next_buffer = (next_buffer + 1) % BUFFERS;
    last_ms = ms;
    return 0;
}

PRELOADED int ioctl(int file, unsigned long request, ...)
{
    static int (*real)(int, unsigned long, ...);
    va_list args;
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "ioctl");
    if (file != camera || camera < 0)
        return real(file, request, argument);
    struct v4l2_buffer *buffer = argument;
    switch (request) {
    case VIDIOC_QUERYCAP:
        *(struct v4l2_capability *)argument = (struct v4l2_capability){
            .card = "a fake",
            .capabilities = V4L2_CAP_DEVICE_CAPS | V4L2_CAP_VIDEO_CAPTURE,
            .device_caps = says("metadata", NULL) ? V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING
                                                  : V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
        };
        return 0;
    case VIDIOC_S_FMT:
        if (says("busy", NULL))
            return fail(EBUSY);
        answer_format(&((struct v4l2_format *)argument)->fmt.pix);
        return 0;
    case VIDIOC_REQBUFS: ((struct v4l2_requestbuffers *)argument)->count = BUFFERS; return 0;
    case VIDIOC_QUERYBUF:
        buffer->length = SIZE;
        buffer->m.offset = buffer->index * SIZE;
        return 0;
    case VIDIOC_QBUF: queued[buffer->index] = true; return 0;
    case VIDIOC_DQBUF: return take(buffer);
    case VIDIOC_STREAMON: return 0;
    default: return fail(ENOTTY);
    }
}
