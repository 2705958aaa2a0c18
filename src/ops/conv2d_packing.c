#include "ops/conv2d_packing.h"

#include "core/half.h"
#include "graph/graph.h"

static bool in_limits(const uint32_t groups[3])
{
    return groups[0] <= 65535 && groups[1] <= 65535 && groups[2] <= 65535;
}

uint32_t conv2d_tile_quads(uint32_t co)
{
    return co <= 4 ? 1 : co <= 8 ? 2 : 4;
}

bool conv2d_wasteful(conv2d_tile tile, uint32_t pixel_count)
{
    const uint64_t whole = tile.lanes * tile.pixels, half = whole / 2;
    return 8 * whole * divide_up(pixel_count, whole) > 9 * half * divide_up(pixel_count, half);
}

enum { LARGE_PRODUCT = 1 << 22 }; /* multiplications of a tap, of all images */

static conv2d_tile default_tile(const conv2d_product *p)
{
    /* On a GPU 16 sums per lane is what the registers carry, and a small image wants more
     * workgroups before it wants more sums per lane. A CPU has them in its cache, where pixels that
     * are a multiple of 2048 bytes apart are in each other's way; and the longer shader takes a
     * tenth of a second more to compile, which small products never earn. */
    const uint32_t quads = conv2d_tile_quads(p->co);
    const bool large = (double)p->n * p->pixel_count * p->ci * p->co >= LARGE_PRODUCT;
    conv2d_tile tile = { .lanes = p->cpu ? p->subgroup_size : 64,
                         .pixels = p->cpu && large && p->ci % 512 != 0 ? 8 : 4,
                         .quads = quads };
    const uint32_t enough = p->cpu ? 4 : 512;
    for (; tile.pixels > 1; tile.pixels /= 2) {
        const uint64_t groups = (uint64_t)p->n *
                                divide_up(p->pixel_count, tile.lanes * tile.pixels) *
                                divide_up(p->co, 4 * quads);
        if (groups >= enough && !conv2d_wasteful(tile, p->pixel_count))
            break;
    }
    return tile;
}

uint32_t conv2d_list_tiles(const conv2d_product *p, conv2d_tile tiles[CONV2D_TILES_MAX])
{
    static const uint32_t hardware_lanes[] = { 32, 64, 128 };
    const conv2d_tile first = default_tile(p);
    uint32_t count = 0;
    tiles[count++] = first;
    for (uint32_t i = 0; i < (p->cpu ? 1 : 3); ++i)
        for (uint32_t pixels = 1; pixels <= (p->cpu ? 8 : 4); pixels *= 2) {
            const conv2d_tile tile = { p->cpu ? p->subgroup_size : hardware_lanes[i], pixels,
                                       first.quads };
            uint32_t groups[3];
            const bool known = tile.lanes == first.lanes && tile.pixels == first.pixels;
            const bool idle = pixels > 1 && tile.lanes * pixels >= 2 * p->pixel_count;
            if (!known && !idle && tile.lanes <= p->lanes_max &&
                conv2d_groups(tile, p->n, p->pixel_count, p->co, groups))
                tiles[count++] = tile;
        }
    return count;
}

bool conv2d_groups(conv2d_tile tile, uint32_t n, uint32_t pixel_count, uint32_t co,
                   uint32_t groups[3])
{
    groups[0] = divide_up(pixel_count, tile.lanes * tile.pixels);
    groups[1] = divide_up(co, 4 * tile.quads);
    groups[2] = n;
    return in_limits(groups);
}

size_t conv2d_packed_bytes(uint32_t co, uint32_t ci, uint32_t kernel, bool half)
{
    const size_t quads = conv2d_tile_quads(co);
    const size_t blocks = divide_up(co, 4 * (uint32_t)quads) * (size_t)divide_up(ci, 4);
    const size_t vectors = blocks * kernel * kernel * 4 * quads + CONV2D_SLACK_VECTORS;
    return vectors * (half ? 8 : 16);
}

void conv2d_pack_taps(const float *values, uint32_t taps, uint32_t co, uint32_t ci, uint32_t o,
                      uint32_t i, bool half, void *packed)
{
    const size_t channels = 4 * (size_t)conv2d_tile_quads(co), quads_in = divide_up(ci, 4);
    for (size_t tap = 0; tap < taps; tap++) {
        const size_t block = (o / channels * taps + tap) * quads_in + i / 4;
        store_float(packed, (block * 4 + i % 4) * channels + o % channels, half, values[tap]);
    }
}

void conv2d_pack(const float *values, uint32_t row, uint32_t rows, uint32_t co, uint32_t ci,
                 uint32_t kernel, bool half, void *packed)
{
    const uint32_t taps = kernel * kernel;
    for (uint32_t o = 0; o < rows; o++)
        for (uint32_t i = 0; i < ci; i++)
            conv2d_pack_taps(values + ((size_t)o * ci + i) * taps, taps, co, ci, row + o, i, half,
                             packed);
}

/* Row y of the kernel at an output row of parity `phase` meets the input row of tap 0 or 1, which
 * is row (output row) / 2 + phase - 1 + tap. */
static uint32_t upsampling_tap(uint32_t phase, uint32_t y)
{
    return (phase + y + 1) / 2 - phase;
}

void conv2d_upsampling_taps(const float values[9], float taps[16])
{
    for (uint32_t i = 0; i < 16; i++)
        taps[i] = 0;
    for (uint32_t at = 0; at < 4 * 9; at++) {
        const uint32_t phase = at / 9, y = at % 9 / 3, x = at % 3;
        const uint32_t tap = 2 * upsampling_tap(phase / 2, y) + upsampling_tap(phase % 2, x);
        taps[4 * phase + tap] += values[at % 9];
    }
}

void conv2d_pack_upsampling(const float *values, uint32_t co, uint32_t ci, bool half, void *packed)
{
    for (uint32_t o = 0; o < co; o++)
        for (uint32_t i = 0; i < ci; i++) {
            float taps[16];
            conv2d_upsampling_taps(values + ((size_t)o * ci + i) * 9, taps);
            conv2d_pack_taps(taps, 16, co, ci, o, i, half, packed);
        }
}
