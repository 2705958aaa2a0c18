/* conv2d and linear. */
#include "selftest/references.h"

#include <math.h>
#include <stdio.h>

enum { SEEDS = 50 };

/* A sum of k products in float is off by at most k roundings of the sum of their magnitudes; on the
 * average by far less. */
static test_limits sum_limit(const test *t, uint32_t terms)
{
    return test_limit(t, 1e-10, 5e-7, 8 + terms);
}

typedef struct conv_case {
    uint32_t n, h, w, ci, co, kernel, stride;
    uint32_t pad_top, pad_left, pad_bottom, pad_right;
    bool bias, embedding, residual, silu;
    uint32_t repeats;
} conv_case;

static void run_conv(selftest *suite, dtype storage, const conv_case *p, const char *kind)
{
    test t;
    if (!test_begin(&t, suite, storage,
                    "conv2d %s [%u, %u, %u, %u] -> %u %ux%u s%u pad %u%u%u%u%s%s%s%s%s",
                    test_storage_name(storage), p->n, p->h, p->w, p->ci, p->co, p->kernel,
                    p->kernel, p->stride, p->pad_top, p->pad_left, p->pad_bottom, p->pad_right,
                    p->bias ? " bias" : "", p->embedding ? " embedding" : "",
                    p->residual ? " residual" : "", p->silu ? " silu" : "", kind))
        return;
    t.repeats = p->repeats;
    const uint32_t terms = p->ci * p->kernel * p->kernel;
    const tensor_id x = test_activation(&t, "x", p->n, p->h, p->w, p->ci);
    test_fill_normal(&t, x, 0, 1);
    convolution conv = {
        .weight = test_weight(&t, "w", (size_t)p->co * terms, 0, 1 / sqrt(terms)),
        .bias = p->bias ? test_weight(&t, "b", p->co, 0, 1) : NULL,
        .kernel = p->kernel,
        .stride = p->stride,
        .pad_top = p->pad_top,
        .pad_left = p->pad_left,
        .silu = p->silu,
    };
    conv2d_params params = {
        .x = x,
        .weight = "w",
        .bias = p->bias ? "b" : NULL,
        .embedding = NO_TENSOR,
        .residual = NO_TENSOR,
        .out_channels = p->co,
        .kernel = p->kernel,
        .stride = p->stride,
        .pad_top = p->pad_top,
        .pad_left = p->pad_left,
        .pad_bottom = p->pad_bottom,
        .pad_right = p->pad_right,
        .activation = p->silu ? ACTIVATION_SILU : ACTIVATION_NONE,
    };
    if (p->embedding) {
        params.embedding = test_activation(&t, "embedding", p->n, 1, 1, p->co);
        test_fill_normal(&t, params.embedding, 0, 1);
        conv.embedding = test_reference(&t, params.embedding);
    }
    if (p->residual) {
        const uint32_t oh = (p->h + p->pad_top + p->pad_bottom - p->kernel) / p->stride + 1;
        const uint32_t ow = (p->w + p->pad_left + p->pad_right - p->kernel) / p->stride + 1;
        params.residual = test_activation(&t, "residual", p->n, oh, ow, p->co);
        test_fill_normal(&t, params.residual, 0, 1);
        conv.residual = test_reference(&t, params.residual);
    }
    const tensor_id y = op_conv2d(&t.graph, "y", &params);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_convolution(&expected, test_reference(&t, x), &conv);
    test_expect(&t, y, &expected, sum_limit(&t, terms));
    test_end(&t);
}

static void case_conv(selftest *suite, dtype storage, uint32_t seed)
{
    static const uint32_t kernels[] = { 3, 3, 3, 1 };
    dice d = { seed };
    const uint32_t kernel = kernels[dice_below(&d, 4)], stride = dice_below(&d, 4) == 0 ? 2 : 1;
    const uint32_t pad = kernel / 2, small = dice_below(&d, 2) ? 18 : 35;
    conv_case p = {
        .n = 1 + dice_below(&d, 2),
        .h = dice_size(&d, small),
        .w = dice_size(&d, small),
        .ci = dice_size(&d, small == 18 ? 140 : 40),
        .co = dice_size(&d, small == 18 ? 140 : 40),
        .kernel = kernel,
        .stride = stride,
        .pad_top = pad,
        .pad_left = pad,
        .pad_bottom = pad,
        .pad_right = pad,
        .bias = dice_below(&d, 4) != 0,
        .embedding = dice_below(&d, 3) == 0,
        .residual = dice_below(&d, 3) == 0,
        .silu = dice_below(&d, 4) == 0,
    };
    if (stride == 2 && kernel == 3 && p.h > 1 && p.w > 1 && dice_below(&d, 2))
        p.pad_top = p.pad_left = 0; /* diffusers' Downsample2D with padding 0 */
    char kind[32];
    snprintf(kind, sizeof kind, " seed %u", seed);
    run_conv(suite, storage, &p, kind);
}

/* ---- linear -------------------------------------------------------------------------------- */

/* The stacked weights of a linear op as one [count * co, ci] matrix for the reference. */
static const double *stacked(test *t, const char *const *keys, uint32_t count, size_t each,
                             double mean, double sigma)
{
    double *all = test_alloc(t, count * each, sizeof *all);
    for (uint32_t i = 0; i < count; ++i) {
        const double *one = test_weight(t, keys[i], each, mean, sigma);
        for (size_t j = 0; j < each; ++j)
            all[i * each + j] = one[j];
    }
    return all;
}

static void case_linear(selftest *suite, dtype storage, uint32_t seed)
{
    static const char *const weights[] = { "q.w", "k.w", "v.w" }, *const biases[] = { "q.b", "k.b",
                                                                                      "v.b" };
    dice d = { seed };
    const bool few = dice_below(&d, 2); /* rows: the other shader */
    const uint32_t n = 1 + dice_below(&d, 3), h = few ? 1 + dice_below(&d, 5) : dice_size(&d, 65);
    const uint32_t w = few ? 1 : dice_size(&d, 5), ci = dice_size(&d, 260), co = dice_size(&d, 132);
    const uint32_t count = dice_below(&d, 3) == 0 ? 3 : 1;
    const bool bias = dice_below(&d, 3) != 0, residual = dice_below(&d, 3) == 0;
    const bool silu = dice_below(&d, 4) == 0;
    test t;
    if (!test_begin(&t, suite, storage, "linear %s [%u, %u, %u, %u] -> %u x %u%s%s%s seed %u",
                    test_storage_name(storage), n, h, w, ci, count, co, bias ? " bias" : "",
                    residual ? " residual" : "", silu ? " silu" : "", seed))
        return;
    linear_params params = {
        .count = count,
        .residual = NO_TENSOR,
        .out_channels = co,
        .activation = silu ? ACTIVATION_SILU : ACTIVATION_NONE,
    };
    for (uint32_t i = 0; i < count; ++i) {
        params.weights[i] = weights[i];
        params.biases[i] = bias ? biases[i] : NULL;
    }
    params.x = test_activation(&t, "x", n, h, w, ci);
    test_fill_normal(&t, params.x, 0, 1);
    convolution conv = { .kernel = 1, .stride = 1, .silu = silu };
    conv.weight = stacked(&t, weights, count, (size_t)co * ci, 0, 1 / sqrt(ci));
    conv.bias = bias ? stacked(&t, biases, count, co, 0, 1) : NULL;
    if (residual) {
        params.residual = test_activation(&t, "residual", n, h, w, count * co);
        test_fill_normal(&t, params.residual, 0, 1);
        conv.residual = test_reference(&t, params.residual);
    }
    const tensor_id y = op_linear(&t.graph, "y", &params);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_convolution(&expected, test_reference(&t, params.x), &conv);
    test_expect(&t, y, &expected, sum_limit(&t, ci));
    test_end(&t);
}

void cases_convolution(selftest *suite)
{
    for (dtype storage = DTYPE_F32; storage <= DTYPE_F16; ++storage) {
        for (uint32_t seed = 1; seed <= SEEDS; ++seed) {
            case_conv(suite, storage, seed);
            case_linear(suite, storage, seed);
        }
        run_conv(suite, storage,
                 &(conv_case){ .n = 1,
                               .h = 16,
                               .w = 16,
                               .ci = 64,
                               .co = 64,
                               .kernel = 3,
                               .stride = 1,
                               .pad_top = 1,
                               .pad_left = 1,
                               .pad_bottom = 1,
                               .pad_right = 1,
                               .bias = true,
                               .embedding = true,
                               .residual = true,
                               .repeats = 100 },
                 " 100 times");
        run_conv(suite, storage,
                 &(conv_case){ .n = 2,
                               .h = 8,
                               .w = 8,
                               .ci = 512,
                               .co = 33,
                               .kernel = 3,
                               .stride = 1,
                               .pad_top = 1,
                               .pad_left = 1,
                               .pad_bottom = 1,
                               .pad_right = 1 },
                 "");
        run_conv(suite, storage,
                 &(conv_case){ .n = 1,
                               .h = 12,
                               .w = 9,
                               .ci = 5,
                               .co = 6,
                               .kernel = 5,
                               .stride = 2,
                               .pad_top = 2,
                               .pad_left = 1,
                               .pad_bottom = 3,
                               .pad_right = 0,
                               .bias = true },
                 "");
    }
}
