#include "selftest/references.h"

#include "core/half.h"

#include <math.h>
#include <stdio.h>

/* ---- references ------------------------------------------------------------------------------ */

typedef struct normalization {
    const double *weight, *bias;
    const reference *scale_shift; /* [n, 1, 1, 2c] */
    uint32_t groups;
    double eps;
    activation activation;
} normalization;

static void reference_group_norm(reference *out, const reference *in, const normalization *norm)
{
    const uint32_t size = in->c / norm->groups;
    const double count = (double)in->h * in->w * size;
    for (uint32_t n = 0; n < in->n; ++n)
        for (uint32_t group = 0; group < norm->groups; ++group) {
            double mean = 0, variance = 0;
            for (uint32_t y = 0; y < in->h; ++y)
                for (uint32_t x = 0; x < in->w; ++x)
                    for (uint32_t c = group * size; c < (group + 1) * size; ++c)
                        mean += reference_at(in, n, y, x, c) / count;
            for (uint32_t y = 0; y < in->h; ++y)
                for (uint32_t x = 0; x < in->w; ++x)
                    for (uint32_t c = group * size; c < (group + 1) * size; ++c)
                        variance += pow(reference_at(in, n, y, x, c) - mean, 2) / count;
            const double rstd = 1 / sqrt(variance + norm->eps);
            for (uint32_t y = 0; y < in->h; ++y)
                for (uint32_t x = 0; x < in->w; ++x)
                    for (uint32_t c = group * size; c < (group + 1) * size; ++c) {
                        const double scaled =
                            (reference_at(in, n, y, x, c) - mean) * rstd * norm->weight[c];
                        const reference *s = norm->scale_shift;
                        const double scale = 1 + (s ? reference_at(s, n, 0, 0, c) : 0);
                        const double shift = s ? reference_at(s, n, 0, 0, in->c + c) : 0;
                        const double value = (scaled + norm->bias[c]) * scale + shift;
                        /* every value of a group takes part in its mean: one deviation each */
                        const double magnitude =
                            (fabs(scaled) + fabs(norm->weight[c]) + fabs(norm->bias[c])) *
                                fabs(scale) +
                            fabs(shift);
                        reference_set(out, n, y, x, c,
                                      reference_activation(norm->activation, value),
                                      activation_steepness(norm->activation) * magnitude);
                    }
        }
}

/* ---- cases ----------------------------------------------------------------------------------- */

enum { SEEDS = 50 };

typedef struct norm_case {
    uint32_t n, h, w, c, groups;
    bool scale_shift;
    activation activation;
    double mean, sigma;
    uint32_t repeats;
    uint64_t bound; /* bytes of a tensor that are bound at a time; 0: all */
} norm_case;

static void expect_norm(test *t, tensor_id x, tensor_id scale_shift, const norm_case *p,
                        test_limits limits)
{
    const normalization norm = {
        .weight = test_weight(t, "norm.weight", p->c, 1, 0.2),
        .bias = test_weight(t, "norm.bias", p->c, 0, 0.2),
        .scale_shift = scale_shift == NO_TENSOR ? NULL : test_reference(t, scale_shift),
        .groups = p->groups,
        .eps = 1e-5,
        .activation = p->activation,
    };
    const tensor_id y = op_group_norm(&t->graph, "norm",
                                      &(group_norm_params){ .x = x,
                                                            .weight = "norm.weight",
                                                            .bias = "norm.bias",
                                                            .scale_shift = scale_shift,
                                                            .groups = p->groups,
                                                            .eps = 1e-5f,
                                                            .activation = p->activation });
    test_slice_output(t, y);
    reference expected = reference_like(t, y);
    reference_group_norm(&expected, test_reference(t, x), &norm);
    test_expect(t, y, &expected, limits);
}

static void run_case(selftest *suite, dtype storage, const norm_case *p, const char *kind)
{
    test t;
    if (!test_begin(&t, suite, storage, "group_norm %s [%u, %u, %u, %u] %u groups%s%s%s",
                    test_storage_name(storage), p->n, p->h, p->w, p->c, p->groups,
                    p->scale_shift ? " scale-shift" : "", activation_name(p->activation), kind))
        return;
    if (p->bound)
        test_bind_at_most(&t, p->bound);
    const tensor_id x = test_activation(&t, "x", p->n, p->h, p->w, p->c);
    test_fill_normal(&t, x, p->mean, p->sigma);
    tensor_id scale_shift = NO_TENSOR;
    if (p->scale_shift) {
        scale_shift = test_activation(&t, "scale_shift", p->n, 1, 1, 2 * p->c);
        test_fill_normal(&t, scale_shift, 0, 0.5);
    }
    t.repeats = p->repeats;
    expect_norm(&t, x, scale_shift, p, test_limit(&t, 1e-10, 3e-7, 64));
    test_end(&t);
}

static void case_random(selftest *suite, dtype storage, uint32_t seed)
{
    dice d = { seed };
    const uint32_t groups = dice_size(&d, 33), per_group = dice_size(&d, groups > 8 ? 12 : 48);
    const norm_case p = {
        .n = 1 + dice_below(&d, 3),
        .h = dice_size(&d, 33),
        .w = 1 + dice_size(&d, 20),
        .c = groups * per_group,
        .groups = groups,
        .scale_shift = dice_below(&d, 2),
        .activation = (activation)dice_below(&d, ACTIVATION_COUNT),
        .mean = 4 * dice_uniform(&d) - 2,
        .sigma = 1,
    };
    char kind[32];
    snprintf(kind, sizeof kind, " seed %u", seed);
    run_case(suite, storage, &p, kind);
}

/* ---- O6: many values, far from zero -------------------------------------------------------- */

/* Without weight and bias in the way: the mean of the result is 0 and its deviation 1. */
static void check_moments(test *t, char *message, size_t size)
{
    const tensor_id y = *(const tensor_id *)t->check_data;
    const tensor *s = graph_tensor(&t->graph, y);
    double sum = 0, squares = 0;
    const double count = (double)s->h * s->w * s->c;
    for (uint32_t i = 0; i < s->h; ++i)
        for (uint32_t j = 0; j < s->w; ++j)
            for (uint32_t c = 0; c < s->c; ++c) {
                const double value = test_result(t, y, 0, i, j, c);
                sum += value;
                squares += value * value;
            }
    const double mean = sum / count, deviation = sqrt(squares / count - mean * mean);
    if (!(fabs(mean) <= 1e-3) || !(fabs(deviation - 1) <= 1e-3))
        snprintf(message, size, "the mean is %.3g and the deviation %.9g", mean, deviation);
}

static void case_large(selftest *suite, dtype storage, uint32_t size, double sigma, bool outlier)
{
    /* one group of 4 channels: size^2 * 4 values */
    test t;
    if (!test_begin(&t, suite, storage, "group_norm %s %u values mean 1000 deviation %g%s",
                    test_storage_name(storage), 4 * size * size, sigma,
                    outlier ? " first value 0" : ""))
        return;
    const tensor_id x = test_activation(&t, "x", 1, size, size, 4);
    test_fill_normal(&t, x, 1000, sigma);
    if (outlier)
        ((float *)t.tensors[x].values)[0] = 0;
    double *one = (double *)test_weight(&t, "one", 4, 1, 0);
    double *zero = (double *)test_weight(&t, "zero", 4, 0, 0);
    const normalization norm = { .weight = one, .bias = zero, .groups = 1, .eps = 1e-12 };
    tensor_id *y = test_alloc(&t, 1, sizeof *y);
    *y = op_group_norm(&t.graph, "norm",
                       &(group_norm_params){ .x = x,
                                             .weight = "one",
                                             .bias = "zero",
                                             .scale_shift = NO_TENSOR,
                                             .groups = 1,
                                             .eps = 1e-12f });
    reference expected = reference_like(&t, *y);
    reference_group_norm(&expected, test_reference(&t, x), &norm);
    test_limits limits = test_limit(&t, 1e-9, 3e-7, 8);
    limits.absolute = 1e-2;
    test_expect(&t, *y, &expected, limits);
    if (!outlier) {
        t.check = check_moments;
        t.check_data = y;
    }
    test_end(&t);
}

/* ---- the rounding to float16, seen through betas of which nothing else is in y -------------- */

static void case_rounding(selftest *suite, dtype storage)
{
    static const float values[] = {
        0.0f,          0x1p-24f,      0x1p-25f,        0x1.000002p-25f, 0x1.8p-24f, 0x1.4p-23f,
        0x1.ffcp-15f,  0x1.ffep-15f,  0x1.fff002p-15f, 0x1p-14f,        0x1.002p0f, 0x1.006p0f,
        0x1.001ffep0f, 0x1.002002p0f, 0x1.ffep0f,      3.14159274f,     65504,      65519.996f,
        65520,         65536,         1e30f,           INFINITY,        NAN,        0x1p-126f,
    };
    enum { VALUES = sizeof values / sizeof *values, CHANNELS = 2 * VALUES };
    test t;
    if (!test_begin(&t, suite, storage, "group_norm %s rounding", test_storage_name(storage)))
        return;
    const tensor_id x = test_activation(&t, "x", 1, 3, 3, CHANNELS);
    test_fill_normal(&t, x, 0, 1);
    test_weight(&t, "zero", CHANNELS, 0, 0);
    test_weight(&t, "values", CHANNELS, 0, 0);
    for (uint32_t i = 0; i < CHANNELS; ++i)
        t.weights[1].values[i] = i % 2 ? -values[i / 2] : values[i / 2];
    const tensor_id y = op_group_norm(&t.graph, "norm",
                                      &(group_norm_params){ .x = x,
                                                            .weight = "zero",
                                                            .bias = "values",
                                                            .scale_shift = NO_TENSOR,
                                                            .groups = 1,
                                                            .eps = 1e-5f });
    reference expected = reference_like(&t, y);
    for (size_t i = 0; i < reference_count(&expected); ++i) {
        const float value = t.weights[1].values[i % CHANNELS];
        expected.value[i] = storage == DTYPE_F16 ? float_from_half(half_from_float(value)) : value;
        expected.magnitude[i] = fabs(expected.value[i]);
    }
    test_limits limits = test_limit(&t, 0, 1e-6, 0);
    limits.exact = test_device_limits(suite)->cpu; /* others may flush small numbers to zero */
    limits.absolute = 0x1p-126;
    test_expect(&t, y, &expected, limits);
    test_end(&t);
}

void cases_group_norm(selftest *suite)
{
    for (dtype storage = DTYPE_F32; storage <= DTYPE_F16; ++storage) {
        for (uint32_t seed = 1; seed <= SEEDS; ++seed)
            case_random(suite, storage, seed);
        case_rounding(suite, storage);
        for (uint32_t size = 64; size <= 512; size *= size == 64 ? 2 : 4) {
            /* float16 has steps of 0.5 at 1000 */
            case_large(suite, storage, size, storage == DTYPE_F16 ? 10 : 1e-2, false);
            case_large(suite, storage, size, storage == DTYPE_F16 ? 10 : 1e3, false);
        }
        case_large(suite, storage, 64, 1, true);
        /* where eps decides: hardly any deviation, and none */
        run_case(suite, storage,
                 &(norm_case){ .n = 1, .h = 7, .w = 5, .c = 40, .groups = 8, .sigma = 2e-3 },
                 " deviation 0.002");
        run_case(
            suite, storage,
            &(norm_case){ .n = 1, .h = 7, .w = 5, .c = 40, .groups = 8, .mean = 1, .sigma = 0 },
            " constant");
        run_case(suite, storage,
                 &(norm_case){ .n = 2,
                               .h = 16,
                               .w = 16,
                               .c = 96,
                               .groups = 32,
                               .scale_shift = true,
                               .activation = ACTIVATION_SILU,
                               .sigma = 1,
                               .repeats = 100 },
                 " 100 times");
        run_case(suite, storage,
                 &(norm_case){ .n = 1,
                               .h = 67,
                               .w = 61,
                               .c = 38,
                               .groups = 1,
                               .scale_shift = true,
                               .activation = ACTIVATION_SILU,
                               .mean = 3,
                               .sigma = 1 },
                 " chunks");
        /* bands of one chunk each, and of several, which begin anywhere between multiples of
         * GPU_ALIGNMENT */
        for (uint32_t n = 1; n <= 2; ++n)
            run_case(suite, storage,
                     &(norm_case){ .n = n,
                                   .h = n == 1 ? 67 : 19,
                                   .w = 61,
                                   .c = 38,
                                   .groups = 19,
                                   .scale_shift = true,
                                   .activation = ACTIVATION_SILU,
                                   .mean = 3,
                                   .sigma = 1,
                                   .bound = (n == 1 ? 300000 : 160000) / 4 * dtype_bytes(storage) },
                     " in bands");
        run_case(suite, storage,
                 &(norm_case){ .n = 1, .h = 2, .w = 3, .c = 1280, .groups = 1, .sigma = 1 }, "");
        /* more pixels than llvmpipe lets a lane go over */
        for (uint32_t c = 128; c <= 256; c *= 2)
            run_case(suite, storage,
                     &(norm_case){ .n = 1, .h = 256, .w = 256, .c = c, .groups = 32, .sigma = 1 },
                     "");
    }
}
