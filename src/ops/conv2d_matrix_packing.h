/*
 * Convolutions on matrix units (conv2d_matrix.comp): tiles, and how weights are packed. Plain C: no
 * graph, no Vulkan.
 */
#ifndef QS_OPS_CONV2D_MATRIX_PACKING_H
#define QS_OPS_CONV2D_MATRIX_PACKING_H

#include "gpu/limits.h"

#include <stddef.h>

typedef struct matrix_tile {
    uint32_t pixels, channels; /* that a workgroup makes; 0: no tile */
    uint32_t rows, columns;    /* subgroups along them */
    uint32_t buffers;          /* chunks in shared memory, 1 or 2 */
    uint32_t splits;           /* workgroups that share a sum, each with a part of its terms */
} matrix_tile;

/* The product that a convolution is. */
typedef struct matrix_size {
    uint32_t pixels;   /* of all images, of a phase */
    uint32_t channels; /* co */
    uint32_t chunks;   /* of a sum: matrix_chunks */
    uint32_t phases;   /* 4 with an enlarged input, else 1 */
} matrix_size;

/* Chunks of CONV2D_MATRIX_CHUNK terms; taps: of a phase. */
uint32_t matrix_chunks(uint32_t ci, uint32_t taps);

/* Tiles that fit the device, those first that should be the fastest, without measuring. Returns
 * their number, 0 without matrix units. */
enum { MATRIX_TILES_MAX = 12 };
uint32_t matrix_list_tiles(const gpu_limits *limits, matrix_size size,
                           matrix_tile tiles[MATRIX_TILES_MAX]);

/* Chunks of one part of a sum: splits * this reaches its end, and no part is empty. */
uint32_t matrix_split_chunks(uint32_t chunks, uint32_t splits);

/* [co, ci, k, k] as halves in the order of use: [phases][chunks][ceil4(co)][CONV2D_MATRIX_CHUNK];
 * the terms of a sum are [taps][ceil8(ci)], zeros where ci, co or the taps end.
 * matrix_pack: values are `rows` of the co rows, from `row` on. packed: zeroed before. */
size_t matrix_packed_bytes(uint32_t co, uint32_t ci, uint32_t taps, uint32_t phases);
void matrix_pack(const float *values, uint32_t row, uint32_t rows, uint32_t co, uint32_t ci,
                 uint32_t kernel, void *packed);
/* [co, ci, 3, 3] for an input that is enlarged twice: four phases of 2x2 taps. */
void matrix_pack_upsampling(const float *values, uint32_t co, uint32_t ci, void *packed);

#endif
