#include "common/animation.h"

#include "common/output.h"
#include "common/signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct app_animation {
    char *path;
    app_image image;
    uint32_t frame_count, added, frames_per_second;
    uint8_t *bytes; /* of an APNG */
    size_t size, room;
    size_t control;    /* where its number of frames is told */
    uint32_t sequence; /* of its chunks */
    char *recipe;
    FILE *pipe; /* into ffmpeg */
    char *temporary;
};

/* What ffmpeg is told about the file. A GIF has a palette of its own pictures. */
static const struct format {
    const char *end, *container, *options;
} formats[] = {
    { ".png", NULL, NULL },
    { ".gif", "gif",
      "-filter_complex "
      "'split[a][b];[a]palettegen=stats_mode=diff[p];[b][p]paletteuse=dither=none'" },
    { ".mp4", "mp4",
      "-vf pad='ceil(iw/2)*2:ceil(ih/2)*2' -c:v libx264 -crf 16 -pix_fmt yuv420p -movflags "
      "+faststart" },
    { ".webm", "webm",
      "-vf pad='ceil(iw/2)*2:ceil(ih/2)*2' -c:v libvpx-vp9 -crf 24 -b:v 0 -pix_fmt yuv420p" },
};

static const struct format *format_of(const char *path)
{
    const size_t length = strlen(path);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const size_t end = strlen(formats[i].end);
        if (length > end && strcasecmp(path + length - end, formats[i].end) == 0)
            return &formats[i];
    }
    return NULL;
}

bool app_animation_is(const char *path)
{
    return format_of(path) != NULL;
}

/* ---- APNG: the chunks of a PNG for every frame, the pixels of all but the first renamed --------
 */

static uint32_t crc_of(const uint8_t *bytes, size_t size)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

static void put_number(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t number_at(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static qs_status put_bytes(app_animation *a, const void *bytes, size_t size)
{
    if (a->room - a->size < size) {
        const size_t room = (a->room + size) * 2;
        uint8_t *larger = realloc(a->bytes, room);
        if (!larger)
            return app_error(QS_ERROR_MEMORY, "no memory for %zu bytes of a picture", room);
        a->bytes = larger;
        a->room = room;
    }
    memcpy(a->bytes + a->size, bytes, size);
    a->size += size;
    return QS_OK;
}

/* head: what comes before data, or NULL */
static qs_status put_chunk(app_animation *a, const char *type, const uint8_t *head,
                           size_t head_size, const uint8_t *data, size_t size)
{
    uint8_t number[4];
    qs_status status = QS_OK;
    put_number(number, (uint32_t)(head_size + size));
    TRY(put_bytes(a, number, 4));
    const size_t begin = a->size;
    TRY(put_bytes(a, type, 4));
    if (head_size > 0)
        TRY(put_bytes(a, head, head_size));
    if (size > 0)
        TRY(put_bytes(a, data, size));
    put_number(number, crc_of(a->bytes + begin, a->size - begin));
    TRY(put_bytes(a, number, 4));
fail:
    return status;
}

static qs_status put_frame_control(app_animation *a)
{
    uint8_t control[26] = { 0 };
    put_number(control, a->sequence++);
    put_number(control + 4, a->image.width);
    put_number(control + 8, a->image.height);
    control[21] = 1; /* it lasts 1 / */
    control[22] = (uint8_t)(a->frames_per_second >> 8);
    control[23] = (uint8_t)a->frames_per_second;
    return put_chunk(a, "fcTL", NULL, 0, control, sizeof control);
}

static qs_status put_animation_control(app_animation *a)
{
    uint8_t control[8] = { 0 }; /* played for ever */
    a->control = a->size;
    return put_chunk(a, "acTL", NULL, 0, control, sizeof control);
}

/* All are there: how many. */
static void set_frame_count(app_animation *a)
{
    uint8_t *chunk = a->bytes + a->control;
    put_number(chunk + 8, a->added);
    put_number(chunk + 16, crc_of(chunk + 4, 12));
}

/* One chunk of a frame's PNG into the file; *open: the frame's pixels have begun. */
static qs_status take_chunk(app_animation *a, const uint8_t *chunk, bool *open)
{
    const uint32_t size = number_at(chunk);
    const char *type = (const char *)chunk + 4;
    const bool first = a->added == 0, data = memcmp(type, "IDAT", 4) == 0;
    qs_status status = QS_OK;
    if (data && !*open) {
        if (first)
            TRY(put_animation_control(a));
        TRY(put_frame_control(a));
        *open = true;
    }
    if (data && !first) {
        uint8_t number[4];
        put_number(number, a->sequence++);
        TRY(put_chunk(a, "fdAT", number, 4, chunk + 8, size));
    } else if (data || (first && memcmp(type, "IEND", 4) != 0)) {
        TRY(put_chunk(a, (const char *)chunk + 4, NULL, 0, chunk + 8, size));
    }
fail:
    return status;
}

static qs_status add_to_png(app_animation *a, const uint8_t *pixels)
{
    qs_status status = QS_OK;
    uint8_t *png = NULL;
    size_t size = 0;
    bool open = false;
    app_image image = a->image;
    image.pixels = pixels;
    TRY(app_png_encode(&image, a->added == 0 ? a->recipe : NULL, &png, &size));
    if (a->added == 0)
        TRY(put_bytes(a, png, 8));
    for (size_t at = 8; at + 12 <= size; at += 12 + (size_t)number_at(png + at))
        TRY(take_chunk(a, png + at, &open));
fail:
    free(png);
    return status;
}

static qs_status end_png(app_animation *a)
{
    const qs_status status = put_chunk(a, "IEND", NULL, 0, NULL, 0);
    set_frame_count(a);
    return status == QS_OK ? app_output_write(a->path, a->bytes, a->size) : status;
}

/* ---- ffmpeg ------------------------------------------------------------------------------------
 */

/* Between single quotes for a shell. */
static char *quoted(const char *text)
{
    char *out = malloc(4 * strlen(text) + 3), *to = out;
    if (!out)
        return NULL;
    *to++ = '\'';
    for (; *text; text++)
        if (*text == '\'')
            to = stpcpy(to, "'\\''");
        else
            *to++ = *text;
    stpcpy(to, "'");
    return out;
}

/* Beside the file, so that the rename stays inside one file system. */
static char *temporary_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = NULL;
    const int folder = slash ? (int)(slash + 1 - path) : 0;
    /* "./" in front of a name that begins with a dash */
    return asprintf(&name, "%s%.*s.%.200s.%ld.tmp", slash ? "" : "./", folder, path, path + folder,
                    (long)getpid()) < 0
               ? NULL
               : name;
}

/* In a session of its own: Ctrl-C in a terminal is for this program, which ends the file. */
static qs_status begin_ffmpeg(app_animation *a, const struct format *format)
{
    char *command = NULL;
    if (system("command -v ffmpeg >/dev/null 2>&1") != 0)
        return app_error(QS_ERROR_WRITE,
                         "%s: ffmpeg makes %s files and is not installed; a .png moves without it",
                         a->path, format->end);
    a->temporary = temporary_name(a->path);
    char *file = a->temporary ? quoted(a->temporary) : NULL;
    /* -xerror: 5.1 ends with 0 where there was no room for the file's end. Whoever ends this
     * program at once, by whatever signal, leaves the file to the shell. */
    if (!file ||
        asprintf(
            &command,
            "trap '' HUP INT TERM; $(command -v setsid) ffmpeg -loglevel error -xerror -nostdin "
            "-y -f rawvideo -pix_fmt rgba -s %ux%u -r %u -i - %s -f %s %s; status=$?; "
            "kill -0 %ld 2>/dev/null || rm -f %s; exit $status",
            a->image.width, a->image.height, a->frames_per_second, format->options,
            format->container, file, (long)getpid(), file) < 0)
        command = NULL;
    a->pipe = command ? popen(command, "w") : NULL;
    free(command);
    free(file);
    return a->pipe ? QS_OK : app_error(QS_ERROR_WRITE, "%s: ffmpeg: %s", a->path, strerror(errno));
}

static qs_status end_ffmpeg(app_animation *a, bool good)
{
    app_signals_block();
    const int status = pclose(a->pipe);
    a->pipe = NULL;
    const bool written = good && status == 0 && rename(a->temporary, a->path) == 0;
    if (!written)
        unlink(a->temporary);
    app_signals_unblock();
    return good && !written ? app_error(QS_ERROR_WRITE, "%s: ffmpeg did not write it", a->path)
                            : QS_OK;
}

/* ---- both --------------------------------------------------------------------------------------
 */

qs_status app_animation_begin(const char *path, const app_image *image, uint32_t frame_count,
                              uint32_t frames_per_second, const char *recipe,
                              app_animation **animation)
{
    qs_status status = QS_OK;
    const struct format *format = format_of(path);
    app_animation *a = calloc(1, sizeof *a);
    if (!a || !format) {
        free(a);
        return app_error(QS_ERROR_WRITE, "%s: the name must end in .png, .gif, .mp4 or .webm",
                         path);
    }
    a->image = *image;
    a->frame_count = frame_count;
    a->frames_per_second = frames_per_second;
    a->path = strdup(path);
    a->recipe = recipe ? strdup(recipe) : NULL;
    if (!a->path || (recipe && !a->recipe))
        TRY(app_error(QS_ERROR_MEMORY, "no memory"));
    TRY(app_output_check(path));
    if (format->container)
        TRY(begin_ffmpeg(a, format));
    *animation = a;
    return QS_OK;
fail:
    app_animation_end(a, false);
    return status;
}

qs_status app_animation_add(app_animation *a, const uint8_t *pixels)
{
    qs_status status = QS_OK;
    const size_t bytes = (size_t)4 * a->image.width * a->image.height;
    if (!a->pipe)
        TRY(add_to_png(a, pixels));
    else if (fwrite(pixels, 1, bytes, a->pipe) != bytes)
        TRY(app_error(QS_ERROR_WRITE, "%s: ffmpeg stopped taking pictures", a->path));
    a->added++;
fail:
    return status;
}

qs_status app_animation_end(app_animation *a, bool good)
{
    qs_status status = QS_OK;
    if (!a)
        return QS_OK;
    good = good && a->added > 0 && (a->frame_count == 0 || a->added == a->frame_count);
    if (a->pipe)
        status = end_ffmpeg(a, good);
    else if (good)
        status = end_png(a);
    free(a->bytes);
    free(a->temporary);
    free(a->recipe);
    free(a->path);
    free(a);
    return status;
}
