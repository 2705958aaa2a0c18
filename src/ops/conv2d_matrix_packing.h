/*
 * How conv2d_matrix.comp wants its weights packed. Plain C: no graph, no Vulkan.
 */
#ifndef QS_OPS_CONV2D_MATRIX_PACKING_H
#define QS_OPS_CONV2D_MATRIX_PACKING_H

#include <stddef.h>
#include <stdint.h>

/* Chunks of CONV2D_MATRIX_CHUNK terms; taps: of a phase. */
uint32_t matrix_chunks(uint32_t ci, uint32_t taps);

/* [co, ci, k, k] as halves in the order of use: [phases][chunks][ceil4(co)][CONV2D_MATRIX_CHUNK];
 * the terms of a sum are [taps][ceil8(ci)], zeros where ci, co or the taps end.
 * matrix_pack: values are `rows` of the co rows, from `row` on. packed: zeroed before. */
size_t matrix_packed_bytes(uint32_t co, uint32_t ci, uint32_t taps, uint32_t phases);
void matrix_pack(const float *values, uint32_t row, uint32_t rows, uint32_t co, uint32_t ci,
                 uint32_t kernel, void *packed);
/* [co, ci, 3, 3] for an input that is enlarged twice: four phases of 2x2 taps. */
void matrix_pack_upsampling(const float *values, uint32_t co, uint32_t ci, void *packed);

#endif
