/*
 * Winograd's convolution F(tile x tile, 3 x 3) in numbers: how its weights are transformed and
 * packed and how many points a tile has. Plain C: no graph, no Vulkan. The rest:
 * shaders/lib/winograd.glsl.
 */
#ifndef QS_OPS_WINOGRAD_PACKING_H
#define QS_OPS_WINOGRAD_PACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WINOGRAD_POINTS_MAX = 36 };

/* tile: 2 or 4 */
static inline uint32_t winograd_points(uint32_t tile)
{
    return (tile + 2) * (tile + 2);
}

/* G g G^T of one 3x3 kernel g, points[winograd_points(tile)], computed in double. */
void winograd_transform_weight(uint32_t tile, const float g[9], float *points);

/* [co, ci, 3, 3], transformed, as conv2d_pack packs: a point takes the place of a tap. */
size_t winograd_packed_bytes(uint32_t tile, uint32_t co, uint32_t ci, bool half);
void winograd_pack(uint32_t tile, const float *values, uint32_t co, uint32_t ci, bool half,
                   void *packed);

#endif
