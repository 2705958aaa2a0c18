/* Reading photographs: PNG and JPEG. */
#ifndef APP_PICTURE_FILE_H
#define APP_PICTURE_FILE_H

#include "common/error.h"

/* The file's pixels as floats [channels, height, width] in [-1, 1], to be freed by the caller.
 * channels: 1, 3 or 4. 16-bit files are read as 8-bit ones; no colour profile and no orientation
 * tag is applied. QS_ERROR_USAGE: not readable, or its transparency or colours do not fit the
 * channels. */
qs_status app_picture_read(const char *path, uint32_t channels, float **values, uint32_t *width,
                           uint32_t *height);

#endif
