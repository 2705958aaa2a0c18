#include "selftest/references.h"

#include <math.h>

double reference_activation(activation activation, double x)
{
    switch (activation) {
    case ACTIVATION_SILU: return x / (1 + exp(-x));
    case ACTIVATION_RELU: return x < 0 ? 0 : x;
    case ACTIVATION_MISH: return x * tanh(log1p(exp(x)));
    case ACTIVATION_GELU: return x / 2 * erfc(-x / sqrt(2));
    case ACTIVATION_QUICK_GELU: return x / (1 + exp(-1.702 * x));
    case ACTIVATION_NONE: break;
    }
    return x;
}

const char *activation_name(activation activation)
{
    static const char *const names[ACTIVATION_COUNT] = { "",      " silu", " relu",
                                                         " mish", " gelu", " quick_gelu" };
    return names[activation];
}

activation dice_activation(dice *d)
{
    const uint32_t face = dice_below(d, 2 * ACTIVATION_COUNT - 2);
    return face < ACTIVATION_COUNT ? (activation)face : ACTIVATION_NONE;
}

test_limits sum_limit(const test *t, uint32_t terms)
{
    return test_limit(t, 1e-10, 5e-7, 8 + terms);
}

double activation_steepness(activation activation)
{
    return activation == ACTIVATION_NONE || activation == ACTIVATION_RELU ? 1 : 1.15;
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
        reference_set(out, n, y, x, c, reference_activation(conv->activation, sum),
                      activation_steepness(conv->activation) * magnitude);
    }
}

/* ---- what several cases use ------------------------------------------------------------------ */

void reference_activate(reference *out, const reference *in, activation activation)
{
    for (size_t i = 0; i < reference_count(out); ++i) {
        const double x = in->value[i];
        out->value[i] = reference_activation(activation, x);
        /* rounding x in exp(-x), or x^2 in GELU's, is a relative error of that size */
        const double exponent = activation == ACTIVATION_GELU ? x * x : 1.702 * fabs(x);
        out->magnitude[i] = fabs(out->value[i]) * (1 + exponent);
    }
}

void reference_upsample(reference *out, const reference *in)
{
    REFERENCE_EACH(out) reference_set(out, n, y, x, c, reference_at(in, n, y / 2, x / 2, c), 0);
}
