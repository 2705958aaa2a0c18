/* The sampler's noise on the CPU: the same bits as the shaders' (see shaders/lib/philox.h). */
#ifndef QS_CORE_PHILOX_H
#define QS_CORE_PHILOX_H

#include <stddef.h>
#include <stdint.h>

/* Philox4x32-10 of Random123. */
void philox_bits(const uint32_t counter[4], const uint32_t key[2], uint32_t bits[4]);

/* normals[i]: the unit normal of element first + i (below 2^32) of one picture, in the order of
 * [h, w, c] without pad lanes. draw 0: the start; 1 + step: a stochastic sampler's noise. */
void noise_normals(uint64_t seed, uint32_t draw, uint32_t first, size_t count, float *normals);

#endif
