/* PNG files that carry their recipe in a text chunk named "quickstep" (tEXt, JSON in ASCII). */
#ifndef APP_PNG_FILE_H
#define APP_PNG_FILE_H

#include "common/error.h"

typedef struct app_image {
    uint32_t width, height;
    bool has_alpha;        /* false: written as RGB */
    const uint8_t *pixels; /* [height, width, 4] RGBA8, straight alpha */
} app_image;

/* recipe: JSON text, or NULL for none. path "-" is standard output. The same arguments make the
 * same bytes. QS_ERROR_WRITE. */
qs_status app_png_write(const char *path, const app_image *image, const char *recipe);

/* The same into memory, to be freed by the caller after an error, too. */
qs_status app_png_encode(const app_image *image, const char *recipe, uint8_t **bytes, size_t *size);

/* The recipe of a PNG, to be freed by the caller. The file is not trusted. QS_ERROR_OTHER: not
 * readable, not a PNG, damaged, or a PNG without a recipe. */
qs_status app_png_read_recipe(const char *path, char **recipe);

/* Its pixels [height, width, 4] RGBA8, to be freed by the caller. The file is not trusted; at most
 * 4096 x 4096. QS_ERROR_OTHER. */
qs_status app_png_read_pixels(const char *path, uint8_t **pixels, uint32_t *width,
                              uint32_t *height);

#endif
