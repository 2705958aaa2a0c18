#include "selftest/references.h"

#include <float.h>
#include <math.h>

/* for (each element of r): n, y, x, c and its index i */
#define EACH(r)                                                                                    \
    for (uint32_t n = 0; n < (r)->n; ++n)                                                          \
        for (uint32_t y = 0; y < (r)->h; ++y)                                                      \
            for (uint32_t x = 0; x < (r)->w; ++x)                                                  \
                for (uint32_t c = 0; c < (r)->c; ++c)

static double at(const reference *r, uint32_t n, uint32_t y, uint32_t x, uint32_t c)
{
    return r->value[reference_index(r, n, y, x, c)];
}

static void set(reference *r, uint32_t n, uint32_t y, uint32_t x, uint32_t c, double value,
                double magnitude)
{
    r->value[reference_index(r, n, y, x, c)] = value;
    r->magnitude[reference_index(r, n, y, x, c)] = magnitude;
}

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
    EACH(out)
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
                        at(in, n, (uint32_t)iy, (uint32_t)ix, ci) *
                        conv->weight[((c * (size_t)in->c + ci) * k + ky) * k + kx];
                    sum += product;
                    magnitude += fabs(product);
                }
            }
        const double added[] = { conv->bias ? conv->bias[c] : 0,
                                 conv->embedding ? at(conv->embedding, n, 0, 0, c) : 0,
                                 conv->residual ? at(conv->residual, n, y, x, c) : 0 };
        for (int i = 0; i < 3; ++i) {
            sum += added[i];
            magnitude += fabs(added[i]);
        }
        /* the steepest slope of SiLU is 1.1 */
        set(out, n, y, x, c, reference_activation(conv->activation, sum),
            conv->activation == ACTIVATION_SILU ? 1.1 * magnitude : magnitude);
    }
}

/* ---- group norm ---------------------------------------------------------------------------- */

void reference_group_norm(reference *out, const reference *in, const normalization *norm)
{
    const uint32_t size = in->c / norm->groups;
    const double count = (double)in->h * in->w * size;
    for (uint32_t n = 0; n < in->n; ++n)
        for (uint32_t group = 0; group < norm->groups; ++group) {
            double mean = 0, variance = 0;
            for (uint32_t y = 0; y < in->h; ++y)
                for (uint32_t x = 0; x < in->w; ++x)
                    for (uint32_t c = group * size; c < (group + 1) * size; ++c)
                        mean += at(in, n, y, x, c) / count;
            for (uint32_t y = 0; y < in->h; ++y)
                for (uint32_t x = 0; x < in->w; ++x)
                    for (uint32_t c = group * size; c < (group + 1) * size; ++c)
                        variance += pow(at(in, n, y, x, c) - mean, 2) / count;
            const double rstd = 1 / sqrt(variance + norm->eps);
            for (uint32_t y = 0; y < in->h; ++y)
                for (uint32_t x = 0; x < in->w; ++x)
                    for (uint32_t c = group * size; c < (group + 1) * size; ++c) {
                        const double scaled = (at(in, n, y, x, c) - mean) * rstd * norm->weight[c];
                        const reference *s = norm->scale_shift;
                        const double scale = 1 + (s ? at(s, n, 0, 0, c) : 0);
                        const double shift = s ? at(s, n, 0, 0, in->c + c) : 0;
                        const double value = (scaled + norm->bias[c]) * scale + shift;
                        /* every value of a group takes part in its mean: one deviation each */
                        const double magnitude =
                            (fabs(scaled) + fabs(norm->weight[c]) + fabs(norm->bias[c])) *
                                fabs(scale) +
                            fabs(shift);
                        set(out, n, y, x, c, reference_activation(norm->activation, value),
                            1.1 * magnitude);
                    }
        }
}

/* ---- attention ----------------------------------------------------------------------------- */

void reference_attention(reference *out, const reference *qkv, uint32_t heads, double scale)
{
    const uint32_t channels = qkv->c / 3, width = channels / heads;
    const uint32_t tokens = qkv->h * qkv->w;
    for (uint32_t n = 0; n < qkv->n; ++n)
        for (uint32_t query = 0; query < tokens; ++query)
            for (uint32_t head = 0; head < heads; ++head) {
                const double *image = qkv->value + (size_t)n * tokens * qkv->c;
                const double *q = image + (size_t)query * qkv->c + head * width;
                double highest = -DBL_MAX, total = 0, steepest = 0;
                for (uint32_t pass = 0; pass < 2; ++pass)
                    for (uint32_t key = 0; key < tokens; ++key) {
                        const double *k = image + (size_t)key * qkv->c + channels + head * width;
                        const double *v = k + channels;
                        double logit = 0, terms = 0;
                        for (uint32_t c = 0; c < width; ++c) {
                            logit += scale * q[c] * k[c];
                            terms += fabs(scale * q[c] * k[c]);
                        }
                        if (pass == 0) {
                            highest = fmax(highest, logit);
                            steepest = fmax(steepest, terms);
                            continue;
                        }
                        const double weight = exp(logit - highest);
                        total += weight;
                        for (uint32_t c = 0; c < width; ++c) {
                            const size_t i =
                                ((size_t)n * tokens + query) * channels + head * width + c;
                            out->value[i] += weight * v[c];
                            out->magnitude[i] += weight * fabs(v[c]);
                        }
                    }
                for (uint32_t c = 0; c < width; ++c) {
                    const size_t i = ((size_t)n * tokens + query) * channels + head * width + c;
                    out->value[i] /= total;
                    /* a logit's rounding error is relative to its terms, and exp makes it a
                     * relative error of the weight */
                    out->magnitude[i] *= (1 + steepest) / total;
                }
            }
}

/* ---- movement ------------------------------------------------------------------------------ */

void reference_add(reference *out, const reference *a, const reference *b)
{
    for (size_t i = 0; i < reference_count(out); ++i) {
        out->value[i] = a->value[i] + b->value[i];
        out->magnitude[i] = fabs(out->value[i]);
    }
}

void reference_silu(reference *out, const reference *in)
{
    for (size_t i = 0; i < reference_count(out); ++i) {
        out->value[i] = reference_activation(ACTIVATION_SILU, in->value[i]);
        /* rounding x in exp(-x) is a relative error of |x| of the exponential */
        out->magnitude[i] = fabs(out->value[i]) * (1 + fabs(in->value[i]));
    }
}

void reference_soft_clamp(reference *out, const reference *in)
{
    for (size_t i = 0; i < reference_count(out); ++i) {
        out->value[i] = 3 * tanh(in->value[i] / 3);
        /* tanh is a difference of exponentials near 1, on a device that follows the standard */
        out->magnitude[i] = 3;
    }
}

void reference_rescale(reference *out, const reference *in, double scale, double shift)
{
    for (size_t i = 0; i < reference_count(out); ++i) {
        out->value[i] = scale * in->value[i] + shift;
        out->magnitude[i] = fabs(scale * in->value[i]) + fabs(shift);
    }
}

void reference_upsample(reference *out, const reference *in)
{
    EACH(out) set(out, n, y, x, c, at(in, n, y / 2, x / 2, c), 0);
}

void reference_avg_pool(reference *out, const reference *in)
{
    EACH(out)
    {
        double sum = 0, magnitude = 0;
        for (uint32_t dy = 0; dy < 2; ++dy)
            for (uint32_t dx = 0; dx < 2; ++dx) {
                sum += at(in, n, 2 * y + dy, 2 * x + dx, c) / 4;
                magnitude += fabs(at(in, n, 2 * y + dy, 2 * x + dx, c)) / 4;
            }
        set(out, n, y, x, c, sum, magnitude);
    }
}

void reference_concat(reference *out, const reference *a, const reference *b)
{
    EACH(out) set(out, n, y, x, c, c < a->c ? at(a, n, y, x, c) : at(b, n, y, x, c - a->c), 0);
}

/* ---- time embedding ------------------------------------------------------------------------ */

/* diffusers/models/embeddings.py, get_timestep_embedding: float32 arithmetic up to the argument of
 * sine and cosine, like PyTorch's, because a time of 1000 multiplies the frequency's rounding. */
void reference_time_embedding(reference *out, const reference *time, const time_embedding_params *p)
{
    const uint32_t half = p->channels / 2;
    const float rate = (float)-log(p->max_period);
    EACH(out)
    {
        if (c >= 2 * half)
            continue; /* zero */
        const float exponent = rate * (float)(c % half) / (float)(half - (double)p->freq_shift);
        const float frequency = (float)exp(exponent);
        const float argument = (float)time->value[n] * frequency;
        const bool cosine = (c >= half) != p->flip_sin_to_cos;
        const double value = cosine ? cos(argument) - (p->relative ? 1 : 0) : sin(argument);
        set(out, n, y, x, c, value, 1);
    }
}
