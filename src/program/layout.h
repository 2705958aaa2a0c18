/* [n, c, h, w] floats of the API <-> [n, h, w, stride] of the device. */
#ifndef QS_PROGRAM_LAYOUT_H
#define QS_PROGRAM_LAYOUT_H

#include "graph/graph.h"

/* device: of elements of `type`, stride ceil4(c); its pad lanes become zero. */
void layout_to_device(const float *nchw, uint32_t n, uint32_t c, uint32_t h, uint32_t w, dtype type,
                      void *device);

/* stride and offset in elements. */
void layout_from_device(const void *device, dtype type, uint32_t stride, uint32_t offset,
                        uint32_t n, uint32_t c, uint32_t h, uint32_t w, float *nchw);

#endif
