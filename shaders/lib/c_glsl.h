/*
 * What a header needs to be compiled by C and by GLSL: the one place that asks which of them it is.
 * Shared structs have members of 4 bytes only, so that C's layout is std430's.
 */
#ifndef QS_SHADERS_C_GLSL_H
#define QS_SHADERS_C_GLSL_H

#ifdef __STDC_VERSION__
#include <stdint.h>

/* clang-format off */
#define SHARED_STRUCT(name) typedef struct name name; struct name
/* clang-format on */
#define SHARED_FUNCTION static inline
#define TO_INT(value) (int)(value)
#define TO_FLOAT(value) (float)(value)

typedef struct uvec4 {
    uint32_t x, y, z, w;
} uvec4;

typedef struct vec4 {
    float x, y, z, w;
} vec4;

/* The upper 32 bits of the product. */
static inline uint32_t mul_high(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b >> 32);
}

static inline uint32_t leading_zeros(uint32_t a) /* a > 0 */
{
    return (uint32_t)__builtin_clz(a);
}
#else
#define uint32_t uint
#define SHARED_STRUCT(name) struct name
#define SHARED_FUNCTION
#define TO_INT(value) int(value)
#define TO_FLOAT(value) float(value)

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

#endif
