/*
 * Tiles of convolutions whose workgroups go through shared memory: on matrix units
 * (conv2d_matrix.comp) or without (conv2d_staged.comp). Plain C: no graph, no Vulkan.
 */
#ifndef QS_OPS_CONV2D_STAGED_TILES_H
#define QS_OPS_CONV2D_STAGED_TILES_H

#include "gpu/limits.h"

typedef enum staged_units { STAGED_LANES, STAGED_MATRIX } staged_units;

typedef struct staged_tile {
    staged_units units;
    uint32_t pixels, channels; /* that a workgroup makes */
    uint32_t rows, columns;    /* along them: subgroups with their matrix units, or lanes */
    uint32_t buffers;          /* chunks in shared memory: 1, or 2 with matrix units */
    uint32_t splits;           /* workgroups that share a sum, each with a part of its terms */
} staged_tile;

/* The product that a convolution is. */
typedef struct staged_size {
    uint32_t pixels;   /* of all images, of a phase */
    uint32_t channels; /* co */
    uint32_t chunks;   /* of a sum: matrix_chunks, or staged_chunks */
    uint32_t phases;   /* 4 with an enlarged input, else 1 */
} staged_size;

/* Chunks of CONV2D_STAGED_QUADS vectors; taps: of a phase. */
uint32_t staged_chunks(uint32_t ci, uint32_t taps);

/* Tiles that fit the device, those first that should be the fastest, without measuring. Returns
 * their number: 0 for matrix units that the device has not. */
enum { STAGED_TILES_MAX = 8 };
uint32_t staged_list_tiles(const gpu_limits *limits, staged_units units, staged_size size,
                           staged_tile tiles[STAGED_TILES_MAX]);

/* Chunks of one part of a sum: splits * this reaches its end, and no part is empty. */
uint32_t staged_split_chunks(uint32_t chunks, uint32_t splits);

#endif
