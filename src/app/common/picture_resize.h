/* stb_image_resize, of either version. */
#ifndef APP_PICTURE_RESIZE_H
#define APP_PICTURE_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

/* Pixels [height, width, 4] to another size; alpha is a channel like the others. False without
 * memory. */
bool app_resize(const uint8_t *from, uint32_t from_width, uint32_t from_height, uint8_t *to,
                uint32_t to_width, uint32_t to_height);

#endif
