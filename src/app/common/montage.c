#include "common/montage.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 1 << 20, CHECKER_SIDE = 4 };

uint32_t app_montage_columns(uint32_t count)
{
    uint32_t columns = 1;
    while ((uint64_t)columns * columns < count)
        columns++;
    return columns;
}

static void put_picture(const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t scale,
                        uint8_t *cell, size_t pitch_bytes)
{
    for (uint32_t y = 0; y < height; y++) {
        uint8_t *row = cell + (size_t)y * scale * pitch_bytes;
        for (uint32_t x = 0; x < width * scale; x++)
            memcpy(row + (size_t)x * 4, pixels + ((size_t)y * width + x / scale) * 4, 4);
        for (uint32_t copy = 1; copy < scale; copy++)
            memcpy(row + copy * pitch_bytes, row, (size_t)width * scale * 4);
    }
}

qs_status app_montage(const uint8_t *pixels, uint32_t count, uint32_t width, uint32_t height,
                      uint32_t columns, uint32_t scale, app_image *image)
{
    const uint32_t rows = (count + columns - 1) / columns;
    const uint64_t cell_width = (uint64_t)width * scale, cell_height = (uint64_t)height * scale;
    if (cell_width * columns > SIDE_MAX || cell_height * rows > SIDE_MAX)
        return app_error(QS_ERROR_USAGE, "the picture would be wider or higher than %d pixels",
                         SIDE_MAX);
    const size_t pitch_bytes = (size_t)cell_width * columns * 4;
    uint8_t *grid = calloc((size_t)cell_height * rows, pitch_bytes);
    if (!grid)
        return app_error(QS_ERROR_MEMORY, "no memory for a picture of %llu x %llu pixels",
                         (unsigned long long)(cell_width * columns),
                         (unsigned long long)(cell_height * rows));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *cell = grid + (size_t)(i / columns) * cell_height * pitch_bytes +
                        (size_t)(i % columns) * cell_width * 4;
        put_picture(pixels + (size_t)i * width * height * 4, width, height, scale, cell,
                    pitch_bytes);
    }
    image->width = (uint32_t)(cell_width * columns);
    image->height = (uint32_t)(cell_height * rows);
    image->pixels = grid;
    return QS_OK;
}

void app_montage_over_checkerboard(uint8_t *pixels, uint32_t count, uint32_t width, uint32_t height)
{
    for (size_t i = 0; i < (size_t)count * width * height; i++) {
        uint8_t *p = pixels + i * 4;
        const size_t x = i % width, y = i / width % height;
        const uint32_t grey = (x / CHECKER_SIDE + y / CHECKER_SIDE) % 2 ? 104 : 92, alpha = p[3];
        for (int channel = 0; channel < 3; channel++)
            p[channel] = (uint8_t)((p[channel] * alpha + grey * (255 - alpha) + 127) / 255);
        p[3] = 255;
    }
}

void app_montage_free(app_image *image)
{
    free((void *)image->pixels);
    image->pixels = NULL;
}
