/* Reading photographs: PNG and JPEG. */
#ifndef APP_PICTURE_FILE_H
#define APP_PICTURE_FILE_H

#include "common/error.h"

/* How a picture gets sides that are multiples of something. */
typedef enum app_fit {
    APP_FIT_NONE,   /* not at all: QS_ERROR_USAGE, with what would */
    APP_FIT_CROP,   /* its middle */
    APP_FIT_RESIZE, /* scaled to the nearest multiples */
} app_fit;

/* The file's pixels as floats [channels, height, width] in [-1, 1], to be freed by the caller.
 * channels: 1, 3 or 4. The picture is turned as its EXIF orientation says (diffusers' load_image);
 * of 16 bits the upper 8 count; a colour profile is not applied, which a warning says.
 * multiple: of which width and height must be. QS_ERROR_USAGE: not readable, or its transparency,
 * colours or size do not fit. */
qs_status app_picture_read(const char *path, uint32_t channels, app_fit fit, uint32_t multiple,
                           float **values, uint32_t *width, uint32_t *height);

/* A picture to begin from: RGBA8 [height, width, 4], straight alpha, to be freed by the caller.
 * crop: scaled until it covers that size, and its middle; resize: stretched. channels: of the
 * model. Otherwise as above. */
qs_status app_photo_read(const char *path, uint32_t channels, app_fit fit, uint32_t width,
                         uint32_t height, uint8_t **rgba);

/* The same of pixels that were read, which it replaces: their middle. path: what errors call them.
 */
qs_status app_photo_crop(const char *path, uint32_t to_width, uint32_t to_height, uint8_t **rgba,
                         uint32_t width, uint32_t height);

/* The same of a mask: [height, width], 255 where it is white, 0 where it is black or clear.
 * QS_ERROR_USAGE: it has colours. */
qs_status app_mask_read(const char *path, app_fit fit, uint32_t width, uint32_t height,
                        uint8_t **mask);

/* "crop", "resize"; NULL: none. QS_ERROR_USAGE. */
qs_status app_fit_parse(const char *name, app_fit *fit);

#endif
