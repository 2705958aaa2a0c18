#include "common/headings.h"

#include "common/font.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAD = 6,
    LARGE_CELL = 160
}; /* of a cell that high the letters are twice as large, and so on */

static const uint8_t PAPER[4] = { 0x13, 0x15, 0x19, 0xff }, INK[4] = { 0xc9, 0xce, 0xd8, 0xff };

typedef struct sheet {
    uint8_t *pixels;
    uint32_t width, height, text_scale;
} sheet;

/* In characters, not bytes, of UTF-8. */
static uint32_t length_of(const char *text)
{
    uint32_t length = 0;
    for (; *text; text++)
        length += ((unsigned char)*text & 0xc0) != 0x80;
    return length;
}

static uint32_t width_of(const sheet *s, const char *text)
{
    return length_of(text) * FONT_WIDTH * s->text_scale;
}

static void draw_character(sheet *s, uint32_t x, uint32_t y, unsigned char c)
{
    const uint8_t *rows = font_rows[(c >= FONT_FIRST && c <= FONT_LAST ? c : '?') - FONT_FIRST];
    for (uint32_t v = 0; v < FONT_HEIGHT * s->text_scale; v++)
        for (uint32_t u = 0; u < FONT_WIDTH * s->text_scale; u++)
            if (rows[v / s->text_scale] & 0x80 >> u / s->text_scale)
                memcpy(s->pixels + 4 * ((size_t)(y + v) * s->width + x + u), INK, 4);
}

static void draw_text(sheet *s, uint32_t x, uint32_t y, const char *text)
{
    for (; *text; text++) {
        if (((unsigned char)*text & 0xc0) == 0x80)
            continue;
        draw_character(s, x, y, (unsigned char)*text);
        x += FONT_WIDTH * s->text_scale;
    }
}

/* "" if none fits. */
static const char *fitting(const sheet *s, const app_column_heading *column, uint32_t width)
{
    for (int i = 0; i < 3 && column->texts[i][0]; i++)
        if (width_of(s, column->texts[i]) <= width)
            return column->texts[i];
    return "";
}

static uint32_t row_margin(const sheet *s, const app_headings *h)
{
    uint32_t widest = width_of(s, h->corner);
    for (uint32_t y = 0; y < h->row_count; y++)
        if (width_of(s, h->rows[y]) > widest)
            widest = width_of(s, h->rows[y]);
    return widest + 2 * PAD * s->text_scale;
}

static void draw_headings(sheet *s, const app_headings *h, uint32_t left, uint32_t top,
                          uint32_t cell_w, uint32_t cell_h)
{
    const uint32_t pad = PAD * s->text_scale, line = FONT_HEIGHT * s->text_scale;
    draw_text(s, pad, pad, h->corner);
    for (uint32_t x = 0; x < h->column_count; x++) {
        const char *text = fitting(s, &h->columns[x], cell_w);
        draw_text(s, left + x * cell_w + (cell_w - width_of(s, text)) / 2, pad, text);
    }
    for (uint32_t y = 0; y < h->row_count && line <= cell_h; y++)
        draw_text(s, left - pad - width_of(s, h->rows[y]), top + y * cell_h + (cell_h - line) / 2,
                  h->rows[y]);
}

qs_status app_headings_add(const app_headings *h, app_image *image)
{
    const uint32_t cell_w = image->width / h->column_count, cell_h = image->height / h->row_count;
    sheet s = { .text_scale = 1 + cell_h / LARGE_CELL };
    const uint32_t left = row_margin(&s, h);
    const uint32_t top = (FONT_HEIGHT + 2 * PAD) * s.text_scale;
    s.width = left + image->width;
    s.height = top + image->height;
    s.pixels = malloc((size_t)s.width * s.height * 4);
    if (!s.pixels)
        return app_error(QS_ERROR_MEMORY, "no memory for a picture of %u x %u pixels", s.width,
                         s.height);
    for (size_t i = 0; i < (size_t)s.width * s.height; i++)
        memcpy(s.pixels + 4 * i, PAPER, 4);
    for (uint32_t y = 0; y < image->height; y++)
        memcpy(s.pixels + 4 * ((size_t)(top + y) * s.width + left),
               image->pixels + 4 * (size_t)y * image->width, 4 * (size_t)image->width);
    draw_headings(&s, h, left, top, cell_w, cell_h);
    free((void *)image->pixels);
    image->pixels = s.pixels;
    image->width = s.width;
    image->height = s.height;
    return QS_OK;
}
