/* linear: products of one input, by themselves or side by side. */
#include "ops/conv2d_packing.h"
#include "selftest/references.h"

#include <math.h>

enum { SEEDS = 50 };

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

/* bands: the tensors are larger than what is bound of them. */
static void case_linear(selftest *suite, dtype storage, uint32_t seed, bool bands)
{
    static const char *const weights[] = { "q.w", "k.w", "v.w" }, *const biases[] = { "q.b", "k.b",
                                                                                      "v.b" };
    dice d = { seed };
    const bool few = !bands && dice_below(&d, 2); /* rows: the other shader */
    const uint32_t n = 1 + dice_below(&d, 3),
                   h = few ? 1 + dice_below(&d, 5) : (bands ? 60 : 0) + dice_size(&d, 65);
    const uint32_t w = few ? 1 : dice_size(&d, 5), ci = dice_size(&d, 260), co = dice_size(&d, 132);
    const uint32_t count = dice_below(&d, 3) == 0 ? 3 : 1;
    const bool bias = dice_below(&d, 3) != 0, residual = dice_below(&d, 3) == 0;
    const activation activation = dice_activation(&d);
    test t;
    if (!test_begin(&t, suite, storage, "linear %s [%u, %u, %u, %u] -> %u x %u%s%s%s%s seed %u",
                    test_storage_name(storage), n, h, w, ci, count, co, bias ? " bias" : "",
                    residual ? " residual" : "", activation_name(activation),
                    bands ? " in bands" : "", seed))
        return;
    linear_params params = {
        .count = count,
        .residual = NO_TENSOR,
        .out_channels = co,
        .activation = activation,
    };
    for (uint32_t i = 0; i < count; ++i) {
        params.weights[i] = weights[i];
        params.biases[i] = bias ? biases[i] : NULL;
    }
    params.x = test_activation(&t, "x", n, h, w, ci);
    test_fill_normal(&t, params.x, 0, 1);
    convolution conv = { .kernel = 1, .stride = 1, .activation = activation };
    conv.weight = stacked(&t, weights, count, (size_t)co * ci, 0, 1 / sqrt(ci));
    conv.bias = bias ? stacked(&t, biases, count, co, 0, 1) : NULL;
    if (residual) {
        params.residual = test_activation(&t, "residual", n, h, w, count * co);
        test_fill_normal(&t, params.residual, 0, 1);
        conv.residual = test_reference(&t, params.residual);
    }
    if (bands)
        test_bind_pixels(&t, h / 3 * w, count * co);
    const tensor_id y = op_linear(&t.graph, "y", &params);
    test_slice_output(&t, y);
    if (test_skip(&t))
        return;
    reference expected = reference_like(&t, y);
    reference_convolution(&expected, test_reference(&t, params.x), &conv);
    test_expect(&t, y, &expected, sum_limit(&t, ci));
    test_end(&t);
}

enum { STACK_MAX = 4, STACK_CHANNELS_MAX = 70 };

/* No more than the weights of the widest product of a stack, and its activations, n pixels. */
static void bind_product(test *t, uint32_t n, uint32_t ci)
{
    const bool half = t->graph.storage == DTYPE_F16;
    const uint64_t weights = conv2d_packed_bytes(STACK_CHANNELS_MAX, ci, 1, half);
    const uint64_t pixels =
        (uint64_t)n * STACK_MAX * ceil4(STACK_CHANNELS_MAX) * dtype_bytes(t->graph.storage);
    test_bind_at_most(t, GPU_ALIGNMENT + (weights > pixels ? weights : pixels));
}

/* Products of one input in one dispatch, or in parts where their weights cannot be bound together,
 * of widths that end anywhere, with biases or without. */
static void case_linear_stack(selftest *suite, dtype storage, uint32_t seed, bool bias, bool parts)
{
    static const char *const weights[] = { "0.w", "1.w", "2.w", "3.w" };
    static const char *const biases[] = { "0.b", "1.b", "2.b", "3.b" };
    static const char *const names[] = { "0", "1", "2", "3" };
    dice d = { seed };
    const uint32_t n = 1 + dice_below(&d, 8), ci = dice_size(&d, 130); /* rows: both shaders */
    const uint32_t count = 1 + dice_below(&d, STACK_MAX);
    test t;
    if (!test_begin(&t, suite, storage, "linear %s stack [%u, 1, 1, %u] -> %u products%s%s seed %u",
                    test_storage_name(storage), n, ci, count, bias ? " bias" : "",
                    parts ? " in parts" : "", seed))
        return;
    if (parts)
        bind_product(&t, n, ci);
    const tensor_id x = test_activation(&t, "x", n, 1, 1, ci);
    test_fill_normal(&t, x, 0, 1);
    linear_stack *stack = test_alloc(&t, 1, sizeof *stack);
    reference expected[4];
    tensor_id y[4];
    op_linear_stack_begin(&t.graph, stack, x);
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t co = dice_size(&d, STACK_CHANNELS_MAX);
        const convolution product = {
            .weight = test_weight(&t, weights[i], (size_t)co * ci, 0, 1 / sqrt(ci)),
            .bias = bias ? test_weight(&t, biases[i], co, 0, 1) : NULL,
            .kernel = 1,
            .stride = 1,
        };
        y[i] =
            op_linear_stack_add(&t.graph, stack, names[i], weights[i], bias ? biases[i] : NULL, co);
        expected[i] = reference_like(&t, y[i]);
        reference_convolution(&expected[i], test_reference(&t, x), &product);
    }
    /* a reader: the product must come before it although it is appended after it */
    const tensor_id read = op_activate(&t.graph, "read", y[0], ACTIVATION_SILU);
    reference expected_read = reference_like(&t, read);
    reference_activate(&expected_read, &expected[0], ACTIVATION_SILU);
    for (size_t i = 0; i < reference_count(&expected_read); ++i) /* SiLU's steepest slope is 1.1 */
        expected_read.magnitude[i] += 1.1 * 2 * expected[0].magnitude[i];
    op_linear_stack_end(&t.graph, stack, "stack", NO_TENSOR);
    for (uint32_t i = 0; i < count; ++i)
        test_expect(&t, y[i], &expected[i], sum_limit(&t, ci));
    test_expect(&t, read, &expected_read, sum_limit(&t, ci));
    test_end(&t);
}

/* The same products into a state, and a second stack, which takes its own from there. */
static void case_linear_stack_taken(selftest *suite, dtype storage, uint32_t rows)
{
    static const char *const weights[] = { "0.w", "1.w", "2.w" };
    static const char *const biases[] = { "0.b", "1.b", "2.b" };
    static const uint32_t channels[] = { 7, 64, 5 };
    enum { COUNT = 3, CI = 33, WIDTH = 8 + 64 + 8 };
    test t;
    if (!test_begin(&t, suite, storage, "linear %s stack [%u, 1, 1, %d] taken from a state",
                    test_storage_name(storage), rows, CI))
        return;
    const tensor_id x = test_activation(&t, "x", rows, 1, 1, CI);
    test_fill_normal(&t, x, 0, 1);
    const tensor_id whole = test_state(&t, "whole", storage, rows, 1, 1, WIDTH);
    linear_stack *made = test_alloc(&t, 1, sizeof *made), *taken = test_alloc(&t, 1, sizeof *taken);
    reference expected[COUNT];
    op_linear_stack_begin(&t.graph, made, x);
    for (uint32_t i = 0; i < COUNT; ++i) {
        const convolution product = {
            .weight = test_weight(&t, weights[i], (size_t)channels[i] * CI, 0, 1 / sqrt(CI)),
            .bias = test_weight(&t, biases[i], channels[i], 0, 1),
            .kernel = 1,
            .stride = 1,
        };
        op_linear_stack_add(&t.graph, made, "made", weights[i], biases[i], channels[i]);
        expected[i] = reference_make(&t, rows, 1, 1, channels[i]);
        reference_convolution(&expected[i], test_reference(&t, x), &product);
    }
    op_linear_stack_end(&t.graph, made, "stack", whole);
    const tensor_id copy = op_rescale(&t.graph, "copy", whole, 1, 0);
    op_linear_stack_begin(&t.graph, taken, copy);
    tensor_id y[COUNT];
    for (uint32_t i = 0; i < COUNT; ++i)
        y[i] = op_linear_stack_add(&t.graph, taken, weights[i], weights[i], biases[i], channels[i]);
    op_linear_stack_take(&t.graph, taken);
    for (uint32_t i = 0; i < COUNT; ++i)
        test_expect(&t, y[i], &expected[i], sum_limit(&t, CI));
    test_end(&t);
}

void cases_linear(selftest *suite)
{
    for (dtype storage = DTYPE_F32; storage <= DTYPE_F16; ++storage) {
        for (uint32_t seed = 1; seed <= SEEDS; ++seed) {
            case_linear(suite, storage, seed, false);
            case_linear_stack(suite, storage, seed, true, false);
            case_linear_stack(suite, storage, seed, false, false);
        }
        for (uint32_t seed = 1; seed <= 8; ++seed) {
            case_linear(suite, storage, seed, true);
            case_linear_stack(suite, storage, seed, true, true);
        }
        case_linear_stack_taken(suite, storage, 3);
        case_linear_stack_taken(suite, storage, 40);
    }
}
