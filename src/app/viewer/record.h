/* What is played, into a file that moves: APNG, or by ffmpeg GIF or MP4. */
#ifndef VIEWER_RECORD_H
#define VIEWER_RECORD_H

#include "common/animation.h"
#include "viewer/viewer.h"

typedef struct recording {
    app_animation *animation; /* NULL: nothing is recorded */
    char path[640];
    uint32_t width, height; /* of the pictures in the file */
    uint32_t count, most;   /* of them */
    double next_s;          /* when the next one is due */
} recording;

/* ending: ".png", ".gif", ".mp4". The file is in the working folder; its size is decided by the
 * first picture. QS_ERROR_WRITE: it cannot be written, or there is no ffmpeg. */
qs_status record_begin(recording *r, const viewer_readings *readings, const char *ending, int solo,
                       double now_s);
/* A picture came; it is shown until the next one does, for a second at most. solo >= 0: this one of
 * the frame. QS_ERROR_USAGE: it has another size than the first. *full: there is no room for more.
 */
qs_status record_take(recording *r, const viewer_readings *readings, int solo, double now_s,
                      bool *full);
double record_seconds(const recording *r);
/* The file appears, if there is a picture in it. */
qs_status record_end(recording *r);

#endif
