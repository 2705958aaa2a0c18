#include "sampler/rows.h"

#include <math.h>

double schedule_logsnr(const scheduler_config *scheduler, double t)
{
    const double clean = atan(exp(-scheduler->logsnr_max / 2));
    const double noisy = atan(exp(-scheduler->logsnr_min / 2));
    const double cosine = -2 * log(tan(clean + t * (noisy - clean)));
    const double low = 2 * log(scheduler->noise_size_low / scheduler->image_size);
    const double high = 2 * log(scheduler->noise_size_high / scheduler->image_size);
    return cosine + t * low + (1 - t) * high;
}

void schedule_alpha_sigma(const scheduler_config *scheduler, double t, double *alpha, double *sigma)
{
    const double logsnr = schedule_logsnr(scheduler, t);
    *alpha = sqrt(1 / (1 + exp(-logsnr)));
    *sigma = sqrt(1 / (1 + exp(logsnr)));
}

double schedule_karras_sigma(const scheduler_config *scheduler, uint32_t index)
{
    const uint32_t last = scheduler->num_train_timesteps - 1;
    const double ramp = last > 0 ? (double)index / last : 0;
    const double top = pow(scheduler->sigma_max, 1 / scheduler->rho);
    const double bottom = pow(scheduler->sigma_min, 1 / scheduler->rho);
    return pow(top + ramp * (bottom - top), scheduler->rho);
}
