#include "sixel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLOURS_MAX = 255, CLEAR = COLOURS_MAX, LEVELS = 6, BAND = 6 };

typedef struct indexed {
    uint8_t *pixels; /* [height, width]: CLEAR, or a place in colours */
    uint8_t colours[COLOURS_MAX][3];
    int colour_count;
} indexed;

/* COLOURS_MAX: there is no room for it. */
static int find_colour(indexed *p, const uint8_t *rgb)
{
    for (int i = 0; i < p->colour_count; i++)
        if (memcmp(p->colours[i], rgb, 3) == 0)
            return i;
    if (p->colour_count == COLOURS_MAX)
        return COLOURS_MAX;
    memcpy(p->colours[p->colour_count], rgb, 3);
    return p->colour_count++;
}

static bool index_exactly(const app_image *image, indexed *p)
{
    for (size_t i = 0; i < (size_t)image->width * image->height; i++) {
        const uint8_t *rgba = image->pixels + 4 * i;
        const int colour = find_colour(p, rgba);
        if (rgba[3] >= 128 && colour == COLOURS_MAX)
            return false;
        p->pixels[i] = rgba[3] < 128 ? CLEAR : (uint8_t)colour;
    }
    return true;
}

/* 0 .. 255 -> 0 .. 5, the rounding moved by a 4 x 4 matrix (Bayer) */
static int level(uint8_t value, uint32_t x, uint32_t y)
{
    static const uint8_t bayer[4][4] = {
        { 0, 8, 2, 10 }, { 12, 4, 14, 6 }, { 3, 11, 1, 9 }, { 15, 7, 13, 5 }
    };
    return (value * (LEVELS - 1) * 32 + (2 * bayer[y % 4][x % 4] + 1) * 255) / (255 * 32);
}

static void index_dithered(const app_image *image, indexed *p)
{
    p->colour_count = LEVELS * LEVELS * LEVELS;
    for (int i = 0; i < p->colour_count; i++) {
        const int levels[3] = { i / (LEVELS * LEVELS), i / LEVELS % LEVELS, i % LEVELS };
        for (int c = 0; c < 3; c++)
            p->colours[i][c] = (uint8_t)(levels[c] * 255 / (LEVELS - 1));
    }
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++) {
            const size_t i = (size_t)y * image->width + x;
            const uint8_t *rgba = image->pixels + 4 * i;
            const int r = level(rgba[0], x, y), g = level(rgba[1], x, y), b = level(rgba[2], x, y);
            p->pixels[i] = rgba[3] < 128 ? CLEAR : (uint8_t)((r * LEVELS + g) * LEVELS + b);
        }
}

/* The same six rows so many times: a bit a row. */
static void put_run(FILE *out, int bits, uint32_t length)
{
    if (length > 3)
        fprintf(out, "!%u%c", length, bits + 63);
    for (uint32_t i = 0; i < length && length <= 3; i++)
        fputc(bits + 63, out);
}

static int bits_at(const app_image *image, const indexed *p, uint32_t x, uint32_t y, int colour)
{
    int bits = 0;
    for (uint32_t row = 0; row < BAND && y + row < image->height; row++)
        if (p->pixels[(size_t)(y + row) * image->width + x] == colour)
            bits |= 1 << row;
    return bits;
}

static void put_colour(FILE *out, const app_image *image, const indexed *p, uint32_t y, int colour)
{
    uint32_t start = 0;
    int bits = bits_at(image, p, 0, y, colour);
    fprintf(out, "#%d", colour);
    for (uint32_t x = 1; x <= image->width; x++) {
        const int next = x < image->width ? bits_at(image, p, x, y, colour) : -1;
        if (next == bits)
            continue;
        put_run(out, bits, x - start);
        bits = next;
        start = x;
    }
    fputc('$', out); /* back to the left */
}

static void put_band(FILE *out, const app_image *image, const indexed *p, uint32_t y)
{
    bool used[COLOURS_MAX + 1] = { false };
    const size_t end = (size_t)(y + BAND < image->height ? y + BAND : image->height) * image->width;
    for (size_t i = (size_t)y * image->width; i < end; i++)
        used[p->pixels[i]] = true;
    for (int colour = 0; colour < p->colour_count; colour++)
        if (used[colour])
            put_colour(out, image, p, y, colour);
    fputc('-', out); /* the next band */
}

char *cli_sixel_encode(const app_image *image, size_t *size)
{
    char *text = NULL;
    indexed p = { .pixels = malloc((size_t)image->width * image->height) };
    FILE *out = p.pixels ? open_memstream(&text, size) : NULL;
    if (!out) {
        free(p.pixels);
        return NULL;
    }
    if (!index_exactly(image, &p))
        index_dithered(image, &p);
    fprintf(out, "\033P0;1;0q\"1;1;%u;%u", image->width, image->height);
    for (int i = 0; i < p.colour_count; i++) /* in percent */
        fprintf(out, "#%d;2;%d;%d;%d", i, (p.colours[i][0] * 100 + 127) / 255,
                (p.colours[i][1] * 100 + 127) / 255, (p.colours[i][2] * 100 + 127) / 255);
    for (uint32_t y = 0; y < image->height; y += BAND)
        put_band(out, image, &p, y);
    fputs("\033\\", out);
    const bool failed = fclose(out) != 0;
    free(p.pixels);
    if (failed) {
        free(text);
        return NULL;
    }
    return text;
}
