/* diffusers' noise schedules of discrete timesteps, bit for bit: DDPM's variances are differences
 * of nearly equal float32 numbers, so a schedule in double would be another one by 1e-3. */
#ifndef QS_MODEL_BETAS_H
#define QS_MODEL_BETAS_H

#include <stdint.h>

typedef enum beta_schedule {
    BETAS_LINEAR,
    BETAS_SCALED_LINEAR,     /* the roots are linear */
    BETAS_SQUAREDCOS_CAP_V2, /* Nichol and Dhariwal's cosine */
} beta_schedule;

/* betas[count], count >= 2. start and end are not used by the cosine. */
void betas_make(beta_schedule schedule, double start, double end, uint32_t count, float *betas);

/* rescale_zero_terminal_snr: arXiv 2305.08891 algorithm 1, in place. */
void betas_rescale_zero_snr(float *betas, uint32_t count);

/* alphas[i] = the product of 1 - betas[0 .. i]; may be the same array. */
void betas_to_alphas_cumprod(const float *betas, uint32_t count, float *alphas);

#endif
