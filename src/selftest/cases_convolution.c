/* conv2d. */
#include "selftest/references.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SEEDS = 50 };

/* Of a convolution, after reference_convolution; Winograd's adds up other terms. Inputs pass the
 * transform's two dimensions with four roundings each, products are summed over ci, and the way
 * back has six roundings a dimension; the rest is for bias, embedding, residual and activation. In
 * float16 the transformed weights are rounded, too. */
static test_limits convolution_limit(const test *t, reference *expected, const reference *x,
                                     const convolution *c)
{
    const graph *g = &t->graph;
    const char *variant = g->node_count ? graph_variant(g, &g->nodes[g->node_count - 1]) : NULL;
    if (!variant || strncmp(variant, "winograd", 8) != 0)
        return sum_limit(t, x->c * c->kernel * c->kernel);
    const uint32_t tile = (uint32_t)(variant[8] - '0');
    reference_winograd_magnitude(expected, x, c, tile);
    const bool half = g->storage == DTYPE_F16;
    for (size_t i = 0; i < reference_count(expected) && half; ++i)
        expected->magnitude[i] *= 2;
    test_limits limit = sum_limit(t, x->c + 8 + 12 + 4);
    limit.nmse *= half ? 1 + reference_winograd_noise(tile) : 1;
    return limit;
}

typedef struct conv_case {
    uint32_t n, h, w, ci, co, kernel, stride;
    uint32_t pad_top, pad_left, pad_bottom, pad_right;
    bool bias, embedding, residual;
    activation activation;
    uint32_t repeats;
    uint64_t bound; /* bytes of a tensor that are bound at a time; 0: all */
} conv_case;

/* The output is as large as the input. */
static conv_case conv_3x3(uint32_t n, uint32_t h, uint32_t w, uint32_t ci, uint32_t co)
{
    return (conv_case){ .n = n,
                        .h = h,
                        .w = w,
                        .ci = ci,
                        .co = co,
                        .kernel = 3,
                        .stride = 1,
                        .pad_top = 1,
                        .pad_left = 1,
                        .pad_bottom = 1,
                        .pad_right = 1 };
}

static void run_conv(selftest *suite, dtype storage, const conv_case *p, const char *kind)
{
    test t;
    if (!test_begin(&t, suite, storage,
                    "conv2d %s [%u, %u, %u, %u] -> %u %ux%u s%u pad %u%u%u%u%s%s%s%s%s",
                    test_storage_name(storage), p->n, p->h, p->w, p->ci, p->co, p->kernel,
                    p->kernel, p->stride, p->pad_top, p->pad_left, p->pad_bottom, p->pad_right,
                    p->bias ? " bias" : "", p->embedding ? " embedding" : "",
                    p->residual ? " residual" : "", activation_name(p->activation), kind))
        return;
    t.repeats = p->repeats;
    if (p->bound)
        test_bind_at_most(&t, p->bound);
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
        .activation = p->activation,
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
        .activation = p->activation,
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
    if (test_skip(&t))
        return;
    reference expected = reference_like(&t, y);
    reference_convolution(&expected, test_reference(&t, x), &conv);
    test_expect(&t, y, &expected, convolution_limit(&t, &expected, test_reference(&t, x), &conv));
    test_end(&t);
}

/* 3x3 with stride 1, as Winograd's wants it: from one pixel to more tiles than a band has, which
 * end anywhere in an image. */
static void case_conv_tiles(selftest *suite, dtype storage)
{
    static const conv_case shapes[] = {
        { .n = 1, .h = 1, .w = 1, .ci = 1, .co = 9 },
        { .n = 3, .h = 2, .w = 3, .ci = 17, .co = 12, .embedding = true },
        { .n = 1, .h = 4, .w = 5, .ci = 31, .co = 33, .bias = true, .residual = true },
        { .n = 3, .h = 7, .w = 9, .ci = 5, .co = 64, .embedding = true, .residual = true },
        { .n = 2, .h = 3, .w = 37, .ci = 256, .co = 10, .bias = true },
        { .n = 1, .h = 33, .w = 32, .ci = 66, .co = 20, .bias = true, .embedding = true },
        { .n = 3,
          .h = 33,
          .w = 35,
          .ci = 130,
          .co = 13,
          .bias = true,
          .embedding = true,
          .residual = true },
        { .n = 1, .h = 61, .w = 65, .ci = 125, .co = 12, .residual = true },
    };
    for (uint32_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
        for (uint32_t pad = 0; pad <= 2; ++pad) {
            conv_case p = shapes[i];
            if (pad != 1 && (p.h * p.w < 20 || p.h * p.w > 100))
                continue;
            p.kernel = 3;
            p.stride = 1;
            p.pad_top = p.pad_left = pad;
            p.pad_bottom = p.pad_right = pad == 0 ? 0 : 1;
            p.activation =
                (activation[]){ ACTIVATION_NONE, ACTIVATION_SILU, ACTIVATION_RELU }[i % 3];
            run_conv(suite, storage, &p, " tiles");
        }
}

/* Bytes that a device binds of rows as wide as these, from anywhere on; test_activation makes a
 * pixel up to 24 channels wider. */
static uint64_t rows_bytes(uint32_t rows, uint32_t w, uint32_t channels, dtype storage)
{
    return GPU_ALIGNMENT + (uint64_t)rows * w * (ceil4(channels) + 24) * dtype_bytes(storage);
}

/* Tensors that are larger than what is bound: of one image and of several, whose rows end anywhere
 * between multiples of GPU_ALIGNMENT, and as many as the last band may have. */
static void case_conv_bands(selftest *suite, dtype storage)
{
    static const conv_case shapes[] = {
        { .n = 1, .h = 23, .w = 9, .ci = 7, .co = 20, .kernel = 3, .stride = 1, .bias = true },
        { .n = 2, .h = 9, .w = 13, .ci = 21, .co = 13, .kernel = 3, .stride = 1 },
        { .n = 2, .h = 8, .w = 17, .ci = 5, .co = 33, .kernel = 1, .stride = 1, .bias = true },
        { .n = 1, .h = 41, .w = 11, .ci = 10, .co = 9, .kernel = 3, .stride = 2, .bias = true },
        { .n = 1, .h = 37, .w = 6, .ci = 6, .co = 5, .kernel = 5, .stride = 1 },
    };
    for (uint32_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
        for (uint32_t pad = 0; pad <= shapes[i].kernel / 2; ++pad) {
            conv_case p = shapes[i];
            p.pad_top = p.pad_left = pad;
            p.pad_bottom = p.pad_right = p.kernel / 2;
            p.embedding = i % 2 == 0;
            p.residual = i % 2 == pad % 2;
            p.activation = pad ? ACTIVATION_SILU : ACTIVATION_NONE;
            const uint32_t channels = p.ci > p.co ? p.ci : p.co, rows = 3 * p.stride + p.kernel;
            p.bound = rows_bytes(rows, p.w, channels, storage);
            run_conv(suite, storage, &p, " in bands");
        }
    /* large enough for Winograd's own bands in each of these */
    conv_case large = conv_3x3(1, 50, 52, 456, 9);
    large.bias = true;
    large.bound = 4300000;
    if (storage == DTYPE_F32)
        run_conv(suite, storage, &large, " in bands");
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
        .activation = dice_activation(&d),
    };
    if (stride == 2 && kernel == 3 && p.h > 1 && p.w > 1 && dice_below(&d, 2))
        p.pad_top = p.pad_left = 0; /* diffusers' Downsample2D with padding 0 */
    char kind[32];
    snprintf(kind, sizeof kind, " seed %u", seed);
    run_conv(suite, storage, &p, kind);
}

/* The input enlarged first, or the residual, or both. */
static void case_conv_upsample(selftest *suite, dtype storage, uint32_t seed, bool bands)
{
    dice d = { seed };
    const uint32_t n = 1 + dice_below(&d, 2), h = dice_size(&d, 18), w = dice_size(&d, 18);
    const uint32_t ci = dice_size(&d, 70), co = dice_size(&d, 70), terms = 9 * ci;
    const bool embedding = dice_below(&d, 3) == 0;
    const uint32_t which = dice_below(&d, 4);
    const bool residual = which > 0, upsample = which<3, upsample_residual = which> 1;
    test t;
    if (!test_begin(&t, suite, storage, "conv2d %s [%u, %u, %u, %u] -> %u%s%s%s%s seed %u",
                    test_storage_name(storage), n, h, w, ci, co, upsample ? " upsample" : "",
                    embedding ? " embedding" : "",
                    upsample_residual ? " upsampled residual"
                    : residual        ? " residual"
                                      : "",
                    bands ? " in bands" : "", seed))
        return;
    if (bands)
        test_bind_at_most(&t, rows_bytes(7, 2 * w, ci > co ? ci : co, storage));
    /* x, and all that has not been enlarged, has h * w pixels; the result has four times as many */
    const tensor_id x = upsample ? test_activation(&t, "x", n, h, w, ci)
                                 : test_activation(&t, "x", n, 2 * h, 2 * w, ci);
    test_fill_normal(&t, x, 0, 1);
    conv2d_params params = conv2d_same(x, "w", "b", co, 3);
    params.upsample = upsample;
    params.upsample_residual = upsample_residual;
    convolution conv = {
        .weight = test_weight(&t, "w", (size_t)co * terms, 0, 1 / sqrt(terms)),
        .bias = test_weight(&t, "b", co, 0, 1),
        .kernel = 3,
        .stride = 1,
        .pad_top = 1,
        .pad_left = 1,
    };
    if (embedding) {
        params.embedding = test_activation(&t, "embedding", n, 1, 1, co);
        test_fill_normal(&t, params.embedding, 0, 1);
        conv.embedding = test_reference(&t, params.embedding);
    }
    reference enlarged = reference_make(&t, n, 2 * h, 2 * w, ci);
    reference enlarged_residual = reference_make(&t, n, 2 * h, 2 * w, co);
    if (upsample)
        reference_upsample(&enlarged, test_reference(&t, x));
    if (residual) {
        params.residual = upsample_residual ? test_activation(&t, "residual", n, h, w, co)
                                            : test_activation(&t, "residual", n, 2 * h, 2 * w, co);
        test_fill_normal(&t, params.residual, 0, 1);
        if (upsample_residual)
            reference_upsample(&enlarged_residual, test_reference(&t, params.residual));
        conv.residual =
            upsample_residual ? &enlarged_residual : test_reference(&t, params.residual);
    }
    const tensor_id y = op_conv2d(&t.graph, "y", &params);
    test_slice_output(&t, y);
    if (test_skip(&t))
        return;
    reference expected = reference_like(&t, y);
    const reference *input = upsample ? &enlarged : test_reference(&t, x);
    reference_convolution(&expected, input, &conv);
    /* sums of weights are rounded to float16 once more, each by as much as a result is */
    for (size_t i = 0; i < reference_count(&expected) && upsample && storage == DTYPE_F16; ++i)
        expected.magnitude[i] *= 2;
    test_expect(&t, y, &expected, convolution_limit(&t, &expected, input, &conv));
    test_end(&t);
}

/* As torch.relu: NaN stays NaN. One channel, so that infinity meets no weight that is zero. */
static void case_relu_extremes(selftest *suite, dtype storage)
{
    const double top = storage == DTYPE_F16 ? 65504 : 1e38;
    const double values[] = { 0, -0.0, 1, -1, top, -top, INFINITY, -INFINITY, NAN };
    const uint32_t count = sizeof values / sizeof *values;
    test t;
    if (!test_begin(&t, suite, storage, "conv2d %s relu at 0, +-inf, NaN",
                    test_storage_name(storage)))
        return;
    const tensor_id x = test_activation(&t, "x", 1, 1, count, 1);
    test_fill(&t, x, values);
    const convolution conv = { .weight = test_weight(&t, "w", 4, 1, 0),
                               .kernel = 1,
                               .stride = 1,
                               .activation = ACTIVATION_RELU };
    conv2d_params params = conv2d_same(x, "w", NULL, 4, 1);
    params.activation = ACTIVATION_RELU;
    const tensor_id y = op_conv2d(&t.graph, "y", &params);
    reference expected = reference_like(&t, y);
    reference_convolution(&expected, test_reference(&t, x), &conv);
    test_expect(&t, y, &expected, sum_limit(&t, 1));
    test_end(&t);
}

void cases_convolution(selftest *suite)
{
    for (dtype storage = DTYPE_F32; storage <= DTYPE_F16; ++storage) {
        for (uint32_t seed = 1; seed <= SEEDS; ++seed) {
            case_conv(suite, storage, seed);
            case_conv_upsample(suite, storage, seed, false);
        }
        case_relu_extremes(suite, storage);
        case_conv_tiles(suite, storage);
        case_conv_bands(suite, storage);
        for (uint32_t seed = 1; seed <= 8; ++seed)
            case_conv_upsample(suite, storage, seed, true);
        conv_case again = conv_3x3(1, 16, 16, 64, 64);
        again.bias = again.embedding = again.residual = true;
        again.repeats = 100;
        run_conv(suite, storage, &again, " 100 times");
        const conv_case wide = conv_3x3(2, 8, 8, 512, 33);
        run_conv(suite, storage, &wide, "");
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
