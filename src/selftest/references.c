#include "selftest/references.h"

#include <math.h>

double reference_activation(activation activation, double x)
{
    switch (activation) {
    case ACTIVATION_SILU: return x / (1 + exp(-x));
    case ACTIVATION_RELU: return x < 0 ? 0 : x;
    case ACTIVATION_NONE: break;
    }
    return x;
}

/* ---- convolution --------------------------------------------------------------------------- */

void reference_convolution(reference *out, const reference *in, const convolution *conv)
{
    const uint32_t k = conv->kernel;
    REFERENCE_EACH(out)
    {
        double sum = 0, magnitude = 0;
        for (uint32_t ky = 0; ky < k; ++ky)
            for (uint32_t kx = 0; kx < k; ++kx) {
                const int64_t iy = (int64_t)y * conv->stride + ky - conv->pad_top;
                const int64_t ix = (int64_t)x * conv->stride + kx - conv->pad_left;
                if (iy < 0 || ix < 0 || iy >= in->h || ix >= in->w)
                    continue;
                for (uint32_t ci = 0; ci < in->c; ++ci) {
                    const double product =
                        reference_at(in, n, (uint32_t)iy, (uint32_t)ix, ci) *
                        conv->weight[((c * (size_t)in->c + ci) * k + ky) * k + kx];
                    sum += product;
                    magnitude += fabs(product);
                }
            }
        const double added[] = { conv->bias ? conv->bias[c] : 0,
                                 conv->embedding ? reference_at(conv->embedding, n, 0, 0, c) : 0,
                                 conv->residual ? reference_at(conv->residual, n, y, x, c) : 0 };
        for (int i = 0; i < 3; ++i) {
            sum += added[i];
            magnitude += fabs(added[i]);
        }
        /* the steepest slope of SiLU is 1.1 */
        reference_set(out, n, y, x, c, reference_activation(conv->activation, sum),
                      conv->activation == ACTIVATION_SILU ? 1.1 * magnitude : magnitude);
    }
}

/* ---- what several cases use ------------------------------------------------------------------ */

void reference_silu(reference *out, const reference *in)
{
    for (size_t i = 0; i < reference_count(out); ++i) {
        out->value[i] = reference_activation(ACTIVATION_SILU, in->value[i]);
        /* rounding x in exp(-x) is a relative error of |x| of the exponential */
        out->magnitude[i] = fabs(out->value[i]) * (1 + fabs(in->value[i]));
    }
}

void reference_upsample(reference *out, const reference *in)
{
    REFERENCE_EACH(out) reference_set(out, n, y, x, c, reference_at(in, n, y / 2, x / 2, c), 0);
}
