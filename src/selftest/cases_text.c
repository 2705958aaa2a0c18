/* What text encoders and transformer blocks add: layer norm, GEGLU, token embedding, blend. */
#include "selftest/references.h"

#include <math.h>

enum { SEEDS = 40 };

/* ---- references ------------------------------------------------------------------------------ */

static void reference_layer_norm(reference *out, const reference *in, const double *weight,
                                 const double *bias, double eps)
{
    REFERENCE_EACH(out)
    {
        double mean = 0, size = 0, variance = 0;
        for (uint32_t i = 0; i < in->c; ++i) {
            mean += reference_at(in, n, y, x, i) / in->c;
            size += fabs(reference_at(in, n, y, x, i)) / in->c;
        }
        for (uint32_t i = 0; i < in->c; ++i)
            variance += pow(reference_at(in, n, y, x, i) - mean, 2) / in->c;
        const double value = reference_at(in, n, y, x, c), scale = 1 / sqrt(variance + eps);
        reference_set(out, n, y, x, c, (value - mean) * scale * weight[c] + bias[c],
                      (fabs(value) + size) * scale * fabs(weight[c]) * (1 + scale * size) +
                          fabs(bias[c]));
    }
}

/* ---- cases ----------------------------------------------------------------------------------- */

/* bands: no more than a third of the pixels is bound at a time. */
static void case_layer_norm(selftest *suite, dtype storage, uint32_t seed, bool bands)
{
    dice d = { seed };
    const uint32_t n = 1 + dice_below(&d, 2), h = dice_size(&d, 20), w = dice_size(&d, 4);
    const uint32_t c = 2 + dice_size(&d, seed % 4 ? 70 : 1300);
    const double mean = seed % 3 ? 0 : 10;
    test t;
    if (!test_begin(&t, suite, storage, "layer_norm %s [%u, %u, %u, %u] mean %g%s seed %u",
                    test_storage_name(storage), n, h, w, c, mean, bands ? " in bands" : "", seed))
        return;
    const tensor_id x = test_activation(&t, "x", n, h, w, c);
    test_fill_normal(&t, x, mean, 1);
    const double *weight = test_weight(&t, "weight", c, 1, 0.3);
    const double *bias = test_weight(&t, "bias", c, 0, 1);
    if (bands)
        test_bind_pixels(&t, n * h * w / 3 + 1, 0);
    const tensor_id y = op_layer_norm(&t.graph, "y", x, "weight", "bias", 1e-5f);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_layer_norm(&expected, test_reference(&t, x), weight, bias, 1e-5);
    test_expect(&t, y, &expected, test_limit(&t, 1e-11, 3e-7, 16));
    test_end(&t);
}

static void case_geglu(selftest *suite, dtype storage, uint32_t seed, bool bands)
{
    dice d = { seed };
    const uint32_t images = 1 + dice_below(&d, 2), h = dice_size(&d, 20),
                   half = 4 * dice_size(&d, 40);
    test t;
    if (!test_begin(&t, suite, storage, "geglu %s [%u, %u, 1, 2 x %u]%s seed %u",
                    test_storage_name(storage), images, h, half, bands ? " in bands" : "", seed))
        return;
    const tensor_id in = test_activation(&t, "x", images, h, 1, 2 * half);
    test_fill_normal(&t, in, 0, 2);
    if (bands)
        test_bind_pixels(&t, images * h / 3 + 1, 0);
    const tensor_id out = op_geglu(&t.graph, "y", in);
    test_slice_output(&t, out);
    reference expected = reference_like(&t, out);
    REFERENCE_EACH(&expected)
    {
        const double value = reference_at(test_reference(&t, in), n, y, x, c);
        const double gate = reference_at(test_reference(&t, in), n, y, x, c + half);
        reference_set(&expected, n, y, x, c, value * reference_activation(ACTIVATION_GELU, gate),
                      fabs(value * gate));
    }
    test_expect(&t, out, &expected, test_limit(&t, 1e-11, 3e-7, 16));
    test_end(&t);
}

/* outside: the first id is past the table, and its token NaN. parts: no more than so many rows of
 * the table are bound at a time; 0: all. */
static void case_tokens(selftest *suite, dtype storage, uint32_t seed, bool outside, uint32_t parts)
{
    dice d = { seed };
    const uint32_t n = 1 + dice_below(&d, 2), tokens = dice_size(&d, 77);
    const uint32_t c = outside ? 8 : dice_size(&d, 200);
    const uint32_t count = dice_size(&d, 60), positions = tokens + dice_below(&d, 3);
    test t;
    if (!test_begin(&t, suite, storage, "token_embedding %s [%u, %u, %u] of %u%s, %u seed %u",
                    test_storage_name(storage), n, tokens, c, count, outside ? " outside" : "",
                    parts, seed))
        return;
    uint32_t *values = test_alloc(&t, (size_t)n * tokens, sizeof *values);
    for (uint32_t i = 0; i < n * tokens; ++i)
        values[i] = outside && i == 0 ? count : i == 1 ? count - 1 : dice_below(&d, count);
    const tensor_id ids = test_state(&t, "ids", DTYPE_U32, n, 1, 1, tokens);
    test_fill_u32(&t, ids, values);
    const double *table = test_weight(&t, "table", (size_t)count * c, 0, 1);
    const double *position = test_weight(&t, "positions", (size_t)positions * c, 0, 1);
    const token_embedding_params params = { ids, "table", "positions", count, positions, c };
    const gpu_limits *device = t.graph.limits;
    if (parts)
        test_bind_at_most(&t, (uint64_t)parts * ceil4(c) * dtype_bytes(storage));
    const tensor_id y = op_token_embedding(&t.graph, "y", &params);
    t.graph.limits = device; /* y is larger */
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    for (uint32_t i = 0; i < n * tokens; ++i)
        for (uint32_t j = 0; j < c; ++j) {
            const double row = values[i] < count ? table[(size_t)values[i] * c + j] : NAN;
            const double value = row + position[(size_t)(i % tokens) * c + j];
            expected.value[(size_t)i * c + j] = value;
            expected.magnitude[(size_t)i * c + j] = fabs(value);
        }
    test_expect(&t, y, &expected, test_limit(&t, 1e-12, 3e-7, 1));
    test_end(&t);
}

/* outside: the first position is past the last token, and what is found there NaN. */
static void case_token_at(selftest *suite, dtype storage, uint32_t seed, bool outside)
{
    dice d = { seed };
    const uint32_t texts = 1 + dice_below(&d, 4), tokens = dice_size(&d, 77);
    const uint32_t width = outside ? 8 : dice_size(&d, 600), rows = texts + seed % 4;
    test t;
    if (!test_begin(&t, suite, storage, "token_at %s [%u, %u, %u] -> %u%s seed %u",
                    test_storage_name(storage), texts, tokens, width, rows,
                    outside ? " outside" : "", seed))
        return;
    uint32_t *values = test_alloc(&t, rows, sizeof *values);
    for (uint32_t i = 0; i < rows; ++i)
        values[i] = outside && i == 0 ? tokens : dice_below(&d, tokens);
    const tensor_id positions = test_state(&t, "positions", DTYPE_U32, rows, 1, 1, 1);
    test_fill_u32(&t, positions, values);
    const tensor_id in = test_activation(&t, "x", texts, tokens, 1, width);
    test_fill_normal(&t, in, 0, 2);
    const tensor_id out = op_token_at(&t.graph, "y", in, positions);
    test_slice_output(&t, out);
    reference expected = reference_like(&t, out);
    REFERENCE_EACH(&expected)
    {
        const double value = values[n] < tokens
                                 ? reference_at(test_reference(&t, in), n % texts, values[n], x, c)
                                 : NAN;
        reference_set(&expected, n, y, x, c, value, fabs(value));
    }
    test_expect(&t, out, &expected, test_limit(&t, 0, 0, 0));
    test_end(&t);
}

/* Weights of zero are among them, and what they are of is NaN; the last text's second is past the
 * end. */
static void case_blend(selftest *suite, dtype storage, uint32_t seed)
{
    dice d = { seed };
    const uint32_t texts = 1 + dice_below(&d, 4), second = dice_below(&d, texts + 1);
    const uint32_t images = texts * (1 + dice_below(&d, 4)), tokens = dice_size(&d, 77);
    const uint32_t width = 4 * dice_size(&d, 60), count = texts + (second ? second - 1 : 0);
    const bool dropped = dice_below(&d, 2);
    test t;
    if (!test_begin(&t, suite, storage, "blend %s [%u, %u, %u] -> %u, second %u%s seed %u",
                    test_storage_name(storage), count, tokens, width, images, second,
                    dropped ? ", first dropped" : "", seed))
        return;
    double *weights = test_alloc(&t, 4 * (size_t)texts, sizeof *weights);
    for (uint32_t i = 0; i < texts; ++i) {
        weights[4 * i] = dropped && i == 0 ? 0 : dice_uniform(&d);
        weights[4 * i + 1] = second && i + 1 < texts ? 1 - weights[4 * i] : 0;
        weights[4 * i + 2] = weights[4 * i + 3] = NAN;
    }
    const tensor_id in = test_state(&t, "x", DTYPE_F32, count, tokens, 1, width);
    const tensor_id of = test_state(&t, "weights", DTYPE_F32, texts, 1, 1, 4);
    double *values = test_alloc(&t, (size_t)count * tokens * width, sizeof *values);
    for (size_t i = 0; i < (size_t)count * tokens * width; ++i)
        values[i] = dropped && second == 0 && i < (size_t)tokens * width ? NAN : dice_normal(&d);
    test_fill(&t, in, values);
    test_fill(&t, of, weights);
    const tensor_id out = op_blend(&t.graph, "y", in, of, images, second);
    test_slice_output(&t, out);
    reference expected = reference_like(&t, out);
    const reference *from = test_reference(&t, in), *by = test_reference(&t, of);
    REFERENCE_EACH(&expected)
    {
        const uint32_t i = n % texts;
        double value = 0, magnitude = 0;
        for (uint32_t k = 0; k < 2; ++k) {
            const double weight = reference_at(by, i, 0, 0, k);
            const double term =
                weight == 0 ? 0 : weight * reference_at(from, i + k * second, y, x, c);
            value += term;
            magnitude += fabs(term);
        }
        reference_set(&expected, n, y, x, c, value, magnitude);
    }
    test_expect(&t, out, &expected, test_limit(&t, 1e-12, 3e-7, 4));
    test_end(&t);
}

void cases_text(selftest *suite)
{
    for (dtype storage = DTYPE_F32; storage <= DTYPE_F16; ++storage) {
        for (uint32_t seed = 1; seed <= SEEDS; ++seed) {
            case_layer_norm(suite, storage, seed, seed % 5 == 0);
            case_geglu(suite, storage, seed, seed % 5 == 0);
            case_tokens(suite, storage, seed, false, seed % 2 ? 0 : 1 + seed);
            case_token_at(suite, storage, seed, false);
            case_blend(suite, storage, seed);
        }
        case_token_at(suite, storage, 1, true);
        case_tokens(suite, storage, 1, true, 0);
        case_tokens(suite, storage, 1, true, 5);
    }
}
