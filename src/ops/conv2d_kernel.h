/*
 * How conv2d.comp and linear.comp want their weights packed and their workgroups counted.
 * Plain C: no graph, no Vulkan.
 */
#ifndef QS_OPS_CONV2D_KERNEL_H
#define QS_OPS_CONV2D_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One workgroup makes lanes * pixels output pixels x 4 * quads output channels. */
typedef struct conv2d_tile {
    uint32_t lanes, pixels, quads;
} conv2d_tile;

/* The channel tile is part of the packed weight, so it depends on co alone. */
uint32_t conv2d_tile_quads(uint32_t co);

/* cpu: a software device with subgroups of exactly subgroup_size: the SHUFFLE variant.
 * pixel_count: h_out * w_out, of one image. */
conv2d_tile conv2d_choose_tile(bool cpu, uint32_t subgroup_size, uint32_t n, uint32_t pixel_count,
                               uint32_t co);

/* False if a count passes Vulkan's guaranteed 65535, which takes an image of 2048 x 1023. */
bool conv2d_groups(conv2d_tile tile, uint32_t n, uint32_t pixel_count, uint32_t co,
                   uint32_t groups[3]);

/* [co, ci, k, k] as
 *   [ceil(co / 4 quads)][k * k taps][ceil(ci / 4)][4 input channels][quads][4 output channels],
 * zeros where co or ci end, and CONV2D_SLACK_VECTORS vectors more, because a subgroup loads whole
 * blocks. half: elements are float16, else float. values: `rows` of the co rows, from `row` on;
 * packed: zeroed before, as for the two below. */
enum { CONV2D_SLACK_VECTORS = 64 };
size_t conv2d_packed_bytes(uint32_t co, uint32_t ci, uint32_t kernel, bool half);
void conv2d_pack(const float *values, uint32_t row, uint32_t rows, uint32_t co, uint32_t ci,
                 uint32_t kernel, bool half, void *packed);

/* [co, ci, 3, 3] for an input that is enlarged twice (nearest): the four taps of the output's phase
 * (0, 0), then of (0, 1), (1, 0) and (1, 1), as if the kernel were 4x4. */
void conv2d_pack_upsampling(const float *values, uint32_t co, uint32_t ci, bool half, void *packed);

/* [co, ci] as [ceil4(ci)][ceil4(co)], with zeros where co or ci end. */
size_t linear_packed_bytes(uint32_t co, uint32_t ci, bool half);
void linear_pack(const float *values, uint32_t row, uint32_t rows, uint32_t co, uint32_t ci,
                 bool half, void *packed);

/* Rows up to which linear.comp is the better one; above, a product is a 1x1 convolution. */
enum { LINEAR_ROWS_MAX = 4 };

/* A workgroup makes `rows` rows x lanes / slices quads of output channels; the slices of a
 * workgroup share the sum over the input channels. */
typedef struct linear_tile {
    uint32_t lanes, rows, slices;
} linear_tile;
linear_tile linear_choose_tile(bool cpu, uint32_t subgroup_size, uint32_t rows);
bool linear_groups(linear_tile tile, uint32_t rows, uint32_t co, uint32_t groups[3]);

#endif
