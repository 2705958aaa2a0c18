/*
 * How conv2d.comp wants its weights packed and its workgroups counted.
 * Plain C: no graph, no Vulkan.
 */
#ifndef QS_OPS_CONV2D_PACKING_H
#define QS_OPS_CONV2D_PACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One workgroup makes lanes * pixels output pixels x 4 * quads output channels. */
typedef struct conv2d_tile {
    uint32_t lanes, pixels, quads;
} conv2d_tile;

/* The channel tile is part of the packed weight, so it depends on co alone. */
uint32_t conv2d_tile_quads(uint32_t co);

typedef struct conv2d_product {
    bool cpu;                /* a software device with subgroups of exactly */
    uint32_t subgroup_size;  /* this many lanes: the SHUFFLE build */
    uint32_t lanes_max;      /* of a workgroup */
    uint32_t n, pixel_count; /* images, h_out * w_out of one */
    uint32_t ci, co;
} conv2d_product;

/* Tiles that are worth trying, the rule's first; returns their number. */
enum { CONV2D_TILES_MAX = 10 };
uint32_t conv2d_list_tiles(const conv2d_product *p, conv2d_tile tiles[CONV2D_TILES_MAX]);

/* Whether half the pixels a lane would compute an eighth less, past the last pixel. */
bool conv2d_wasteful(conv2d_tile tile, uint32_t pixel_count);

/* False if a count passes Vulkan's guaranteed 65535, which takes an image of 2048 x 1023. */
bool conv2d_groups(conv2d_tile tile, uint32_t n, uint32_t pixel_count, uint32_t co,
                   uint32_t groups[3]);

/* [co, ci, k, k] as
 *   [ceil(co / 4 quads)][k * k taps][ceil(ci / 4)][4 input channels][quads][4 output channels],
 * zeros where co or ci end, and CONV2D_SLACK_VECTORS vectors more, because a subgroup loads whole
 * blocks. half: elements are float16, else float. values: `rows` of the co rows, from `row` on;
 * packed: zeroed before. */
enum { CONV2D_SLACK_VECTORS = 64 };
size_t conv2d_packed_bytes(uint32_t co, uint32_t ci, uint32_t kernel, bool half);
void conv2d_pack(const float *values, uint32_t row, uint32_t rows, uint32_t co, uint32_t ci,
                 uint32_t kernel, bool half, void *packed);

/* values[taps] of output channel o and input channel i, into the same order. */
void conv2d_pack_taps(const float *values, uint32_t taps, uint32_t co, uint32_t ci, uint32_t o,
                      uint32_t i, bool half, void *packed);

/* 3x3 taps for an input that is enlarged twice (nearest) are four taps of the output's phase
 * (0, 0), then of (0, 1), (1, 0) and (1, 1). */
void conv2d_upsampling_taps(const float values[9], float taps[16]);

/* [co, ci, 3, 3] with those taps, as if the kernel were 4x4. */
void conv2d_pack_upsampling(const float *values, uint32_t co, uint32_t ci, bool half, void *packed);

#endif
