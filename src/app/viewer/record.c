#include "viewer/record.h"

#include "common/montage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PICTURES_PER_SECOND = 20,
    SHOWN_HEIGHT = 320, /* small pictures are enlarged to it */
    SECONDS_MAX = 60,
};
static const uint64_t BYTES_MAX =
    256 << 20; /* before compression: a GIF's are all kept until its end */

static uint32_t count_of(const qs_frame *frame, int solo)
{
    return solo >= 0 ? 1 : frame->count;
}

static uint32_t scale_of(const qs_frame *frame, int solo)
{
    const uint32_t count = count_of(frame, solo), columns = app_montage_columns(count);
    const uint32_t height = frame->height * ((count + columns - 1) / columns);
    return height < SHOWN_HEIGHT ? SHOWN_HEIGHT / height : 1;
}

/* What is in the file of a frame; to be freed with app_montage_free. */
static qs_status image_of(const viewer_readings *readings, int solo, bool checkered,
                          app_image *image)
{
    const qs_frame *frame = &readings->frame;
    const uint32_t count = count_of(frame, solo);
    const size_t first = solo >= 0 ? (size_t)solo : 0;
    const qs_status status =
        app_montage(frame->pixels + first * frame->width * frame->height * 4, count, frame->width,
                    frame->height, app_montage_columns(count), scale_of(frame, solo), image);
    image->has_alpha = readings->model.has_alpha;
    if (status == QS_OK && checkered && image->has_alpha)
        app_montage_over_checkerboard((uint8_t *)image->pixels, 1, image->width, image->height);
    return status;
}

static void free_path(recording *r, const char *model, const char *ending)
{
    uint32_t copy = 0;
    char number[16] = "";
    do {
        if (++copy > 1)
            snprintf(number, sizeof number, "-%u", copy);
        snprintf(r->path, sizeof r->path, "%s-recording%s%s", model, number, ending);
    } while (access(r->path, F_OK) == 0);
}

qs_status record_begin(recording *r, const viewer_readings *readings, const char *ending, int solo,
                       double now_s)
{
    qs_status status = QS_OK;
    app_image image = { 0 };
    *r = (recording){ .next_s = now_s };
    if (!readings->frame.pixels || readings->frame.check != QS_OK)
        return app_error(QS_ERROR_USAGE, "there is no good picture to record");
    free_path(r, readings->model.name, ending);
    TRY(image_of(readings, solo, false, &image));
    r->width = image.width;
    r->height = image.height;
    const uint64_t room = BYTES_MAX / ((uint64_t)4 * image.width * image.height);
    r->most = (uint32_t)fmin(fmax((double)room, 1), SECONDS_MAX * PICTURES_PER_SECOND);
    TRY(app_animation_begin(r->path, &image, 0, PICTURES_PER_SECOND, NULL, &r->animation));
fail:
    app_montage_free(&image);
    return status;
}

qs_status record_take(recording *r, const viewer_readings *readings, int solo, double now_s,
                      bool *full)
{
    qs_status status = QS_OK;
    app_image image = { 0 };
    const size_t length = strlen(r->path);
    *full = false;
    if (!r->animation || now_s < r->next_s)
        return QS_OK;
    const double due = floor((now_s - r->next_s) * PICTURES_PER_SECOND) + 1;
    TRY(image_of(readings, solo, strcmp(r->path + length - 4, ".png") != 0, &image));
    if (image.width != r->width || image.height != r->height)
        TRY(app_error(QS_ERROR_USAGE, "pictures are %ux%u now, and were %ux%u", image.width,
                      image.height, r->width, r->height));
    r->next_s += due / PICTURES_PER_SECOND;
    for (double i = 0; i < fmin(due, PICTURES_PER_SECOND) && r->count < r->most; i++) {
        TRY(app_animation_add(r->animation, image.pixels));
        r->count++;
    }
    *full = r->count == r->most;
fail:
    app_montage_free(&image);
    return status;
}

double record_seconds(const recording *r)
{
    return (double)r->count / PICTURES_PER_SECOND;
}

qs_status record_end(recording *r)
{
    const qs_status status = app_animation_end(r->animation, r->count > 0);
    r->animation = NULL;
    return status;
}
