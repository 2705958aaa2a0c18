#include "common/jpeg_file.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

typedef struct writer {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf failed;
    unsigned char *bytes;
    unsigned long size;
    uint8_t *row; /* RGB */
} writer;

static void on_error(j_common_ptr jpeg)
{
    longjmp(((writer *)jpeg)->failed, 1);
}

static void write_rows(writer *w, const app_image *image)
{
    for (uint32_t y = 0; y < image->height; y++) {
        const uint8_t *from = image->pixels + (size_t)4 * image->width * y;
        for (uint32_t x = 0; x < image->width; x++)
            for (int c = 0; c < 3; c++)
                w->row[3 * x + c] = from[4 * x + c];
        jpeg_write_scanlines(&w->jpeg, &w->row, 1);
    }
}

static void encode(writer *w, const app_image *image, int quality)
{
    w->jpeg.err = jpeg_std_error(&w->errors);
    w->errors.error_exit = on_error;
    jpeg_create_compress(&w->jpeg);
    jpeg_mem_dest(&w->jpeg, &w->bytes, &w->size);
    w->jpeg.image_width = image->width;
    w->jpeg.image_height = image->height;
    w->jpeg.input_components = 3;
    w->jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&w->jpeg);
    jpeg_set_quality(&w->jpeg, quality, TRUE);
    w->jpeg.comp_info[0].h_samp_factor = w->jpeg.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&w->jpeg, TRUE);
    write_rows(w, image);
    jpeg_finish_compress(&w->jpeg);
}

qs_status app_jpeg_encode(const app_image *image, int quality, uint8_t **bytes, size_t *size)
{
    writer *w = calloc(1, sizeof *w);
    volatile bool good = false; /* what longjmp leaves as it was */
    if (w)
        w->row = malloc((size_t)3 * image->width);
    if (w && w->row && setjmp(w->failed) == 0) {
        encode(w, image, quality);
        good = true;
    }
    if (w) {
        jpeg_destroy_compress(&w->jpeg);
        *bytes = w->bytes;
        *size = w->size;
        free(w->row);
    }
    if (!good && w)
        free(w->bytes);
    free(w);
    return good ? QS_OK : app_error(QS_ERROR_MEMORY, "no memory for a JPEG");
}
