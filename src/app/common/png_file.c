#include "common/png_file.h"

#include "common/input.h"
#include "common/output.h"
#include "common/png_memory.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECIPE_KEY "quickstep"

typedef struct byte_buffer {
    uint8_t *bytes;
    size_t size, capacity;
    bool no_memory;
} byte_buffer;

static void on_error(png_structp png, png_const_charp text)
{
    app_error(QS_ERROR_OTHER, "%s", text);
    png_longjmp(png, 1);
}

static void append(png_structp png, png_bytep data, size_t size)
{
    byte_buffer *buffer = png_get_io_ptr(png);
    if (buffer->capacity - buffer->size < size) {
        const size_t capacity = (buffer->capacity + size) * 2;
        uint8_t *bytes = realloc(buffer->bytes, capacity);
        if (!bytes) {
            buffer->no_memory = true;
            png_error(png, "no memory");
        }
        buffer->bytes = bytes;
        buffer->capacity = capacity;
    }
    memcpy(buffer->bytes + buffer->size, data, size);
    buffer->size += size;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static void write_chunks(png_structp png, png_infop info, const app_image *image,
                         const char *recipe)
{
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
    png_set_IHDR(png, info, image->width, image->height, 8,
                 image->has_alpha ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_sRGB(png, info, PNG_sRGB_INTENT_PERCEPTUAL);
    char software[64];
    snprintf(software, sizeof software, "Quickstep %s", qs_version());
    png_text text[2] = {
        { .compression = PNG_TEXT_COMPRESSION_NONE, .key = (char *)"Software", .text = software },
        { .compression = PNG_TEXT_COMPRESSION_NONE,
          .key = (char *)RECIPE_KEY,
          .text = (char *)recipe },
    };
    png_set_text(png, info, text, recipe ? 2 : 1);
    png_write_info(png, info);
    if (!image->has_alpha)
        png_set_filler(png, 0, PNG_FILLER_AFTER);
    for (uint32_t y = 0; y < image->height; y++)
        png_write_row(png, image->pixels + (size_t)y * image->width * 4);
    png_write_end(png, info);
}

static qs_status encode(const app_image *image, const char *recipe, byte_buffer *buffer)
{
    png_structp png =
        png_create_write_struct_2(PNG_LIBPNG_VER_STRING, NULL, on_error, png_ignore_warning,
                                  &buffer->no_memory, png_memory_allocate, png_memory_free);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return app_error(QS_ERROR_MEMORY, "no memory");
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return buffer->no_memory ? QS_ERROR_MEMORY : QS_ERROR_OTHER;
    }
    png_set_write_fn(png, buffer, append, flush_nothing);
    write_chunks(png, info, image, recipe);
    png_destroy_write_struct(&png, &info);
    return QS_OK;
}

qs_status app_png_encode(const app_image *image, const char *recipe, uint8_t **bytes, size_t *size)
{
    byte_buffer buffer = { 0 };
    const qs_status status = encode(image, recipe, &buffer);
    *bytes = buffer.bytes;
    *size = buffer.size;
    return status;
}

qs_status app_png_write(const char *path, const app_image *image, const char *recipe)
{
    byte_buffer buffer = { 0 };
    qs_status status = encode(image, recipe, &buffer);
    if (status == QS_OK)
        status = app_output_write(path, buffer.bytes, buffer.size);
    free(buffer.bytes);
    return status;
}

/* Reads the chunks before the pixels only: the pixels of an untrusted file are never inflated. */
static qs_status read_recipe(FILE *file, char **recipe)
{
    png_structp png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, png_ignore_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return app_error(QS_ERROR_MEMORY, "no memory");
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_read_struct(&png, &info, NULL);
        return QS_ERROR_OTHER;
    }
    png_set_user_limits(png, 1 << 20, 1 << 20);
    png_set_chunk_malloc_max(png, 1 << 20);
    png_set_chunk_cache_max(png, 64);
    png_init_io(png, file);
    png_read_info(png, info);

    png_textp text = NULL;
    int count = 0;
    png_get_text(png, info, &text, &count);
    char *found = NULL;
    for (int i = 0; i < count && !found; i++)
        if (strcmp(text[i].key, RECIPE_KEY) == 0 && text[i].text)
            found = strdup(text[i].text);
    png_destroy_read_struct(&png, &info, NULL);
    if (!found)
        return app_error(QS_ERROR_OTHER, "this PNG carries no Quickstep recipe");
    *recipe = found;
    return QS_OK;
}

qs_status app_png_read_recipe(const char *path, char **recipe)
{
    FILE *file;
    if (app_input_open(path, &file) != QS_OK)
        return QS_ERROR_OTHER;
    uint8_t signature[8];
    qs_status status = QS_OK;
    if (fread(signature, 1, 8, file) != 8 || png_sig_cmp(signature, 0, 8) != 0) {
        status = app_error(QS_ERROR_OTHER, "%s is not a PNG file", path);
    } else {
        rewind(file);
        status = read_recipe(file, recipe);
        if (status != QS_OK) {
            char reason[256];
            snprintf(reason, sizeof reason, "%s", app_error_message());
            app_error(status, "%s: %s", path, reason);
        }
    }
    fclose(file);
    return status;
}

qs_status app_png_read_pixels(const char *path, uint8_t **pixels, uint32_t *width, uint32_t *height)
{
    enum { SIDE_MAX = 4096 };
    png_image image = { .version = PNG_IMAGE_VERSION };
    *pixels = NULL;
    qs_status status = QS_OK;
    if (!png_image_begin_read_from_file(&image, path))
        return app_error(QS_ERROR_OTHER, "%s: %s", path, image.message);
    image.format = PNG_FORMAT_RGBA;
    if (image.width > SIDE_MAX || image.height > SIDE_MAX)
        status = app_error(QS_ERROR_OTHER, "%s: %u x %u pixels are too many", path, image.width,
                           image.height);
    else if (!(*pixels = malloc(PNG_IMAGE_SIZE(image))))
        status = app_error(QS_ERROR_MEMORY, "no memory");
    else if (!png_image_finish_read(&image, NULL, *pixels, 0, NULL))
        status = app_error(QS_ERROR_OTHER, "%s: %s", path, image.message);
    *width = image.width;
    *height = image.height;
    png_image_free(&image);
    if (status != QS_OK) {
        free(*pixels);
        *pixels = NULL;
    }
    return status;
}
