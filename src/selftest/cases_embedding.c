/* Time and class embeddings. */
#include "selftest/references.h"

#include <math.h>

/* ---- references ------------------------------------------------------------------------------ */

/* diffusers/models/embeddings.py, get_timestep_embedding: float32 arithmetic up to the argument of
 * sine and cosine, like PyTorch's, because a time of 1000 multiplies the frequency's rounding. */
static void reference_time_embedding(reference *out, const reference *time,
                                     const time_embedding_params *p)
{
    const uint32_t half = p->channels / 2;
    const float rate = (float)-log(p->max_period);
    REFERENCE_EACH(out)
    {
        const uint32_t of_time = c % p->channels;
        if (of_time >= 2 * half)
            continue; /* zero */
        const float i = (float)(of_time % half), divisor = (float)(half - (double)p->freq_shift);
        const float exponent = p->divides_first ? i * (rate / divisor) : rate * i / divisor;
        const float frequency = (float)exp(exponent);
        const float argument = (float)reference_at(time, n, 0, 0, c / p->channels) * frequency;
        const bool cosine = (of_time >= half) != p->flip_sin_to_cos;
        const double value = cosine ? cos(argument) - (p->relative ? 1 : 0) : sin(argument);
        reference_set(out, n, y, x, c, value, 1);
    }
}

/* GaussianFourierProjection(log=True, flip_sin_to_cos=False), rounded where PyTorch rounds. */
static void reference_fourier(reference *out, const reference *time, const double *weight)
{
    const uint32_t half = out->c / 2;
    const float pi = 3.14159265f;
    REFERENCE_EACH(out)
    {
        const float projected = (float)log(time->value[n]) * (float)weight[c % half];
        const float argument = projected * 2 * pi;
        reference_set(out, n, y, x, c, c < half ? sin(argument) : cos(argument), 1);
    }
}

/* ---- cases ----------------------------------------------------------------------------------- */

enum { SEEDS = 50 };

static void case_time(selftest *suite, dtype storage, uint32_t seed, uint32_t count)
{
    dice d = { seed };
    const uint32_t n = 1 + dice_below(&d, 4), channels = 1 + dice_size(&d, 320);
    const bool flip = dice_below(&d, 2), relative = dice_below(&d, 2);
    const bool divides_first = seed % 4 == 0;
    const float freq_shift = channels > 3 ? (float)dice_below(&d, 2) : 0;
    test t;
    if (!test_begin(&t, suite, storage, "time_embedding %s [%u, %u x %u]%s%s%s shift %g seed %u",
                    test_storage_name(storage), n, count, channels, flip ? " flip" : "",
                    relative ? " relative" : "", divides_first ? " divides first" : "", freq_shift,
                    seed))
        return;
    double *times = test_alloc(&t, (size_t)n * count, sizeof *times);
    for (uint32_t i = 0; i < n * count; ++i)
        times[i] = i == 0 ? dice_below(&d, 1000) : 4000 * dice_uniform(&d) - 2000;
    const tensor_id time = test_state(&t, "time", DTYPE_F32, n, 1, 1, count);
    test_fill(&t, time, times);
    const time_embedding_params params = { .time = time,
                                           .channels = channels,
                                           .flip_sin_to_cos = flip,
                                           .freq_shift = freq_shift,
                                           .max_period = 10000,
                                           .relative = relative,
                                           .divides_first = divides_first };
    const tensor_id y = op_time_embedding(&t.graph, "y", &params);
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_time_embedding(&expected, test_reference(&t, time), &params);
    test_limits limits = test_limit(&t, 1e-11, 3e-7, 0);
    limits.absolute = 5e-7;
    if (channels < 4) /* relative: all may be as good as zero */
        limits.nmse = 1;
    test_expect(&t, y, &expected, limits);
    test_end(&t);
}

/* Noise levels of score-SDE, its weights of deviation 16; one of 1, whose logarithm is zero. */
static void case_fourier(selftest *suite, dtype storage, uint32_t seed)
{
    dice d = { seed };
    const uint32_t n = 1 + dice_below(&d, 4), half = dice_size(&d, 256);
    test t;
    if (!test_begin(&t, suite, storage, "time_embedding %s fourier [%u, %u] seed %u",
                    test_storage_name(storage), n, 2 * half, seed))
        return;
    double times[4];
    for (uint32_t i = 0; i < n; ++i)
        times[i] = (float)(i == 2 ? 1 : exp(12 * dice_uniform(&d) - 4.6));
    const tensor_id time = test_state(&t, "time", DTYPE_F32, n, 1, 1, 1);
    test_fill(&t, time, times);
    const double *weight = test_weight(&t, "weight", half, 0, 16);
    const tensor_id y = op_time_embedding(
        &t.graph, "y",
        &(time_embedding_params){ .time = time, .channels = 2 * half, .weight = "weight" });
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_fourier(&expected, test_reference(&t, time), weight);
    test_limits limits = test_limit(&t, 1e-11, 3e-7, 0);
    limits.absolute = 5e-7;
    test_expect(&t, y, &expected, limits);
    test_end(&t);
}

static void case_class(selftest *suite, dtype storage, uint32_t seed)
{
    dice d = { seed };
    const uint32_t n = 1 + dice_below(&d, 4), c = dice_size(&d, 300), count = dice_size(&d, 40);
    test t;
    if (!test_begin(&t, suite, storage, "class_embedding %s [%u, %u] of %u seed %u",
                    test_storage_name(storage), n, c, count, seed))
        return;
    const bool floats = dice_below(&d, 2), alone = dice_below(&d, 2);
    uint32_t ids[4];
    double numbers[4];
    for (uint32_t i = 0; i < n; ++i)
        numbers[i] = ids[i] = i == 0 ? count - 1 : dice_below(&d, count);
    const tensor_id labels = test_state(&t, "labels", floats ? DTYPE_F32 : DTYPE_U32, n, 1, 1, 1);
    if (floats)
        test_fill(&t, labels, numbers);
    else
        test_fill_u32(&t, labels, ids);
    const tensor_id x = alone ? NO_TENSOR : test_activation(&t, "x", n, 1, 1, c);
    if (!alone)
        test_fill_normal(&t, x, 0, 1);
    const double *table = test_weight(&t, "table", (size_t)count * c, 0, 1);
    const tensor_id y = op_class_embedding(
        &t.graph, "y", &(class_embedding_params){ x, labels, "table", count, c });
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    for (uint32_t i = 0; i < n; ++i)
        for (uint32_t j = 0; j < c; ++j) {
            const double row = table[(size_t)ids[i] * c + j];
            const double value = row + (alone ? 0 : test_reference(&t, x)->value[i * c + j]);
            reference_set(&expected, i, 0, 0, j, value, fabs(value));
        }
    test_expect(&t, y, &expected, test_limit(&t, 1e-12, 3e-7, 1));
    test_end(&t);
}

/* A label that is no row must not show another class: NaN, which the last op counts. */
static void case_class_outside(selftest *suite, dtype storage, bool floats)
{
    test t;
    if (!test_begin(&t, suite, storage, "class_embedding %s %s that are no rows",
                    test_storage_name(storage), floats ? "numbers" : "labels"))
        return;
    const tensor_id labels = test_state(&t, "labels", floats ? DTYPE_F32 : DTYPE_U32, 6, 1, 1, 1);
    if (floats)
        test_fill(&t, labels, (double[]){ 2, 3, -1, 0.5, NAN, INFINITY });
    else
        test_fill_u32(&t, labels, (uint32_t[]){ 2, 3, 4, 7, 1u << 31, UINT32_MAX });
    const tensor_id x = test_activation(&t, "x", 6, 1, 1, 8);
    test_fill_normal(&t, x, 0, 1);
    const double *table = test_weight(&t, "table", 3 * 8, 0, 1);
    const tensor_id y =
        op_class_embedding(&t.graph, "y", &(class_embedding_params){ x, labels, "table", 3, 8 });
    reference expected = reference_like(&t, y);
    for (uint32_t j = 0; j < 48; ++j) {
        expected.value[j] = j < 8 ? test_reference(&t, x)->value[j] + table[16 + j] : NAN;
        expected.magnitude[j] = fabs(expected.value[j]);
    }
    test_expect(&t, y, &expected, test_limit(&t, 1e-12, 3e-7, 1));
    test_end(&t);
}

void cases_embedding(selftest *suite)
{
    for (dtype storage = DTYPE_F32; storage <= DTYPE_F16; ++storage) {
        for (uint32_t seed = 1; seed <= SEEDS; ++seed) {
            case_time(suite, storage, seed, seed % 5 ? 1 : 2 + seed % 6);
            case_fourier(suite, storage, seed);
            case_class(suite, storage, seed);
        }
        case_class_outside(suite, storage, false);
        case_class_outside(suite, storage, true);
    }
}
