#include "common/picture_pixels.h"

#include "common/input.h"
#include "common/png_memory.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* What a decoder's error leaves behind: everything that is set after setjmp. */
typedef struct pixels {
    const char *path;
    FILE *file;
    uint32_t pixels_max;
    uint32_t width, height;
    uint8_t *rgba;
    bool no_memory;
    uint8_t *line;   /* of a JPEG */
    png_bytep *rows; /* of a PNG, into rgba */
    char message[JMSG_LENGTH_MAX];
} pixels;

/* False, and why in message. */
static bool allocate(pixels *p, uint32_t width, uint32_t height)
{
    p->width = width;
    p->height = height;
    if ((uint64_t)width * height > p->pixels_max) {
        snprintf(p->message, sizeof p->message, "%ux%u, and at most %u pixels are supported", width,
                 height, p->pixels_max);
        return false;
    }
    p->rgba = malloc((size_t)4 * width * height);
    if (!p->rgba) {
        p->no_memory = true;
        snprintf(p->message, sizeof p->message, "no memory for %ux%u", width, height);
    }
    return p->rgba != NULL;
}

/* ---- PNG ------------------------------------------------------------------------------------- */

static void on_png_error(png_structp png, png_const_charp text)
{
    pixels *p = png_get_error_ptr(png);
    snprintf(p->message, sizeof p->message, "%s", text);
    png_longjmp(png, 1);
}

/* All kinds become eight bits of red, green, blue and alpha. */
static void read_png_rows(png_structp png, png_infop info, pixels *p)
{
    /* before libpng takes memory for its rows */
    if (!allocate(p, png_get_image_width(png, info), png_get_image_height(png, info)))
        return;
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    p->rows = png_malloc(png, p->height * sizeof *p->rows);
    for (uint32_t y = 0; y < p->height; ++y)
        p->rows[y] = p->rgba + (size_t)4 * p->width * y;
    png_read_image(png, p->rows);
    png_read_end(png, NULL);
}

static void read_png(pixels *p)
{
    png_structp png =
        png_create_read_struct_2(PNG_LIBPNG_VER_STRING, p, on_png_error, png_ignore_warning,
                                 &p->no_memory, png_memory_allocate, png_memory_free);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (info && setjmp(png_jmpbuf(png)) == 0) {
        png_init_io(png, p->file);
        png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* pixels_max is less */
        /* libpng would leave out a damaged tRNS, and show what is transparent */
        png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
        png_read_info(png, info);
        read_png_rows(png, info, p);
    } else if (!info) {
        p->no_memory = true;
        snprintf(p->message, sizeof p->message, "no memory");
    }
    png_destroy_read_struct(&png, &info, NULL);
    free(p->rows);
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

typedef struct jpeg_errors {
    struct jpeg_error_mgr base; /* first: libjpeg knows it only */
    jmp_buf jump;
    pixels *pixels;
} jpeg_errors;

static void on_jpeg_error(j_common_ptr jpeg)
{
    jpeg_errors *errors = (jpeg_errors *)jpeg->err;
    jpeg->err->format_message(jpeg, errors->pixels->message);
    errors->pixels->no_memory |= jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
    longjmp(errors->jump, 1);
}

/* Where libjpeg would go on with pixels of its own invention: grey to the end, or noise. */
static void on_jpeg_message(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER ||
                      code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC))
        on_jpeg_error(jpeg);
}

/* round(a * b / 255), as Pillow has it */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    const uint32_t product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/* Four inks are always stored inverted, as Adobe began it; Pillow assumes it, too. */
static void ink_to_rgba(const uint8_t *cmyk, uint8_t *rgba)
{
    for (int c = 0; c < 3; ++c)
        rgba[c] = (uint8_t)(cmyk[3] - multiply(255u - cmyk[c], cmyk[3]));
}

static void line_to_rgba(const uint8_t *line, int components, uint32_t width, uint8_t *rgba)
{
    for (uint32_t x = 0; x < width; ++x, line += components, rgba += 4) {
        if (components == 4)
            ink_to_rgba(line, rgba);
        else
            for (int c = 0; c < 3; ++c)
                rgba[c] = line[components == 1 ? 0 : c];
        rgba[3] = 255;
    }
}

static void read_jpeg_lines(struct jpeg_decompress_struct *jpeg, pixels *p)
{
    jpeg_stdio_src(jpeg, p->file);
    jpeg_read_header(jpeg, TRUE);
    jpeg->out_color_space = jpeg->num_components == 1   ? JCS_GRAYSCALE
                            : jpeg->num_components == 4 ? JCS_CMYK
                                                        : JCS_RGB;
    if (!allocate(p, jpeg->image_width, jpeg->image_height))
        return;
    jpeg_start_decompress(jpeg);
    p->line = malloc((size_t)4 * p->width);
    if (!p->line)
        ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
    while (jpeg->output_scanline < p->height) {
        uint8_t *to = p->rgba + (size_t)4 * p->width * jpeg->output_scanline;
        jpeg_read_scanlines(jpeg, &p->line, 1);
        line_to_rgba(p->line, jpeg->output_components, p->width, to);
    }
    jpeg_finish_decompress(jpeg);
}

static void read_jpeg(pixels *p)
{
    struct jpeg_decompress_struct jpeg = { 0 };
    jpeg_errors errors = { .pixels = p };
    jpeg.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = on_jpeg_error;
    errors.base.emit_message = on_jpeg_message;
    if (setjmp(errors.jump) == 0) {
        jpeg_create_decompress(&jpeg);
        read_jpeg_lines(&jpeg, p);
    }
    jpeg_destroy_decompress(&jpeg);
    free(p->line);
}

/* ---- either ---------------------------------------------------------------------------------- */

qs_status app_pixels_read(const char *path, uint32_t pixels_max, uint8_t **rgba, uint32_t *width,
                          uint32_t *height)
{
    FILE *file;
    qs_status status = app_input_open(path, &file);
    if (status != QS_OK)
        return status;
    status = app_pixels_read_file(file, path, pixels_max, rgba, width, height);
    fclose(file);
    return status;
}

qs_status app_pixels_read_file(FILE *file, const char *path, uint32_t pixels_max, uint8_t **rgba,
                               uint32_t *width, uint32_t *height)
{
    pixels p = { .path = path, .file = file, .pixels_max = pixels_max };
    uint8_t magic[8] = { 0 };
    const size_t got = fread(magic, 1, sizeof magic, p.file);
    rewind(p.file);
    if (got == sizeof magic && png_sig_cmp(magic, 0, sizeof magic) == 0)
        read_png(&p);
    else if (magic[0] == 0xff && magic[1] == 0xd8)
        read_jpeg(&p);
    else
        snprintf(p.message, sizeof p.message, "it is neither");
    if (p.message[0]) {
        free(p.rgba);
        return app_error(p.no_memory ? QS_ERROR_MEMORY : QS_ERROR_USAGE,
                         "%s cannot be read as PNG or JPEG: %s", path, p.message);
    }
    *rgba = p.rgba;
    *width = p.width;
    *height = p.height;
    return QS_OK;
}
