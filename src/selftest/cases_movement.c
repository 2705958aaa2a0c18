/* add, activations, soft clamp, rescale, upsample, avg pool, concat: nothing here computes more
 * than a few operations. */
#include "selftest/references.h"

#include <math.h>
#include <string.h>

/* ---- references ------------------------------------------------------------------------------ */

static void reference_add(reference *out, const reference *a, const reference *b)
{
    for (size_t i = 0; i < reference_count(out); ++i) {
        out->value[i] = a->value[i] + b->value[i];
        out->magnitude[i] = fabs(out->value[i]);
    }
}

static void reference_soft_clamp(reference *out, const reference *in)
{
    for (size_t i = 0; i < reference_count(out); ++i) {
        out->value[i] = 3 * tanh(in->value[i] / 3);
        /* tanh is a difference of exponentials near 1, on a device that follows the standard */
        out->magnitude[i] = 3;
    }
}

/* Of the first channels of in, where out has fewer. */
static void reference_rescale(reference *out, const reference *in, double scale, double shift)
{
    REFERENCE_EACH(out)
    {
        const double scaled = scale * reference_at(in, n, y, x, c);
        reference_set(out, n, y, x, c, scaled + shift, fabs(scaled) + fabs(shift));
    }
}

static void reference_scalar(reference *out, const reference *in, const double *scalars,
                             bool divide)
{
    REFERENCE_EACH(out)
    {
        const double value = reference_at(in, n, y, x, c);
        const double result = divide ? value / scalars[n] : value + scalars[n];
        reference_set(out, n, y, x, c, result, fabs(result));
    }
}

static void reference_avg_pool(reference *out, const reference *in)
{
    REFERENCE_EACH(out)
    {
        double sum = 0, magnitude = 0;
        for (uint32_t dy = 0; dy < 2; ++dy)
            for (uint32_t dx = 0; dx < 2; ++dx) {
                sum += reference_at(in, n, 2 * y + dy, 2 * x + dx, c) / 4;
                magnitude += fabs(reference_at(in, n, 2 * y + dy, 2 * x + dx, c)) / 4;
            }
        reference_set(out, n, y, x, c, sum, magnitude);
    }
}

static void reference_concat(reference *out, const reference *a, const reference *b)
{
    REFERENCE_EACH(out)
    reference_set(out, n, y, x, c,
                  c < a->c ? reference_at(a, n, y, x, c) : reference_at(b, n, y, x, c - a->c), 0);
}

/* ---- cases ----------------------------------------------------------------------------------- */

enum { SEEDS = 50 };

static shape draw_shape(dice *d)
{
    return (shape){ 1 + dice_below(d, 3), dice_size(d, 33), dice_size(d, 33), dice_size(d, 70) };
}

static tensor_id filled(test *t, const char *name, shape s, double sigma)
{
    const tensor_id x = test_activation(t, name, s.n, s.h, s.w, s.c);
    test_fill_normal(t, x, 0, sigma);
    return x;
}

static void expect(test *t, tensor_id y, const reference *expected, bool exact, double factor)
{
    test_limits limits = test_limit(t, 1e-12, 3e-7, factor);
    limits.exact = exact;
    test_expect(t, y, expected, limits);
}

/* bands: no more than a third of the pixels is bound at a time. */
static void case_add(selftest *suite, dtype storage, uint32_t seed, bool bands)
{
    dice d = { seed };
    const shape s = draw_shape(&d);
    test t;
    if (!test_begin(&t, suite, storage, "add %s [%u, %u, %u, %u]%s seed %u",
                    test_storage_name(storage), s.n, s.h, s.w, s.c, bands ? " in bands" : "", seed))
        return;
    const tensor_id a = filled(&t, "a", s, 1), b = filled(&t, "b", s, 1);
    if (bands)
        test_bind_pixels(&t, s.n * s.h * s.w / 3 + 1, 0);
    const tensor_id y = op_add(&t.graph, "y", a, b);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_add(&expected, test_reference(&t, a), test_reference(&t, b));
    expect(&t, y, &expected, false, 1);
    test_end(&t);
}

/* The exponential of -88 is 6e-39, a subnormal that a device may flush before it is multiplied. */
static const double FLUSHED = 104 * 1.2e-38;

static void case_activate(selftest *suite, dtype storage, uint32_t seed, activation activation)
{
    dice d = { seed };
    const shape s = dice_shape(&d);
    test t;
    if (!test_begin(&t, suite, storage, "activate%s %s [%u, %u, %u, %u] seed %u",
                    activation_name(activation), test_storage_name(storage), s.n, s.h, s.w, s.c,
                    seed))
        return;
    const tensor_id x = filled(&t, "x", s, 4);
    const tensor_id y = op_activate(&t.graph, "y", x, activation);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_activate(&expected, test_reference(&t, x), activation);
    test_limits limits = test_limit(&t, 1e-12, 3e-7, 8);
    limits.absolute = FLUSHED;
    test_expect(&t, y, &expected, limits);
    test_end(&t);
}

static void case_soft_clamp(selftest *suite, dtype storage, uint32_t seed)
{
    dice d = { seed };
    const shape s = dice_shape(&d);
    test t;
    if (!test_begin(&t, suite, storage, "soft_clamp %s [%u, %u, %u, %u] seed %u",
                    test_storage_name(storage), s.n, s.h, s.w, s.c, seed))
        return;
    const tensor_id x = filled(&t, "x", s, 4);
    const tensor_id y = op_soft_clamp(&t.graph, "y", x);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_soft_clamp(&expected, test_reference(&t, x));
    expect(&t, y, &expected, false, 8);
    test_end(&t);
}

/* IEEE's corners: finite stays finite, infinity as torch has it (silu(-inf) is NaN). */
static void case_activate_extremes(selftest *suite, dtype storage, activation activation)
{
    const double top = storage == DTYPE_F16 ? 65504 : 1e38;
    const double values[] = { 0,   -0.0, 88,       -88,       89,  -89,   104,    -104,
                              top, -top, INFINITY, -INFINITY, NAN, 1e-40, -1e-40, 1e-45 };
    const uint32_t count = sizeof values / sizeof *values;
    test t;
    if (!test_begin(&t, suite, storage, "activate%s %s at +-88, +-inf, NaN, subnormal",
                    activation_name(activation), test_storage_name(storage)))
        return;
    const tensor_id x = test_activation(&t, "x", 1, 1, 1, count);
    test_fill(&t, x, values);
    const tensor_id y = op_activate(&t.graph, "y", x, activation);
    reference expected = reference_like(&t, y);
    reference_activate(&expected, test_reference(&t, x), activation);
    for (uint32_t i = 0; i < count; ++i)
        if (fabs(expected.value[i]) < 1e-30) /* may be flushed to zero */
            expected.magnitude[i] = 1e-36;
    test_limits limits = test_limit(&t, 1e-12, 3e-7, 8);
    limits.absolute = FLUSHED;
    test_expect(&t, y, &expected, limits);
    test_end(&t);
}

static void case_soft_clamp_extremes(selftest *suite, dtype storage)
{
    const double top = storage == DTYPE_F16 ? 65504 : 3e38;
    const double values[] = {
        0, 1e-4, -1e-4, 29, 30, 31, -31, top, -top, INFINITY, -INFINITY, NAN
    };
    const uint32_t count = sizeof values / sizeof *values;
    test t;
    if (!test_begin(&t, suite, storage, "soft_clamp %s at +-30, +-inf, NaN",
                    test_storage_name(storage)))
        return;
    const tensor_id x = test_activation(&t, "x", 1, 1, 1, count);
    test_fill(&t, x, values);
    const tensor_id y = op_soft_clamp(&t.graph, "y", x);
    reference expected = reference_like(&t, y);
    reference_soft_clamp(&expected, test_reference(&t, x));
    expect(&t, y, &expected, false, 8);
    test_end(&t);
}

/* In and out again, through a shift that the pad lanes must not get; and fewer channels. */
static void case_rescale(selftest *suite, dtype storage, uint32_t seed)
{
    dice d = { seed };
    const shape s = draw_shape(&d);
    const float scale = 0.5f, shift = 0.25f, back = -3.0f;
    test t;
    if (!test_begin(&t, suite, storage, "rescale %s [%u, %u, %u, %u] seed %u",
                    test_storage_name(storage), s.n, s.h, s.w, s.c, seed))
        return;
    const tensor_id x = test_state(&t, "x", DTYPE_F32, s.n, s.h, s.w, s.c);
    test_fill_normal(&t, x, 0, 1);
    const tensor_id y = op_rescale_in(&t.graph, "y", x, scale, shift);
    test_slice_output(&t, y);
    const tensor_id z = test_state(&t, "z", DTYPE_F32, s.n, s.h, s.w, s.c - seed % s.c);
    op_rescale_out(&t.graph, "out", y, z, back, shift);
    reference inside = reference_like(&t, y), outside = reference_like(&t, z);
    reference_rescale(&inside, test_reference(&t, x), scale, shift);
    reference_rescale(&outside, &inside, back, shift);
    expect(&t, y, &inside, false, 2);
    test_limits limits = test_limit(&t, 1e-12, 3e-7, 4);
    if (storage == DTYPE_F16) /* y was rounded to a half, which z does not show */
        limits.factor = 8192;
    test_expect(&t, z, &outside, limits);
    test_end(&t);
}

static void case_rescale_inside(selftest *suite, dtype storage, uint32_t seed)
{
    dice d = { seed };
    const shape s = draw_shape(&d);
    const float scale = 2.0f, shift = -0.75f;
    test t;
    if (!test_begin(&t, suite, storage, "rescale %s inside [%u, %u, %u, %u] seed %u",
                    test_storage_name(storage), s.n, s.h, s.w, s.c, seed))
        return;
    const tensor_id x = filled(&t, "x", s, 1);
    const tensor_id y = op_rescale(&t.graph, "y", x, scale, shift);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_rescale(&expected, test_reference(&t, x), scale, shift);
    expect(&t, y, &expected, false, 2);
    test_end(&t);
}

/* The division is within 2.5 places where the device's is. */
static void case_scalar(selftest *suite, dtype storage, uint32_t seed, bool divide)
{
    dice d = { seed };
    const shape s = draw_shape(&d);
    test t;
    if (!test_begin(&t, suite, storage, "%s_scalar %s [%u, %u, %u, %u] seed %u",
                    divide ? "divide" : "add", test_storage_name(storage), s.n, s.h, s.w, s.c,
                    seed))
        return;
    double numbers[3];
    for (uint32_t i = 0; i < s.n; ++i)
        numbers[i] = (float)(i == 0 ? 1 + dice_below(&d, 100) : exp(9 * dice_uniform(&d) - 2));
    const tensor_id x = filled(&t, "x", s, 1);
    const tensor_id scalar = test_state(&t, "scalar", DTYPE_F32, s.n, 1, 1, 1);
    test_fill(&t, scalar, numbers);
    const tensor_id y = divide ? op_divide_scalar(&t.graph, "y", x, scalar)
                               : op_add_scalar(&t.graph, "y", x, scalar);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_scalar(&expected, test_reference(&t, x), numbers, divide);
    expect(&t, y, &expected, false, 3);
    test_end(&t);
}

/* bands: no more than some rows are bound at a time. */
static void case_upsample(selftest *suite, dtype storage, uint32_t seed, bool bands)
{
    dice d = { seed };
    const shape s = draw_shape(&d);
    test t;
    if (!test_begin(&t, suite, storage, "upsample_nearest %s [%u, %u, %u, %u]%s seed %u",
                    test_storage_name(storage), s.n, s.h, s.w, s.c, bands ? " in bands" : "", seed))
        return;
    const tensor_id x = filled(&t, "x", s, 1);
    if (bands)
        test_bind_pixels(&t, 4 * s.w * (s.h / 3 + 1), 0);
    const tensor_id y = op_upsample_nearest(&t.graph, "y", x);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_upsample(&expected, test_reference(&t, x));
    expect(&t, y, &expected, true, 0);
    test_end(&t);
}

static void case_avg_pool(selftest *suite, dtype storage, uint32_t seed, bool bands)
{
    dice d = { seed };
    shape s = draw_shape(&d);
    s.h += 1;
    s.w += 1;
    test t;
    if (!test_begin(&t, suite, storage, "avg_pool %s [%u, %u, %u, %u]%s seed %u",
                    test_storage_name(storage), s.n, s.h, s.w, s.c, bands ? " in bands" : "", seed))
        return;
    const tensor_id x = filled(&t, "x", s, 1);
    if (bands)
        test_bind_pixels(&t, 2 * s.w * (s.h / 6 + 1), 0);
    const tensor_id y = op_avg_pool(&t.graph, "y", x);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_avg_pool(&expected, test_reference(&t, x));
    expect(&t, y, &expected, false, 4);
    test_end(&t);
}

/* Both parts come from ops, so that they can be slices of the result. bands: if it is not larger
 * than what is bound of it. */
static void case_concat(selftest *suite, dtype storage, uint32_t seed, bool bands)
{
    dice d = { seed };
    const shape s = draw_shape(&d);
    shape more = s;
    more.c = dice_size(&d, 40);
    test t;
    if (!test_begin(&t, suite, storage, "concat %s [%u, %u, %u, %u + %u]%s seed %u",
                    test_storage_name(storage), s.n, s.h, s.w, s.c, more.c,
                    bands ? " in bands" : "", seed))
        return;
    const tensor_id a = filled(&t, "a", s, 1), b = filled(&t, "b", more, 1);
    const tensor_id a2 = op_upsample_nearest(&t.graph, "a2", a);
    const tensor_id b2 = op_upsample_nearest(&t.graph, "b2", b);
    if (bands)
        test_bind_pixels(&t, 4 * s.n * s.h * s.w, 0);
    const tensor_id y = op_concat(&t.graph, "y", a2, b2);
    reference expected_a = reference_like(&t, a2), expected_b = reference_like(&t, b2);
    reference expected = reference_like(&t, y);
    reference_upsample(&expected_a, test_reference(&t, a));
    reference_upsample(&expected_b, test_reference(&t, b));
    reference_concat(&expected, &expected_a, &expected_b);
    expect(&t, y, &expected, true, 0);
    test_end(&t);
}

/* Neither part can be a slice twice: x with x, and then once more with x. */
static void case_concat_twice(selftest *suite, dtype storage, uint32_t c)
{
    const shape s = { 2, 5, 3, c };
    test t;
    if (!test_begin(&t, suite, storage, "concat %s of one tensor thrice, %u channels",
                    test_storage_name(storage), c))
        return;
    const tensor_id x = filled(&t, "x", s, 1);
    const tensor_id once = op_activate(&t.graph, "silu", x, ACTIVATION_SILU);
    const tensor_id pair = op_concat(&t.graph, "pair", once, once);
    const tensor_id y = op_concat(&t.graph, "y", pair, once);
    reference silu = reference_like(&t, once), two = reference_like(&t, pair);
    reference expected = reference_like(&t, y);
    reference_activate(&silu, test_reference(&t, x), ACTIVATION_SILU);
    reference_concat(&two, &silu, &silu);
    reference_concat(&expected, &two, &silu);
    memcpy(expected.magnitude, expected.value, reference_count(&expected) * sizeof(double));
    for (size_t i = 0; i < reference_count(&expected); ++i)
        expected.magnitude[i] = 10 * fabs(expected.value[i]);
    expect(&t, y, &expected, false, 8);
    test_end(&t);
}

void cases_movement(selftest *suite)
{
    for (dtype storage = DTYPE_F32; storage <= DTYPE_F16; ++storage) {
        for (uint32_t seed = 1; seed <= SEEDS; ++seed) {
            case_add(suite, storage, seed, seed % 4 == 0);
            case_activate(suite, storage, seed, ACTIVATION_SILU);
            case_activate(suite, storage, seed, (activation)(1 + seed % (ACTIVATION_COUNT - 1)));
            case_soft_clamp(suite, storage, seed);
            case_rescale(suite, storage, seed);
            case_rescale_inside(suite, storage, seed);
            case_scalar(suite, storage, seed, false);
            case_scalar(suite, storage, seed, true);
            case_upsample(suite, storage, seed, seed % 4 == 0);
            case_avg_pool(suite, storage, seed, seed % 4 == 0);
            case_concat(suite, storage, seed, seed % 4 == 0);
        }
        for (uint32_t a = ACTIVATION_SILU; a < ACTIVATION_COUNT; ++a)
            case_activate_extremes(suite, storage, (activation)a);
        case_soft_clamp_extremes(suite, storage);
        case_concat_twice(suite, storage, 8);
        case_concat_twice(suite, storage, 6);
    }
}
