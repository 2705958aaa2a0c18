/*
 * How linear.comp wants its weights packed and its workgroups counted.
 * Plain C: no graph, no Vulkan.
 */
#ifndef QS_OPS_LINEAR_PACKING_H
#define QS_OPS_LINEAR_PACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* [co, ci] as [ceil4(ci)][ceil4(co)], with zeros where co or ci end. values: `rows` of the co
 * rows, from `row` on; packed: zeroed before. */
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
