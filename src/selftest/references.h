/* What the ops should give, in double, written to be checked by eye. Outputs have their shape;
 * inputs may be NULL where the op's may be absent. Weights are laid out as in the weights file. */
#ifndef QS_SELFTEST_REFERENCES_H
#define QS_SELFTEST_REFERENCES_H

#include "selftest/selftest.h"

double reference_activation(activation activation, double x);

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

typedef struct normalization {
    const double *weight, *bias;
    const reference *scale_shift; /* [n, 1, 1, 2c] */
    uint32_t groups;
    double eps;
    activation activation;
} normalization;
void reference_group_norm(reference *y, const reference *x, const normalization *norm);

void reference_attention(reference *y, const reference *qkv, uint32_t heads, double scale);

void reference_add(reference *y, const reference *a, const reference *b);
void reference_silu(reference *y, const reference *x);
void reference_soft_clamp(reference *y, const reference *x);
void reference_rescale(reference *y, const reference *x, double scale, double shift);
void reference_upsample(reference *y, const reference *x);
void reference_avg_pool(reference *y, const reference *x);
void reference_concat(reference *y, const reference *a, const reference *b);

/* time: [n] floats */
void reference_time_embedding(reference *y, const reference *time, const time_embedding_params *p);

#endif
