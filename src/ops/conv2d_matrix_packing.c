#include "ops/conv2d_matrix_packing.h"

#include "core/half.h"
#include "ops/conv2d_packing.h"
#include "graph/graph.h"

#include "lib/args.h"

static uint32_t ceil8(uint32_t value)
{
    return (value + 7u) & ~7u;
}

uint32_t matrix_chunks(uint32_t ci, uint32_t taps)
{
    return divide_up(taps * ceil8(ci), CONV2D_MATRIX_CHUNK);
}

size_t matrix_packed_bytes(uint32_t co, uint32_t ci, uint32_t taps, uint32_t phases)
{
    return (size_t)phases * matrix_chunks(ci, taps) * ceil4(co) * CONV2D_MATRIX_CHUNK * 2;
}

/* The taps of one phase, input and output channel. */
static void pack_taps(const float *values, uint32_t taps, uint32_t phase, uint32_t co, uint32_t ci,
                      uint32_t o, uint32_t i, void *packed)
{
    const size_t chunks = matrix_chunks(ci, taps);
    for (size_t tap = 0; tap < taps; ++tap) {
        const size_t term = tap * ceil8(ci) + i, chunk = term / CONV2D_MATRIX_CHUNK;
        const size_t row = (phase * chunks + chunk) * ceil4(co) + o;
        store_float(packed, row * CONV2D_MATRIX_CHUNK + term % CONV2D_MATRIX_CHUNK, true,
                    values[tap]);
    }
}

void matrix_pack(const float *values, uint32_t row, uint32_t rows, uint32_t co, uint32_t ci,
                 uint32_t kernel, void *packed)
{
    const uint32_t taps = kernel * kernel;
    for (uint32_t o = 0; o < rows; ++o)
        for (uint32_t i = 0; i < ci; ++i)
            pack_taps(values + ((size_t)o * ci + i) * taps, taps, 0, co, ci, row + o, i, packed);
}

void matrix_pack_upsampling(const float *values, uint32_t co, uint32_t ci, void *packed)
{
    for (uint32_t o = 0; o < co; ++o)
        for (uint32_t i = 0; i < ci; ++i) {
            float sums[16];
            conv2d_upsampling_taps(values + ((size_t)o * ci + i) * 9, sums);
            for (uint32_t phase = 0; phase < 4; ++phase)
                pack_taps(sums + 4 * phase, 4, phase, co, ci, o, i, packed);
        }
}
