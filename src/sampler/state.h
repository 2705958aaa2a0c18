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
 *   report   u32 [4]: NaN and Inf count; min and max as ordered integers (see decode.comp)
 */
#ifndef QS_SAMPLER_STATE_H
#define QS_SAMPLER_STATE_H

#include "core/status.h"
#include "lib/recipe.h" /* struct Recipe, struct SamplerRow: compiled by C and GLSL */

#endif
