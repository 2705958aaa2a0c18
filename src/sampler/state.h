/*
 * The state that plans share, and its bytes. Named state tensors of the graphs:
 *
 *   recipe         what to draw: written by the CPU into one of a few slots, copied by begin
 *   cursor         u32: the row that the next step runs
 *   time           f32 [n]: the network's timestep of this step (all pictures the same)
 *   labels         [n], u32, or f32 where a network takes numbers; [2 n] of vectors to be blended
 *   label_weights  f32 [n, 1, 1, 4]: of label i and of label i + n
 *   row_time, row_segment, row_labels
 *                  [EMBEDDED_ROWS * n]: of the rows that are embedded together timesteps, timesteps
 *                  minus the segment's start (0: diffusion), labels
 *   projections    [EMBEDDED_ROWS * n, c]: what the network's resnets make of these
 *   latent         f32 [n, h, w, c]
 *   x0_before      f32 [n, h, w, c]: what a row with keep_x0 predicted
 *   known, mask    f32 [1, h, w, c] and [1, h, w, 1]: the picture that editing begins from, as a
 *                  latent, and keeps where mask is 1; for all pictures of a batch the same
 *   begun_noise    f32 [n, h, w, c]: unit noise that begin took
 *   photo, photo_mask
 *                  f32 [1, H, W, C] and [1, H, W, 1]: known and mask as a picture; without an
 *                  autoencoder photo is `known`
 *   picture        f32 [n, H, W, C]: what an autoencoder's decoder makes of the latent
 *   start_noise    f32 [n, h, w, c], host visible: unit noise that begin may take
 *   step_noise     f32 [STEP_NOISE_SLOTS * n, h, w, c], host visible: that the rows may take
 *   frame          u32 [n, H, W]: RGBA8
 *   report         u32 [n, 1, 1, REPORT_WORDS]: of each picture (lib/recipe.h)
 */
#ifndef QS_SAMPLER_STATE_H
#define QS_SAMPLER_STATE_H

#include "core/half.h"
#include "lib/recipe.h"
#include <quickstep/quickstep.h>

_Static_assert(RECIPE_BATCH_MAX == QS_BATCH_MAX && RECIPE_STEPS_MAX == QS_STEPS_MAX,
               "a recipe holds what the API allows");

/* REPORT_MIN or REPORT_MAX as a float; NaN if there was no finite value. */
static inline float report_float(uint32_t ordered)
{
    return float_from_bits(ordered & 0x80000000u ? ordered & 0x7fffffffu : ~ordered);
}

#endif
