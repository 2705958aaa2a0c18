/*
 * PyTorch's generator on the CPU, so that a seed of torch.Generator().manual_seed(S) gives the
 * noise that torch.randn draws from it: MT19937 and the two Box-Muller transforms of ATen
 * (aten/src/ATen/core/MT19937RNGEngine.h, native/cpu/DistributionTemplates.h: normal_fill from 16
 * numbers on; core/DistributionsHelper.h: normal_distribution<double> below).
 */
#ifndef QS_CORE_TORCH_RNG_H
#define QS_CORE_TORCH_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct torch_rng {
    uint32_t state[624];
    uint32_t used; /* of the state's words */
    bool has_spare;
    double spare; /* the scalar transform's second normal */
} torch_rng;

/* manual_seed(seed). As there, only the low 32 bits count. */
void torch_rng_seed(torch_rng *rng, uint64_t seed);

/* torch.randn(count, generator=rng), float32: the next `count` numbers of any shape's, in memory
 * order. Equal to PyTorch's on x86 within 1e-6 (its builds for CPUs without AVX2 differ from that
 * by 2e-6 themselves). */
void torch_rng_normals(torch_rng *rng, size_t count, float *normals);

#endif
