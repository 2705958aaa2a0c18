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

#include "lib/c_glsl.h"

/* Philox4x32-10: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (2011). */
SHARED_FUNCTION uvec4 philox(uvec4 counter, uint32_t key_low,
                                    uint32_t key_high)
{
    uvec4 next;
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
SHARED_FUNCTION uint32_t fixed_inverse_sqrt(uint32_t a)
{
    uint32_t y = 2822490381u - mul_high(a, 3365075544u - mul_high(a, 1635506554u));
    for (int i = 0; i < 3; ++i) { /* Newton: y = y (3 - a y^2) / 2 */
        const uint32_t a_y_squared = mul_high(a, mul_high(y, y)) << 2;
        y = mul_high(y, 0xC0000000u - a_y_squared) << 1;
    }
    return y;
}

/* sqrt(-2 ln u), u = bits / 2^32 with the last bit set (so u is never 0 or 1) -> Q3.29. */
SHARED_FUNCTION uint32_t fixed_radius(uint32_t bits)
{
    bits |= 1u;
    const uint32_t halvings = leading_zeros(bits);  /* u = (1 - t) / 2^halvings, */
    const uint32_t t = 0u - (bits << halvings);     /* t in (0, 1/2] as Q0.32 */
    /* -ln(1 - t) / t as Q1.31: a polynomial in w = 1 - 2t, whose coefficients alternate */
    const uint32_t w = 0u - (t << 1);
    uint32_t p = 67135961u - mul_high(w, 11810797u);
    p = 179682973u - mul_high(w, p);
    p = 317462212u - mul_high(w, p);
    p = 450576296u - mul_high(w, p);
    p = 598335756u - mul_high(w, p);
    p = 829213300u - mul_high(w, p);
    p = 1317910142u - mul_high(w, p);
    p = 2977044394u - mul_high(w, p);
    /* Small t (u near 1, a small radius) keep their relative precision: shifted up by an even
     * number of bits, which is undone behind the square root. */
    const uint32_t shift = halvings == 0u ? leading_zeros(t) & ~1u : 0u;
    uint32_t minus_ln = mul_high(t << shift, p);    /* Q1.31 (times 2^shift) */
    uint32_t down = 2u + shift / 2u;
    if (halvings > 0u) {
        minus_ln = (minus_ln >> 4) + halvings * 93032640u; /* Q5.27 */
        down = 0u;
    }
    const uint32_t even = leading_zeros(minus_ln) & ~1u;
    const uint32_t a = minus_ln << even;
    const uint32_t root = mul_high(a, fixed_inverse_sqrt(a)); /* sqrt(a), Q2.30 */
    down += even / 2u;
    return down >= 2u ? root >> (down - 2u) : root << (2u - down);
}

/* radius * sin(2 pi bits / 2^32) in units of 2^-21; radius as Q3.29. */
SHARED_FUNCTION int fixed_normal(uint32_t radius, uint32_t bits)
{
    const uint32_t octant = bits >> 29;
    /* The middle of the bits' interval, so that no angle is on an axis; Q0.32 in [0, pi/4] */
    uint32_t x = (bits << 3) | 4u;
    if ((octant & 1u) != 0u)
        x = 0u - x;
    const uint32_t z = mul_high(x, x);
    uint32_t y; /* Q1.31 */
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
SHARED_FUNCTION vec4 noise_block(uint32_t seed_low, uint32_t seed_high,
                                        uint32_t draw, uint32_t block)
{
    uvec4 counter;
    counter.x = block;
    counter.y = 0u;
    counter.z = draw;
    counter.w = 0u;
    const uvec4 bits = philox(counter, seed_low, seed_high);
    const uint32_t radius0 = fixed_radius(bits.x), radius1 = fixed_radius(bits.z);
    const float unit = 1.0f / 2097152.0f; /* exact, and so are the products */
    vec4 normals;
    normals.x = TO_FLOAT(fixed_normal(radius0, bits.y + 0x40000000u)) * unit;
    normals.y = TO_FLOAT(fixed_normal(radius0, bits.y)) * unit;
    normals.z = TO_FLOAT(fixed_normal(radius1, bits.w + 0x40000000u)) * unit;
    normals.w = TO_FLOAT(fixed_normal(radius1, bits.w)) * unit;
    return normals;
}

#endif
