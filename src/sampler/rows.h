/* One row per rule: what sampler_rows() strings together, exposed for tests. draw is not set. */
#ifndef QS_SAMPLER_ROWS_H
#define QS_SAMPLER_ROWS_H

#include "sampler/edit.h"

/* sigma of the Karras grid, index 0: sigma_max .. num_train_timesteps - 1: sigma_min. */
double schedule_karras_sigma(const scheduler_config *scheduler, uint32_t index);

/* xhat = alpha_t z - sigma_t v, then DDIM_{t->s} (arXiv 2403.06807 eq. 4), with v the network's
 * output. adjusted: the step of algorithm 3, aDDIM. segment is not set. */
void row_hop(const scheduler_config *scheduler, double t, double s, bool adjusted,
             sampler_row *row);

/* The last step: next = xhat, always in [-1, 1]. */
void row_finish(const scheduler_config *scheduler, double t, sampler_row *row);

/* arXiv 2303.01469 algorithm 1 in EDM coordinates: denoise at sigma, then noise again up to
 * sigma_next. */
void row_consistency(const scheduler_config *scheduler, double sigma, double sigma_next,
                     sampler_row *row);

/* The rows of diffusers' schedulers, draw included: set_timesteps(steps) and step().
 * QS_ERROR_USAGE, QS_ERROR_MODEL. */
qs_status rows_ddim(const scheduler_config *scheduler, uint32_t steps, float eta,
                    sampler_row *rows);
qs_status rows_ddpm(const scheduler_config *scheduler, uint32_t steps, sampler_row *rows);

/* timesteps: [steps], descending, or NULL: the scheduler's. */
qs_status rows_lcm(const scheduler_config *scheduler, uint32_t steps, const uint32_t *timesteps,
                   sampler_row *rows);
qs_status rows_tcd(const scheduler_config *scheduler, uint32_t steps, const uint32_t *timesteps,
                   float eta, sampler_row *rows);

/* Over noise levels: recipe->steps of them, and initial_scale. levels: [steps], written. first: the
 * row that a picture is begun with, which has no past. */
qs_status rows_euler(const scheduler_config *scheduler, sampler_recipe *recipe,
                     noise_level *levels);
qs_status rows_dpmsolver(const scheduler_config *scheduler, uint32_t first, sampler_recipe *recipe,
                         noise_level *levels);

/* The same of rows at timesteps of the training: those of all samplers in discrete.c and
 * distilled.c. */
void levels_of_timesteps(const scheduler_config *scheduler, const sampler_row *rows, uint32_t steps,
                         noise_level *levels);

/* ---- what they are made of ------------------------------------------------------------------- */

/* Which of the training's timesteps, the noisiest first, not rounded: the first `steps` of
 * spaced_steps. */
qs_status timesteps_spaced(const scheduler_config *scheduler, uint32_t spaced_steps, uint32_t steps,
                           double *timesteps);

/* The network's inputs, and x0 as its output predicts it, where x = alpha x0 + sigma noise; the
 * rest is 0. row_predict_at: at a timestep of the training. */
void row_predict(const scheduler_config *scheduler, float alpha, float sigma, float timestep,
                 sampler_row *row);
void row_predict_at(const scheduler_config *scheduler, uint32_t timestep, sampler_row *row);

/* next += gain * epsilon, the noise as the network sees it, x0 unclipped. */
void row_add_epsilon(const scheduler_config *scheduler, uint32_t timestep, float gain,
                     sampler_row *row);

/* QS_ERROR_MODEL: a number is not finite. The first timestep of a schedule with zero terminal SNR
 * says nothing about x0 through epsilon. */
qs_status row_check(const sampler_row *row);

#endif
