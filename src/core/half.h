/* float16 (IEEE binary16) and bfloat16 <-> float32, round to nearest even. */
#ifndef QS_CORE_HALF_H
#define QS_CORE_HALF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline float float_from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t bits_from_float(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float float_from_bf16(uint16_t b)
{
    return float_from_bits((uint32_t)b << 16);
}

static inline float float_from_half(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t exponent = (h >> 10) & 0x1fu, mantissa = h & 0x3ffu;
    if (exponent == 0) { /* zero and subnormals: mantissa * 2^-24 is exact in float32 */
        const float value = (float)mantissa * 0x1p-24f;
        return sign ? -value : value;
    }
    if (exponent == 31)
        return float_from_bits(sign | 0x7f800000u | (mantissa << 13));
    return float_from_bits(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

static inline uint16_t half_from_float(float f)
{
    const uint32_t bits = bits_from_float(f);
    const uint16_t sign = (uint16_t)((bits >> 16) & 0x8000u);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN stays NaN, quiet */
        return (uint16_t)(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
    if (magnitude >= 0x477ff000u) /* rounds to 65536 or more: infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) { /* below 2^-14: adding 0.5 aligns the mantissa to 2^-24 */
        const float aligned = float_from_bits(magnitude) + 0.5f;
        return (uint16_t)(sign | (bits_from_float(aligned) - 0x3f000000u));
    }
    const uint32_t odd = (magnitude >> 13) & 1u;
    return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

/* Element i of an array of halves (f16) or of floats. */
static inline void store_float(void *elements, size_t i, bool f16, float value)
{
    if (f16)
        ((uint16_t *)elements)[i] = half_from_float(value);
    else
        ((float *)elements)[i] = value;
}

static inline float load_float(const void *elements, size_t i, bool f16)
{
    return f16 ? float_from_half(((const uint16_t *)elements)[i]) : ((const float *)elements)[i];
}

#endif
