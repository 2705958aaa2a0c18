/* The pixels of a PNG or JPEG. */
#ifndef APP_PICTURE_PIXELS_H
#define APP_PICTURE_PIXELS_H

#include "common/error.h"

#include <stdio.h>

/* *rgba: [height, width, 4], straight alpha, as Pillow's convert("RGBA") gives it, to be freed by
 * the caller; of 16 bits the upper 8. The file is not trusted: memory is asked for only when its
 * header says at most pixels_max. QS_ERROR_USAGE: not readable, neither PNG nor JPEG, damaged, cut
 * short, or too large. */
qs_status app_pixels_read(const char *path, uint32_t pixels_max, uint8_t **rgba, uint32_t *width,
                          uint32_t *height);
/* The same of an open file, which stays open; path: what errors call it. */
qs_status app_pixels_read_file(FILE *file, const char *path, uint32_t pixels_max, uint8_t **rgba,
                               uint32_t *width, uint32_t *height);

#endif
