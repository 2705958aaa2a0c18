#include "core/philox.h"

#include "lib/philox.h"

void philox_bits(const uint32_t counter[4], const uint32_t key[2], uint32_t bits[4])
{
    const uvec4 result =
        philox((uvec4){ counter[0], counter[1], counter[2], counter[3] }, key[0], key[1]);
    bits[0] = result.x;
    bits[1] = result.y;
    bits[2] = result.z;
    bits[3] = result.w;
}

void noise_normals(uint64_t seed, uint32_t draw, uint32_t first, size_t count, float *normals)
{
    for (size_t i = 0; i < count;) {
        const uint32_t element = first + (uint32_t)i;
        const vec4 block = noise_block((uint32_t)seed, (uint32_t)(seed >> 32), draw, element / 4);
        const float lanes[4] = { block.x, block.y, block.z, block.w };
        for (uint32_t lane = element % 4; lane < 4 && i < count; ++lane)
            normals[i++] = lanes[lane];
    }
}
