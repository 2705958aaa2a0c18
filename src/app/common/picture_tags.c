#include "common/picture_tags.h"

#include "common/input.h"
#include "common/png_memory.h"

#include <libexif/exif-data.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t orientation_of(ExifData *exif)
{
    ExifEntry *entry = exif ? exif_data_get_entry(exif, EXIF_TAG_ORIENTATION) : NULL;
    uint32_t orientation = 1;
    if (entry && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
        orientation = exif_get_short(entry->data, exif_data_get_byte_order(exif));
    if (exif)
        exif_data_unref(exif);
    return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

/* ---- PNG: eXIf, iCCP, gAMA and cHRM ---------------------------------------------------------- */

/* The chunk has what follows "Exif\0\0" in a JPEG. */
static uint32_t png_orientation(png_structp png, png_infop info)
{
    static const unsigned char head[] = { 'E', 'x', 'i', 'f', 0, 0 };
    png_uint_32 size = 0;
    png_bytep data = NULL;
    if (!png_get_eXIf_1(png, info, &size, &data) || size > 1 << 20)
        return 1;
    unsigned char *whole = malloc(sizeof head + size);
    if (!whole)
        return 1;
    memcpy(whole, head, sizeof head);
    memcpy(whole + sizeof head, data, size);
    const uint32_t orientation =
        orientation_of(exif_data_new_from_data(whole, (unsigned)(sizeof head + size)));
    free(whole);
    return orientation;
}

static const char *png_colours(png_structp png, png_infop info)
{
    double gamma = 0;
    if (png_get_valid(png, info, PNG_INFO_sRGB))
        return NULL;
    if (png_get_valid(png, info, PNG_INFO_iCCP))
        return "an embedded colour profile";
    if (png_get_gAMA(png, info, &gamma) && (gamma < 0.45 || gamma > 0.46))
        return "a gamma of its own";
    return NULL;
}

static void on_error(png_structp png, png_const_charp text)
{
    (void)text; /* whoever reads the pixels says what is wrong */
    png_longjmp(png, 1);
}

static void read_png(FILE *file, app_picture_tags *tags)
{
    png_structp png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, png_ignore_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (info && setjmp(png_jmpbuf(png)) == 0) {
        png_init_io(png, file);
        png_read_info(png, info);
        tags->orientation = png_orientation(png, info);
        tags->colours = png_colours(png, info);
    }
    png_destroy_read_struct(&png, &info, NULL);
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

static void read_jpeg(const char *path, FILE *file, app_picture_tags *tags)
{
    char start[65536];
    const size_t size = fread(start, 1, sizeof start, file);
    tags->orientation = orientation_of(exif_data_new_from_file(path));
    if (memmem(start, size, "ICC_PROFILE", sizeof "ICC_PROFILE"))
        tags->colours = "an embedded colour profile";
}

app_picture_tags app_picture_tags_read(const char *path)
{
    app_picture_tags tags = { .orientation = 1 };
    unsigned char magic[8] = { 0 };
    FILE *file;
    if (app_input_open(path, &file) != QS_OK)
        return tags;
    const size_t got = fread(magic, 1, sizeof magic, file);
    rewind(file);
    if (got == sizeof magic && png_sig_cmp(magic, 0, sizeof magic) == 0)
        read_png(file, &tags);
    else if (got == sizeof magic && magic[0] == 0xff && magic[1] == 0xd8)
        read_jpeg(path, file, &tags);
    fclose(file);
    return tags;
}

/* ---- turning --------------------------------------------------------------------------------- */

uint8_t *app_picture_turn(const uint8_t *rgba, uint32_t orientation, uint32_t *width,
                          uint32_t *height)
{
    /* where a turned pixel's column and row begin in the file's: from the right, from below */
    static const struct {
        bool swapped, right, below;
    } ways[9] = {
        [1] = { false, false, false }, [2] = { false, true, false }, [3] = { false, true, true },
        [4] = { false, false, true },  [5] = { true, false, false }, [6] = { true, false, true },
        [7] = { true, true, true },    [8] = { true, true, false },
    };
    const uint32_t w = *width, h = *height;
    const bool swapped = ways[orientation].swapped;
    const uint32_t turned_w = swapped ? h : w, turned_h = swapped ? w : h;
    uint32_t *turned = malloc((size_t)w * h * sizeof *turned);
    for (uint32_t y = 0; turned && y < turned_h; ++y)
        for (uint32_t x = 0; x < turned_w; ++x) {
            const uint32_t column = swapped ? y : x, row = swapped ? x : y;
            const uint32_t from_x = ways[orientation].right ? w - 1 - column : column;
            const uint32_t from_y = ways[orientation].below ? h - 1 - row : row;
            memcpy(&turned[(size_t)y * turned_w + x], rgba + 4 * ((size_t)from_y * w + from_x), 4);
        }
    *width = turned_w;
    *height = turned_h;
    return (uint8_t *)turned;
}
