// Winograd's convolution F(TILE x TILE, 3 x 3) in one dimension: y = A^T ((G g) * (B^T d)) makes TILE
// outputs y from POINTS inputs d and 3 weights g with POINTS products (Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", arXiv 1509.09308). G: src/ops/winograd_packing.c.
//
// TILE 2: the points 0, 1, -1, infinity. TILE 4: 0, P, -P, Q, -Q, infinity with P = sqrt(1/2) and
// Q = sqrt(2), whose rounding errors are less than half of those of 0, +-1, +-2, infinity.
// Declare TILE before including this.
#ifndef WINOGRAD_GLSL
#define WINOGRAD_GLSL

#define WINOGRAD_P 0.70710678118654752
#define WINOGRAD_Q 1.41421356237309505

const uint POINTS = TILE + 2;

// d = B^T d. POINTS of the six are used.
void to_points(inout vec4 d[6])
{
    if (TILE == 2) {
        d = vec4[6](d[0] - d[2], d[1] + d[2], d[2] - d[1], d[3] - d[1], vec4(0), vec4(0));
        return;
    }
    const vec4 even_p = d[4] - 2.0 * d[2], odd_p = WINOGRAD_P * (d[3] - 2.0 * d[1]);
    const vec4 even_q = d[4] - 0.5 * d[2], odd_q = WINOGRAD_Q * (d[3] - 0.5 * d[1]);
    d = vec4[6](d[0] - 2.5 * d[2] + d[4], even_p + odd_p, even_p - odd_p, even_q + odd_q,
        even_q - odd_q, d[1] - 2.5 * d[3] + d[5]);
}

// m = A^T m: POINTS in, TILE out.
void from_points(inout vec4 m[6])
{
    if (TILE == 2) {
        m[0] += m[1] + m[2];
        m[1] += m[3] - m[2];
        return;
    }
    const vec4 even_p = m[1] + m[2], odd_p = WINOGRAD_P * (m[1] - m[2]);
    const vec4 even_q = m[3] + m[4], odd_q = WINOGRAD_Q * (m[3] - m[4]);
    m[0] += even_p + even_q;
    m[1] = odd_p + odd_q;
    m[2] = 0.5 * even_p + 2.0 * even_q;
    m[3] = 0.5 * odd_p + 2.0 * odd_q + m[5];
}

#endif
