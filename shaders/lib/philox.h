/*
 * Noise: counter-based random bits and unit normals, compiled by C and by GLSL.
 *
 * The normals must be the same bits on every device. Vulkan leaves the rounding of log, sqrt, sin
 * and even the contraction of a * b + c to the driver, so nothing here is a float before the last
 * line: the Box-Muller transform runs in fixed point with 32-bit integers, and a normal is an
 * integer below 2^24 times 2^-21. Q3.29 below means 3 bits before and 29 after the point.
 *
 * Against Box-Muller in double the error is below 3e-7, mostly the rounding to 2^-21.
 */
#ifndef QS_SHADERS_PHILOX_H
#define QS_SHADERS_PHILOX_H

#ifdef __STDC_VERSION__
#include <stdint.h>
#define PHILOX_FUNCTION static inline
#define TO_INT(value) (int)(value)
#define TO_FLOAT(value) (float)(value)
typedef uint32_t philox_uint;
typedef struct philox_uvec4 {
    uint32_t x, y, z, w;
} philox_uvec4;
typedef struct philox_vec4 {
    float x, y, z, w;
} philox_vec4;

static inline uint32_t mul_high(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b >> 32);
}

static inline uint32_t leading_zeros(uint32_t a) /* a > 0 */
{
    return (uint32_t)__builtin_clz(a);
}
#else
#define PHILOX_FUNCTION
#define TO_INT(value) int(value)
#define TO_FLOAT(value) float(value)
#define philox_uint uint
#define philox_uvec4 uvec4
#define philox_vec4 vec4

uint mul_high(uint a, uint b)
{
    uint high, low;
    umulExtended(a, b, high, low);
    return high;
}

uint leading_zeros(uint a)
{
    return uint(31 - findMSB(a));
}
#endif

/* Philox4x32-10: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (2011). */
PHILOX_FUNCTION philox_uvec4 philox(philox_uvec4 counter, philox_uint key_low,
                                    philox_uint key_high)
{
    philox_uvec4 next;
    for (int round = 0; round < 10; ++round) {
        next.x = mul_high(0xCD9E8D57u, counter.z) ^ counter.y ^ key_low;
        next.y = 0xCD9E8D57u * counter.z;
        next.z = mul_high(0xD2511F53u, counter.x) ^ counter.w ^ key_high;
        next.w = 0xD2511F53u * counter.x;
        counter = next;
        key_low += 0x9E3779B9u;
        key_high += 0xBB67AE85u;
    }
    return counter;
}

/* 1 / sqrt(a): a in [1/4, 1) as Q0.32 -> Q2.30. */
PHILOX_FUNCTION philox_uint fixed_inverse_sqrt(philox_uint a)
{
    philox_uint y = 2822490381u - mul_high(a, 3365075544u - mul_high(a, 1635506554u));
    for (int i = 0; i < 3; ++i) { /* Newton: y = y (3 - a y^2) / 2 */
        const philox_uint a_y_squared = mul_high(a, mul_high(y, y)) << 2;
        y = mul_high(y, 0xC0000000u - a_y_squared) << 1;
    }
    return y;
}

/* sqrt(-2 ln u), u = bits / 2^32 with the last bit set (so u is never 0 or 1) -> Q3.29. */
PHILOX_FUNCTION philox_uint fixed_radius(philox_uint bits)
{
    bits |= 1u;
    const philox_uint halvings = leading_zeros(bits);  /* u = (1 - t) / 2^halvings, */
    const philox_uint t = 0u - (bits << halvings);     /* t in (0, 1/2] as Q0.32 */
    /* -ln(1 - t) / t as Q1.31: a polynomial in w = 1 - 2t, whose coefficients alternate */
    const philox_uint w = 0u - (t << 1);
    philox_uint p = 67135961u - mul_high(w, 11810797u);
    p = 179682973u - mul_high(w, p);
    p = 317462212u - mul_high(w, p);
    p = 450576296u - mul_high(w, p);
    p = 598335756u - mul_high(w, p);
    p = 829213300u - mul_high(w, p);
    p = 1317910142u - mul_high(w, p);
    p = 2977044394u - mul_high(w, p);
    /* Small t (u near 1, a small radius) keep their relative precision: shifted up by an even
     * number of bits, which is undone behind the square root. */
    const philox_uint shift = halvings == 0u ? leading_zeros(t) & ~1u : 0u;
    philox_uint minus_ln = mul_high(t << shift, p);    /* Q1.31 (times 2^shift) */
    philox_uint down = 2u + shift / 2u;
    if (halvings > 0u) {
        minus_ln = (minus_ln >> 4) + halvings * 93032640u; /* Q5.27 */
        down = 0u;
    }
    const philox_uint even = leading_zeros(minus_ln) & ~1u;
    const philox_uint a = minus_ln << even;
    const philox_uint root = mul_high(a, fixed_inverse_sqrt(a)); /* sqrt(a), Q2.30 */
    down += even / 2u;
    return down >= 2u ? root >> (down - 2u) : root << (2u - down);
}

/* radius * sin(2 pi bits / 2^32) in units of 2^-21; radius as Q3.29. */
PHILOX_FUNCTION int fixed_normal(philox_uint radius, philox_uint bits)
{
    const philox_uint octant = bits >> 29;
    /* The middle of the bits' interval, so that no angle is on an axis; Q0.32 in [0, pi/4] */
    philox_uint x = (bits << 3) | 4u;
    if ((octant & 1u) != 0u)
        x = 0u - x;
    const philox_uint z = mul_high(x, x);
    philox_uint y; /* Q1.31 */
    if (((octant + 1u) & 2u) != 0u) {
        y = 34046904u - mul_high(z, 699948u - mul_high(z, 7580u));
        y = 2147483648u - mul_high(z, 662337934u - mul_high(z, y)); /* cos */
    } else {
        y = 5347249u - mul_high(z, 77211u);
        y = mul_high(x, 1686629708u - mul_high(z, 173399501u - mul_high(z, y))); /* sin */
    }
    const int magnitude = TO_INT((mul_high(radius, y) + 64u) >> 7); /* Q4.28 -> Q4.21, below 2^24 */
    return octant < 4u ? magnitude : -magnitude;
}

/* The unit normals of elements 4 * block .. 4 * block + 3 of one picture, in the order of
 * [h, w, c] without pad lanes. draw: 0 for the start, 1 + step for a sampler's own noise. */
PHILOX_FUNCTION philox_vec4 noise_block(philox_uint seed_low, philox_uint seed_high,
                                        philox_uint draw, philox_uint block)
{
    philox_uvec4 counter;
    counter.x = block;
    counter.y = 0u;
    counter.z = draw;
    counter.w = 0u;
    const philox_uvec4 bits = philox(counter, seed_low, seed_high);
    const philox_uint radius0 = fixed_radius(bits.x), radius1 = fixed_radius(bits.z);
    const float unit = 1.0f / 2097152.0f; /* exact, and so are the products */
    philox_vec4 normals;
    normals.x = TO_FLOAT(fixed_normal(radius0, bits.y + 0x40000000u)) * unit;
    normals.y = TO_FLOAT(fixed_normal(radius0, bits.y)) * unit;
    normals.z = TO_FLOAT(fixed_normal(radius1, bits.w + 0x40000000u)) * unit;
    normals.w = TO_FLOAT(fixed_normal(radius1, bits.w)) * unit;
    return normals;
}

#endif
