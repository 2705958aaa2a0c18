#include "program/layout.h"

#include "core/half.h"

void layout_to_device(const float *nchw, uint32_t n, uint32_t c, uint32_t h, uint32_t w, dtype type,
                      void *device)
{
    const size_t plane = (size_t)h * w, stride = ceil4(c);
    for (size_t image = 0; image < n; ++image)
        for (size_t pixel = 0; pixel < plane; ++pixel)
            for (size_t channel = 0; channel < stride; ++channel) {
                const float value =
                    channel < c ? nchw[(image * c + channel) * plane + pixel] : 0.0f;
                store_float(device, (image * plane + pixel) * stride + channel, type == DTYPE_F16,
                            value);
            }
}

void layout_from_device(const void *device, dtype type, uint32_t stride, uint32_t offset,
                        uint32_t n, uint32_t c, uint32_t h, uint32_t w, float *nchw)
{
    const size_t plane = (size_t)h * w;
    for (size_t image = 0; image < n; ++image)
        for (size_t channel = 0; channel < c; ++channel)
            for (size_t pixel = 0; pixel < plane; ++pixel)
                nchw[(image * c + channel) * plane + pixel] = load_float(
                    device, offset + (image * plane + pixel) * stride + channel, type == DTYPE_F16);
}
