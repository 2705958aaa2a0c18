#include "common/picture_resize.h"

#ifdef __GNUC__
#pragma GCC diagnostic ignored "-Wunused-function" /* stb's */
#endif
#if __has_include(<stb/stb_image_resize2.h>)
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_STATIC
#include <stb/stb_image_resize2.h>

bool app_resize(const uint8_t *from, uint32_t from_width, uint32_t from_height, uint8_t *to,
                uint32_t to_width, uint32_t to_height)
{
    return stbir_resize_uint8_linear(from, (int)from_width, (int)from_height, 0, to, (int)to_width,
                                     (int)to_height, 0, STBIR_4CHANNEL) != NULL;
}
#else
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#define STB_IMAGE_RESIZE_STATIC
#include <stb/stb_image_resize.h>

bool app_resize(const uint8_t *from, uint32_t from_width, uint32_t from_height, uint8_t *to,
                uint32_t to_width, uint32_t to_height)
{
    return stbir_resize_uint8(from, (int)from_width, (int)from_height, 0, to, (int)to_width,
                              (int)to_height, 0, 4);
}
#endif
