/* What a photograph's file says besides its pixels. */
#ifndef APP_PICTURE_TAGS_H
#define APP_PICTURE_TAGS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct app_picture_tags {
    uint32_t orientation; /* EXIF's, 1 .. 8; 1: the first row is the top, the first column left */
    /* "an embedded colour profile": what the colours mean, if that is not sRGB; NULL: nothing */
    const char *colours;
} app_picture_tags;

/* Of a PNG or JPEG; of anything else, and of a damaged one, nothing. */
app_picture_tags app_picture_tags_read(const char *path);

/* Turns pixels [height, width, 4] so that orientation 1 is right. Returns new pixels, to be freed;
 * width and height are the turned picture's then. NULL without memory. */
uint8_t *app_picture_turn(const uint8_t *rgba, uint32_t orientation, uint32_t *width,
                          uint32_t *height);

#endif
