/* How large the sums of Winograd's convolution get: its rounding errors grow with them, not with
 * those of the plain convolution. */
#include "selftest/references.h"

#include <math.h>
#include <stdlib.h>

enum { SIDE_MAX = 6, POINTS_MAX = SIDE_MAX * SIDE_MAX };

/* Magnitudes of the three matrices of F(tile, 3), by Toom and Cook: with the finite points x_i,
 *     (A^T)_ri = x_i^r,   G_ik = x_i^k / prod_j (x_i - x_j),   (B^T)_i = prod_j (x - x_j)  (j !=
 * i), rows of B^T in powers of x, its last row prod_j (x - x_j) of all; infinity is 0, .., 0, 1
 * else. */
typedef struct winograd {
    uint32_t tile, side; /* side: points in one dimension */
    double a[SIDE_MAX][4], g[SIDE_MAX][3], b[SIDE_MAX][SIDE_MAX];
} winograd;

static winograd matrices(uint32_t tile)
{
    const double near = tile == 2 ? 1 : sqrt(0.5), far = sqrt(2);
    const double x[] = { 0, near, -near, far, -far };
    winograd w = { .tile = tile, .side = tile + 2 };
    const uint32_t finite = tile + 1;
    for (uint32_t i = 0; i <= finite; ++i) {
        double polynomial[SIDE_MAX + 1] = { 1 }, distances = 1;
        for (uint32_t j = 0; j < finite; ++j) {
            if (j == i)
                continue;
            for (uint32_t k = SIDE_MAX; k > 0; --k)
                polynomial[k] = polynomial[k - 1] - x[j] * polynomial[k];
            polynomial[0] *= -x[j];
            distances *= i < finite ? x[i] - x[j] : 1;
        }
        for (uint32_t k = 0; k < w.side; ++k)
            w.b[i][k] = fabs(polynomial[k]);
        for (uint32_t k = 0; k < 3; ++k)
            w.g[i][k] = i < finite ? fabs(pow(x[i], k) / distances) : k == 2;
        for (uint32_t r = 0; r < tile; ++r)
            w.a[i][r] = i < finite ? fabs(pow(x[i], r)) : r + 1 == tile;
    }
    return w;
}

/* |G| |kernel| |G^T| */
static void weight_points(const winograd *w, const double *kernel, double *points)
{
    for (uint32_t i = 0; i < w->side; ++i)
        for (uint32_t j = 0; j < w->side; ++j)
            for (uint32_t y = 0; y < 3; ++y)
                for (uint32_t x = 0; x < 3; ++x)
                    points[i * w->side + j] += w->g[i][y] * fabs(kernel[3 * y + x]) * w->g[j][x];
}

/* |B^T| |in| |B| of the tile whose first input is at row, column. */
static void input_points(const winograd *w, const reference *in, uint32_t n, int64_t row,
                         int64_t column, uint32_t c, double points[POINTS_MAX])
{
    double half[SIDE_MAX][SIDE_MAX] = { 0 };
    for (uint32_t y = 0; y < w->side; ++y)
        for (uint32_t x = 0; x < w->side; ++x) {
            if (row + y < 0 || column + x < 0 || row + y >= in->h || column + x >= in->w)
                continue;
            const double value = fabs(
                in->value[reference_index(in, n, (uint32_t)(row + y), (uint32_t)(column + x), c)]);
            for (uint32_t i = 0; i < w->side; ++i)
                half[i][x] += w->b[i][y] * value;
        }
    for (uint32_t i = 0; i < w->side; ++i)
        for (uint32_t j = 0; j < w->side; ++j) {
            points[i * w->side + j] = 0;
            for (uint32_t x = 0; x < w->side; ++x)
                points[i * w->side + j] += half[i][x] * w->b[j][x];
        }
}

/* magnitude of the tile's outputs of channel c += |A^T| points |A| */
static void add_outputs(const winograd *w, reference *out, uint32_t n, uint32_t row,
                        uint32_t column, uint32_t c, const double *points)
{
    for (uint32_t y = 0; y < w->tile && row + y < out->h; ++y)
        for (uint32_t x = 0; x < w->tile && column + x < out->w; ++x)
            for (uint32_t i = 0; i < w->side; ++i)
                for (uint32_t j = 0; j < w->side; ++j)
                    out->magnitude[reference_index(out, n, row + y, column + x, c)] +=
                        w->a[i][y] * points[i * w->side + j] * w->a[j][x];
}

void reference_winograd_magnitude(reference *out, const reference *in, const convolution *conv,
                                  uint32_t tile)
{
    const winograd w = matrices(tile);
    const uint32_t points = w.side * w.side;
    double *weights = calloc((size_t)out->c * in->c * points, sizeof *weights);
    double *sums = malloc((size_t)out->c * points * sizeof *sums);
    if (!weights || !sums)
        abort(); /* as test_alloc */
    for (size_t i = 0; i < (size_t)out->c * in->c; ++i)
        weight_points(&w, conv->weight + 9 * i, weights + points * i);
    for (uint32_t n = 0; n < out->n; ++n)
        for (uint32_t row = 0; row < out->h; row += tile)
            for (uint32_t column = 0; column < out->w; column += tile) {
                for (uint32_t i = 0; i < out->c * points; ++i)
                    sums[i] = 0;
                for (uint32_t ci = 0; ci < in->c; ++ci) {
                    double values[POINTS_MAX];
                    input_points(&w, in, n, (int64_t)row - conv->pad_top,
                                 (int64_t)column - conv->pad_left, ci, values);
                    for (uint32_t co = 0; co < out->c; ++co)
                        for (uint32_t i = 0; i < points; ++i)
                            sums[co * points + i] +=
                                weights[((size_t)co * in->c + ci) * points + i] * values[i];
                }
                for (uint32_t co = 0; co < out->c; ++co)
                    add_outputs(&w, out, n, row, column, co, sums + co * points);
            }
    free(weights);
    free(sums);
}

double reference_winograd_noise(uint32_t tile)
{
    const winograd w = matrices(tile);
    double noise = 0;
    for (uint32_t i = 0; i < w.side; ++i) {
        double a = 0, b = 0, g = 0;
        for (uint32_t k = 0; k < tile; ++k)
            a += w.a[i][k] * w.a[i][k] / tile;
        for (uint32_t k = 0; k < w.side; ++k)
            b += w.b[i][k] * w.b[i][k];
        for (uint32_t k = 0; k < 3; ++k)
            g += w.g[i][k] * w.g[i][k];
        noise += a * b * g / 3;
    }
    return noise * noise;
}
