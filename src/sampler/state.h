/*
 * The state that plans share, and its bytes. Named state tensors of the graphs:
 *
 *   recipe   what to draw, written by the CPU into one of a few slots and copied by `encode`
 *   cursor   u32: the row that the next step runs
 *   time     f32 [n]: the network's timestep of this step (all pictures the same)
 *   segment  f32 [n]: timestep minus the segment's start, in the same unit; 0: diffusion
 *   labels   u32 [n]
 *   latent   f32 [n, h, w, c]
 *   frame    u32 [n, h, w]: RGBA8
 *   report   u32 [n, 1, 1, REPORT_WORDS], of each picture: NaN and Inf count; min, max of the
 *            other values as ordered integers (report_float()); the bits of the largest distance
 *            from the picture's first pixel (0: one flat colour)
 */
#ifndef QS_SAMPLER_STATE_H
#define QS_SAMPLER_STATE_H

#include "core/status.h"
#include "core/half.h"
#include "lib/recipe.h" /* struct Recipe, struct SamplerRow: compiled by C and GLSL */

enum { REPORT_BAD, REPORT_MIN, REPORT_MAX, REPORT_DEVIATION, REPORT_WORDS };

/* REPORT_MIN and REPORT_MAX, ordered() of decode.comp, as floats; NaN if there was no finite value. */
static inline float report_float(uint32_t ordered)
{
    return float_from_bits(ordered & 0x80000000u ? ordered & 0x7fffffffu : ~ordered);
}

#endif
