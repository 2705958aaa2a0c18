/* JPEG files, for streams that are made of them. */
#ifndef APP_JPEG_FILE_H
#define APP_JPEG_FILE_H

#include "common/png_file.h"

/* Into memory, to be freed by the caller. No chroma is subsampled; alpha is left out.
 * QS_ERROR_MEMORY. */
qs_status app_jpeg_encode(const app_image *image, int quality, uint8_t **bytes, size_t *size);

#endif
