#include "ops/winograd_packing.h"

#include "ops/conv2d_packing.h"

/* Row i: the weights' polynomial at the i-th point of lib/winograd.glsl, divided by the product of
 * the point's distances to all others but infinity. */
static const double matrix2[4][3] = {
    { 1, 0, 0 },
    { 0.5, 0.5, 0.5 },
    { 0.5, -0.5, 0.5 },
    { 0, 0, 1 },
};
static const double p = 0.70710678118654752440, q = 1.41421356237309504880; /* p p = 1/2, q q = 2 */
static const double matrix4[6][3] = {
    { 1, 0, 0 },
    { -2 / 3., -2 / 3. * p, -1 / 3. },
    { -2 / 3., 2 / 3. * p, -1 / 3. },
    { 1 / 6., 1 / 6. * q, 1 / 3. },
    { 1 / 6., -1 / 6. * q, 1 / 3. },
    { 0, 0, 1 },
};

void winograd_transform_weight(uint32_t tile, const float g[9], float *points)
{
    const uint32_t side = tile + 2;
    const double(*matrix)[3] = tile == 2 ? matrix2 : matrix4;
    for (uint32_t i = 0; i < side; ++i)
        for (uint32_t j = 0; j < side; ++j) {
            double sum = 0;
            for (uint32_t y = 0; y < 3; ++y)
                for (uint32_t x = 0; x < 3; ++x)
                    sum += matrix[i][y] * (double)g[3 * y + x] * matrix[j][x];
            points[i * side + j] = (float)sum;
        }
}

size_t winograd_packed_bytes(uint32_t tile, uint32_t co, uint32_t ci, bool half)
{
    return conv2d_packed_bytes(co, ci, tile + 2, half);
}

void winograd_pack(uint32_t tile, const float *values, uint32_t co, uint32_t ci, bool half,
                   void *packed)
{
    float points[WINOGRAD_POINTS_MAX];
    for (uint32_t o = 0; o < co; ++o)
        for (uint32_t i = 0; i < ci; ++i) {
            winograd_transform_weight(tile, values + ((size_t)o * ci + i) * 9, points);
            conv2d_pack_taps(points, winograd_points(tile), co, ci, o, i, half, packed);
        }
}
