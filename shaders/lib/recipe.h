/* What the sampler's shaders read and what op_frame reports, for C and GLSL. */
#ifndef QS_SHADERS_RECIPE_H
#define QS_SHADERS_RECIPE_H

#include "lib/c_glsl.h"

#define RECIPE_BATCH_MAX 64
#define RECIPE_STEPS_MAX 1024
#define EMBEDDED_ROWS 4    /* of a recipe are embedded at a time; step i reads row i % 4 of them */
#define STEP_NOISE_SLOTS 2 /* step i reads slot i % 2, while the host fills the other */

#define KEEPS_NOTHING 0u
#define KEEPS_ALL 1u
#define KEEPS_LUMINANCE 2u
/* 0.2989 red, 0.587 green, 0.114 blue as a unit vector: the first of Song et al.'s orthogonal matrix
 * for colorization. What is along it is set back, and the plane across it stays. */
#define LUMINANCE_RED 0.44711344
#define LUMINANCE_GREEN 0.87807155
#define LUMINANCE_BLUE 0.17052838

/*
 * One step of a sampler (a row of the table in ARCHITECTURE.md):
 *
 *   m  = model(input_scale * x, timestep, segment)
 *      = m0 + guidance * (m1 - m0)                       of two evaluations, without and with the
 *                                                        condition, where the network makes two
 *   x0 = clip(x0_sample * x + x0_model * m)              to [-clip, clip] if clip > 0
 *   e  = noise_sample * x + noise_x0 * x0                the predicted noise
 *   g  = sqrt(sigma^2 + variance * d / |e|^2) - sigma    if variance > 0 (adjusted DDIM), else 0
 *   x  = next_x0 * x0 + next_before * x0_before + next_sample * x + next_model * m + g * e
 *        + next_noise * noise(seed, draw)
 *   k  = known_x0 * the known picture + known_start * begin's noise + known_noise * noise(seed, draw)
 *   x  = (1 - mask) * x + mask * k                       if known_x0 is not 0: what is to be kept;
 *                                                        of the luminance: x + mask * l l^T (k - x)
 *   x0_before = x0                                       if keep_x0: for the next row
 */
SHARED_STRUCT(sampler_row)
{
    float input_scale, timestep, segment, clip;
    float x0_sample, x0_model, noise_sample, noise_x0;
    float next_x0, next_sample, next_model, next_noise;
    float next_before, guidance, sigma, variance;
    float known_x0, known_start, known_noise;
    uint32_t keep_x0;
    uint32_t draw; /* the Philox counter's third word: 1 + step; 0: this step draws no noise */
};

SHARED_STRUCT(sampler_recipe)
{
    uint32_t steps;
    /* latent = initial_scale * noise(seed, draw 0) + initial_known * the known picture */
    float initial_scale, initial_known;
    uint32_t keeps; /* KEEPS_ALL: where the mask is 1 the known picture stays; or its luminance */
    uint32_t start_from_host; /* begin's noise: 1: start_noise's, 0: the seed's */
    uint32_t steps_from_host; /* noise(seed, draw) of the rows: 1: step_noise's, 0: the seed's */
    uint32_t seed_low[RECIPE_BATCH_MAX];
    uint32_t seed_high[RECIPE_BATCH_MAX];
    sampler_row rows[RECIPE_STEPS_MAX];
};

/* The words of a picture's report. */
#define REPORT_BAD 0u /* how many values are NaN or Inf */
#define REPORT_MIN 1u /* of the other values, as ordered() of frame.comp */
#define REPORT_MAX 2u
#define REPORT_DEVIATION 3u /* bits of the largest distance from the first pixel; 0: one colour */
#define REPORT_WORDS 4u

#endif
