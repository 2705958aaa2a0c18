/*
 * Image to image and inpainting: rows that begin from a picture, noised to where the strength says
 * (SDEdit, arXiv 2108.01073), and that set the part which a mask keeps back to its noise level
 * after every step (arXiv 2303.01469, algorithm 4).
 */
#ifndef QS_SAMPLER_EDIT_H
#define QS_SAMPLER_EDIT_H

#include "sampler/sampler.h"

/* How noisy a sample is: alpha * picture + sigma * noise. */
typedef struct noise_level {
    float alpha, sigma;
} noise_level;

/* QS_ERROR_USAGE: a strength beyond 0 .. 1, or one or a mask without a picture. */
qs_status edit_check(const qs_recipe *wanted);

/* As the caller wrote it; 1 where nothing is said, and without a picture. */
double edit_strength(const qs_recipe *wanted);

/* What stays of the picture: one of the KEEPS_ of lib/recipe.h. */
uint32_t edit_keeps(const qs_recipe *wanted);

/* The first row that runs of wanted->steps, as diffusers' image-to-image pipelines leave out the
 * first: int(steps * strength) remain. QS_ERROR_USAGE: none does. */
qs_status edit_first_row(const qs_recipe *wanted, uint32_t *first);

/* Leaves the rows before `first` out, and makes the others begin from the picture and keep what the
 * mask keeps. levels: of the samples that the rows get, and what the last one leaves. draws: what
 * is kept gets the rows' noise, not begin's. */
void edit_rows(const qs_recipe *wanted, uint32_t first, const noise_level *levels, bool draws,
               sampler_recipe *recipe);

#endif
