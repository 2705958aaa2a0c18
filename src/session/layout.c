#include "core/half.h"
#include "session/session.h"

static void store_element(void *device, size_t index, dtype type, float value)
{
    if (type == DTYPE_F16)
        ((uint16_t *)device)[index] = half_from_float(value);
    else
        ((float *)device)[index] = value;
}

static float load_element(const void *device, size_t index, dtype type)
{
    return type == DTYPE_F16 ? float_from_half(((const uint16_t *)device)[index])
                             : ((const float *)device)[index];
}

void layout_to_device(const float *nchw, uint32_t n, uint32_t c, uint32_t h, uint32_t w,
                      float scale, dtype type, void *device)
{
    const size_t plane = (size_t)h * w, stride = ceil4(c);
    for (size_t image = 0; image < n; ++image)
        for (size_t pixel = 0; pixel < plane; ++pixel)
            for (size_t channel = 0; channel < stride; ++channel) {
                const float value =
                    channel < c ? nchw[(image * c + channel) * plane + pixel] : 0.0f;
                store_element(device, (image * plane + pixel) * stride + channel, type,
                              value * scale);
            }
}

void layout_from_device(const void *device, dtype type, uint32_t stride, uint32_t offset,
                        uint32_t n, uint32_t c, uint32_t h, uint32_t w, float *nchw)
{
    const size_t plane = (size_t)h * w;
    for (size_t image = 0; image < n; ++image)
        for (size_t channel = 0; channel < c; ++channel)
            for (size_t pixel = 0; pixel < plane; ++pixel)
                nchw[(image * c + channel) * plane + pixel] =
                    load_element(device, offset + (image * plane + pixel) * stride + channel, type);
}
