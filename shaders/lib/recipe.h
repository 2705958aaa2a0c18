/* What the sampler's shaders read: compiled by C and by GLSL (std430, 4-byte members only). */
#ifndef QS_SHADERS_RECIPE_H
#define QS_SHADERS_RECIPE_H

#ifdef __STDC_VERSION__
#include <stdint.h>
#define QS_UINT uint32_t
typedef struct SamplerRow SamplerRow;
typedef struct Recipe Recipe;
#else
#define QS_UINT uint
#endif

#define RECIPE_BATCH_MAX 64
#define RECIPE_STEPS_MAX 1024

/*
 * One step of a sampler (the row x of the table in ARCHITECTURE.md):
 *
 *   m  = model(input_scale * x, timestep, segment)
 *   x0 = clip(x0_sample * x + x0_model * m)              to [-clip, clip] if clip > 0
 *   e  = noise_sample * x + noise_x0 * x0                the predicted noise
 *   g  = sqrt(sigma^2 + variance * d / |e|^2) - sigma    if variance > 0 (adjusted DDIM), else 0
 *   x  = next_x0 * x0 + next_sample * x + next_model * m + g * e + next_noise * noise(seed, draw)
 */
struct SamplerRow {
    float input_scale, timestep, segment, clip;
    float x0_sample, x0_model, noise_sample, noise_x0;
    float next_x0, next_sample, next_model, next_noise;
    float sigma, variance;
    QS_UINT draw; /* the Philox counter's third word: 1 + step */
    QS_UINT reserved;
};

struct Recipe {
    QS_UINT steps;
    float initial_scale; /* latent = initial_scale * noise(seed, draw 0) */
    QS_UINT reserved0, reserved1;
    QS_UINT seed_low[RECIPE_BATCH_MAX];
    QS_UINT seed_high[RECIPE_BATCH_MAX];
    QS_UINT labels[RECIPE_BATCH_MAX];
    SamplerRow rows[RECIPE_STEPS_MAX];
};

#endif
