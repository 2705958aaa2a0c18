/* Samplers as tables: the CPU computes one row of numbers per step, in double. */
#ifndef QS_SAMPLER_SAMPLER_H
#define QS_SAMPLER_SAMPLER_H

#include "model/config.h"
#include "sampler/state.h"

/* QS_ERROR_USAGE if this scheduler's model cannot run this sampler. QS_SAMPLER_DEFAULT is fine. */
qs_status sampler_check(const scheduler_config *scheduler, qs_sampler sampler);
qs_sampler sampler_resolve(const scheduler_config *scheduler,
                           qs_sampler sampler); /* never DEFAULT */

/*
 * Fills recipe->steps, initial_scale, initial_known and rows[0 .. steps-1] from what the caller
 * wants (steps, sampler, eta, timesteps, strength, keep_luminance, and of init and mask whether
 * they are there); nothing else. With a picture to begin from, steps are those that remain.
 * has_segments: the network has a segment embedding. Without one "multistep" is the paper's own
 * setting, one network per number of steps: other numbers are drawn, with a warning.
 * QS_ERROR_USAGE: what this scheduler cannot do; QS_ERROR_MODEL: a schedule whose numbers are not
 * finite.
 */
qs_status sampler_rows(const scheduler_config *scheduler, bool has_segments,
                       const qs_recipe *wanted, sampler_recipe *recipe);

/* log-SNR, alpha and sigma of the interpolated cosine schedule at t in [0, 1] (method: Heek et
 * al. 2024, A.1), exposed for tests. */
double schedule_logsnr(const scheduler_config *scheduler, double t);
void schedule_alpha_sigma(const scheduler_config *scheduler, double t, double *alpha,
                          double *sigma);

#endif
