/* What the ops should give, in double, written to be checked by eye: each beside its cases, here
 * what several cases use. Outputs have their shape; inputs may be NULL where the op's may be
 * absent. Weights are laid out as in the weights file. */
#ifndef QS_SELFTEST_REFERENCES_H
#define QS_SELFTEST_REFERENCES_H

#include "selftest/selftest.h"

/* for (each element of r): n, y, x, c */
#define REFERENCE_EACH(r)                                                                          \
    for (uint32_t n = 0; n < (r)->n; ++n)                                                          \
        for (uint32_t y = 0; y < (r)->h; ++y)                                                      \
            for (uint32_t x = 0; x < (r)->w; ++x)                                                  \
                for (uint32_t c = 0; c < (r)->c; ++c)

static inline double reference_at(const reference *r, uint32_t n, uint32_t y, uint32_t x,
                                  uint32_t c)
{
    return r->value[reference_index(r, n, y, x, c)];
}

static inline void reference_set(reference *r, uint32_t n, uint32_t y, uint32_t x, uint32_t c,
                                 double value, double magnitude)
{
    r->value[reference_index(r, n, y, x, c)] = value;
    r->magnitude[reference_index(r, n, y, x, c)] = magnitude;
}

double reference_activation(activation activation, double x);

/* At least the largest derivative: what an error in x is multiplied by. */
double activation_steepness(activation activation);

const char *activation_name(activation activation); /* "", " silu", ...: for names of cases */

activation dice_activation(dice *d); /* often none */

/* A sum of k products in float is off by at most k roundings of the sum of their magnitudes; on the
 * average by far less. */
test_limits sum_limit(const test *t, uint32_t terms);

typedef struct convolution {
    const double *weight; /* [co, ci, kernel, kernel] */
    const double *bias;   /* [co] */
    const reference *embedding, *residual;
    uint32_t kernel, stride, pad_top, pad_left;
    activation activation;
} convolution;
void reference_convolution(reference *y, const reference *x, const convolution *c);

/* Adds to the magnitudes those of the terms that F(tile x tile, 3 x 3) adds up. 3x3, stride 1. */
void reference_winograd_magnitude(reference *y, const reference *x, const convolution *c,
                                  uint32_t tile);

/* How many times larger the mean square error of the result is than that of its transformed
 * weights, both relative, where these are rounded independently and inputs and weights are white
 * noise: the square, for two dimensions, of the mean over r of sum_i (A^T)_ri^2 |(B^T)_i|^2 |G_i|^2
 * / 3. */
double reference_winograd_noise(uint32_t tile);

void reference_activate(reference *y, const reference *x, activation activation);
void reference_upsample(reference *y, const reference *x);

#endif
