/* Several pictures in one: a grid without gaps, enlarged by whole pixels, over a checkerboard. */
#ifndef APP_MONTAGE_H
#define APP_MONTAGE_H

#include "common/png_file.h"

/* Columns of a near-square grid: ceil(sqrt(count)). */
uint32_t app_montage_columns(uint32_t count);

/* pixels: [count, height, width, 4], laid out row by row; cells without a picture stay 0
 * (transparent or black). Every pixel becomes scale x scale pixels. image->pixels is to be freed
 * by the caller (app_montage_free). */
qs_status app_montage(const uint8_t *pixels, uint32_t count, uint32_t width, uint32_t height,
                      uint32_t columns, uint32_t scale, app_image *image);
/* Lays RGBA pictures [count, height, width, 4] over a checkerboard of two greys, in place: for a
 * picture that is made to be looked at. */
void app_montage_over_checkerboard(uint8_t *pixels, uint32_t count, uint32_t width,
                                   uint32_t height);
void app_montage_free(app_image *image);

#endif
