#include "model/betas.h"

#include <math.h>

/* torch.linspace in float32: from both ends, each number rounded once. */
static void linspace(double start, double end, uint32_t count, float *numbers)
{
    const float first = (float)start, last = (float)end;
    const float step = (last - first) / (float)(count - 1);
    for (uint32_t i = 0; i < count; ++i)
        numbers[i] =
            i < count / 2 ? fmaf(step, (float)i, first) : fmaf(-step, (float)(count - 1 - i), last);
}

/* betas_for_alpha_bar's alpha_bar_fn */
static double cosine_alpha_bar(double t)
{
    const double pi = 3.14159265358979323846;
    const double c = cos((t + 0.008) / 1.008 * pi / 2);
    return c * c;
}

void betas_make(beta_schedule schedule, double start, double end, uint32_t count, float *betas)
{
    switch (schedule) {
    case BETAS_LINEAR: linspace(start, end, count, betas); break;
    case BETAS_SCALED_LINEAR:
        linspace(sqrt(start), sqrt(end), count, betas);
        for (uint32_t i = 0; i < count; ++i)
            betas[i] *= betas[i];
        break;
    case BETAS_SQUAREDCOS_CAP_V2:
        for (uint32_t i = 0; i < count; ++i) {
            const double from = (double)i / count, to = (i + 1.0) / count;
            betas[i] = (float)fmin(1 - cosine_alpha_bar(to) / cosine_alpha_bar(from), 0.999);
        }
    }
}

void betas_to_alphas_cumprod(const float *betas, uint32_t count, float *alphas)
{
    double product = 1; /* torch.cumprod of float32 keeps a double */
    for (uint32_t i = 0; i < count; ++i) {
        product *= 1.0f - betas[i];
        alphas[i] = (float)product;
    }
}

void betas_rescale_zero_snr(float *betas, uint32_t count)
{
    betas_to_alphas_cumprod(betas, count, betas);
    const float first = sqrtf(betas[0]), last = sqrtf(betas[count - 1]);
    const float scale = first / (first - last);
    float previous = 1;
    for (uint32_t i = 0; i < count; ++i) {
        const float root = (sqrtf(betas[i]) - last) * scale;
        const float alpha_bar = root * root;
        betas[i] = 1.0f - alpha_bar / previous;
        previous = alpha_bar;
    }
}
