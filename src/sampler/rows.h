/* One row per rule: what sampler_rows() strings together, exposed for tests. draw is not set. */
#ifndef QS_SAMPLER_ROWS_H
#define QS_SAMPLER_ROWS_H

#include "sampler/sampler.h"

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

/* The rows of diffusers' DDIMScheduler and DDPMScheduler, draw included: set_timesteps(steps) and
 * step(). QS_ERROR_USAGE, QS_ERROR_MODEL. */
qs_status rows_ddim(const scheduler_config *scheduler, uint32_t steps, float eta,
                    sampler_row *rows);
qs_status rows_ddpm(const scheduler_config *scheduler, uint32_t steps, sampler_row *rows);

#endif
