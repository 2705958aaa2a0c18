#include "core/torch_rng.h"

#include <math.h>

enum { WORDS = 624, SHIFT = 397, BLOCK = 16 };

static const double PI = 3.14159265358979323846;

/* ---- MT19937 (Matsumoto and Nishimura 1998) -------------------------------------------------- */

void torch_rng_seed(torch_rng *rng, uint64_t seed)
{
    rng->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < WORDS; ++i) {
        const uint32_t previous = rng->state[i - 1];
        rng->state[i] = 1812433253u * (previous ^ previous >> 30) + i;
    }
    rng->used = WORDS;
    rng->has_spare = false;
    rng->spare = 0;
}

static void next_state(uint32_t *state)
{
    for (uint32_t i = 0; i < WORDS; ++i) {
        const uint32_t bits = (state[i] & 0x80000000u) | (state[(i + 1) % WORDS] & 0x7fffffffu);
        state[i] = state[(i + SHIFT) % WORDS] ^ bits >> 1 ^ (bits & 1 ? 0x9908b0dfu : 0);
    }
}

static uint32_t next_word(torch_rng *rng)
{
    if (rng->used == WORDS) {
        next_state(rng->state);
        rng->used = 0;
    }
    uint32_t y = rng->state[rng->used++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

/* uniform_real_distribution<float> and <double>: as many low bits as the mantissa has */
static float uniform_float(torch_rng *rng)
{
    return (float)(next_word(rng) & 0xffffffu) * 0x1p-24f;
}

static double uniform_double(torch_rng *rng)
{
    const uint64_t high = next_word(rng), low = next_word(rng);
    return (double)((high << 32 | low) & 0x1fffffffffffffu) * 0x1p-53;
}

/* ---- normals --------------------------------------------------------------------------------- */

/* normal_fill_16. The angle is rounded to float as in PyTorch's vector code for x86, which is worth
 * 1e-6 of a normal; its plain C++ rounds the product of a double 2 pi. */
static void transform_block(float *block)
{
    for (int i = 0; i < BLOCK / 2; ++i) {
        const double radius = sqrt(-2 * log(1.0 - (double)block[i]));
        const float angle = (float)(2 * PI) * block[i + BLOCK / 2];
        block[i] = (float)(radius * cos((double)angle));
        block[i + BLOCK / 2] = (float)(radius * sin((double)angle));
    }
}

static double scalar_normal(torch_rng *rng)
{
    if (rng->has_spare) {
        rng->has_spare = false;
        return rng->spare;
    }
    const double angle = 2 * PI * uniform_double(rng);
    const double radius = sqrt(-2 * log1p(-uniform_double(rng)));
    rng->spare = radius * sin(angle);
    rng->has_spare = true;
    return radius * cos(angle);
}

void torch_rng_normals(torch_rng *rng, size_t count, float *normals)
{
    if (count < BLOCK) {
        for (size_t i = 0; i < count; ++i)
            normals[i] = (float)scalar_normal(rng);
        return;
    }
    for (size_t i = 0; i < count; ++i)
        normals[i] = uniform_float(rng);
    for (size_t i = 0; i + BLOCK <= count; i += BLOCK)
        transform_block(normals + i);
    if (count % BLOCK == 0)
        return;
    float *tail = normals + count - BLOCK; /* drawn anew, over the last whole block's end */
    for (int i = 0; i < BLOCK; ++i)
        tail[i] = uniform_float(rng);
    transform_block(tail);
}
