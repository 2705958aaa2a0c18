/* begin, row_times, step_input, keep; sampler_row: cases_sampler_row.c. */
#include "core/half.h"
#include "selftest/sampler_states.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- begin ---------------------------------------------------------------------------------- */

static void expect_begun_noise(test *t, const states *s)
{
    reference expected = reference_like(t, s->tensors.begun_noise);
    states_start(t, s, &expected);
    test_expect(t, s->tensors.begun_noise, &expected, (test_limits){ .exact = true });
}

/* The same bits on every device; with a known picture, which may be contracted, nearly. */
static void case_begin(selftest *suite, shape s, bool edits, uint32_t seed)
{
    test t;
    if (!test_begin(&t, suite, DTYPE_F32, "begin f32 %s[%u, %u, %u, %u] seed %u",
                    edits ? "known " : "", s.n, s.h, s.w, s.c, seed))
        return;
    const states state = states_make(&t, s);
    const double scale = state.content->initial_scale = seed % 2 ? 80.0f : 1.0f;
    const double part = state.content->initial_known = edits ? 0.625f : 0.0f;
    state.content->keeps = edits;
    states_fill(&t, &state, edits);
    op_begin(&t.graph, "begin", &state.tensors);
    const reference *known = test_reference(&t, state.tensors.known);
    reference expected = reference_like(&t, state.tensors.latent);
    states_start(&t, &state, &expected);
    if (edits)
        expect_begun_noise(&t, &state);
    for (size_t i = 0; i < shape_count(s); ++i) {
        const double noise = (float)(scale * expected.value[i]);
        const double start = part * known->value[i % reference_count(known)];
        expected.value[i] = edits ? noise + start : noise;
        expected.magnitude[i] = edits ? fabs(noise) + fabs(start) : 0;
    }
    test_expect(&t, state.tensors.latent, &expected,
                edits ? (test_limits){ .nmse = 1e-13, .factor = 4 }
                      : (test_limits){ .exact = true });
    states_expect_cursor(&t, &state, 0);
    test_end(&t);
}

/* ---- row_times ------------------------------------------------------------------------------ */

/* cursor: so near the last row that some are past it, or not; labels: 0 or a divisor of images */
static void case_row_times(selftest *suite, uint32_t images, uint32_t labels, uint32_t left)
{
    enum { STEPS = 20 };
    test t;
    if (!test_begin(&t, suite, DTYPE_F32, "row_times %u images, %u labels, %u rows left", images,
                    labels, left))
        return;
    const states state = states_make(&t, (shape){ 1, 1, 1, 1 });
    const uint32_t cursor = STEPS - left, count = EMBEDDED_ROWS * images;
    uint32_t ids[64];
    row_times to = { .labels = NO_TENSOR, .given_labels = NO_TENSOR };
    state.content->steps = STEPS;
    for (uint32_t i = cursor; i < STEPS; ++i)
        state.content->rows[i] =
            (sampler_row){ .timestep = 100.5f + (float)i, .segment = (float)i };
    states_fill(&t, &state, false);
    test_fill_u32(&t, state.tensors.cursor, &cursor);
    to.time = test_state(&t, "time", DTYPE_F32, count, 1, 1, 1);
    to.segment = test_state(&t, "segment", DTYPE_F32, count, 1, 1, 1);
    for (uint32_t i = 0; i < labels; ++i)
        ids[i] = dice_below(&t.dice, 1000);
    if (labels > 0) {
        to.labels = test_state(&t, "row_labels", DTYPE_U32, count, 1, 1, 1);
        to.given_labels = test_state(&t, "labels", DTYPE_U32, labels, 1, 1, 1);
        test_fill_u32(&t, to.given_labels, ids);
    }
    op_row_times(&t.graph, "times", &state.tensors, &to);
    reference times = reference_like(&t, to.time), segments = reference_like(&t, to.segment);
    reference all_labels = reference_like(&t, to.time);
    for (uint32_t i = 0; i < count; ++i) {
        const uint32_t row = cursor + i / images;
        times.value[i] = state.content->rows[row < STEPS ? row : STEPS - 1].timestep;
        segments.value[i] = state.content->rows[row < STEPS ? row : STEPS - 1].segment;
        all_labels.value[i] = labels > 0 ? ids[i % images % labels] : 0;
    }
    test_expect(&t, to.time, &times, (test_limits){ .exact = true });
    test_expect(&t, to.segment, &segments, (test_limits){ .exact = true });
    if (labels > 0)
        test_expect(&t, to.labels, &all_labels, (test_limits){ .exact = true });
    test_end(&t);
}

/* ---- step_input ----------------------------------------------------------------------------- */

/* Channel c of the sample at a pixel of all pictures. */
static double sample_value(const test *t, const states *s, const sampler_row *row, size_t pixel,
                           uint32_t c)
{
    const uint32_t channels = s->shape.c;
    const size_t shared = pixel % (s->shape.h * s->shape.w); /* by all pictures */
    test *inputs = (test *)t;
    if (c < channels)
        return row->input_scale *
               test_reference(inputs, s->tensors.latent)->value[pixel * channels + c];
    if (c == channels)
        return 1 - test_reference(inputs, s->tensors.mask)->value[shared];
    return test_reference(inputs, s->tensors.known)->value[shared * channels + c - channels - 1];
}

/* fills: a network that fills in; evaluations: one, or two with guidance */
static void case_step_input(selftest *suite, dtype storage, bool fills, uint32_t evaluations,
                            uint32_t seed)
{
    dice d = { seed };
    const shape s = dice_shape(&d);
    test t;
    if (!test_begin(&t, suite, storage, "step_input %s %s%u times [%u, %u, %u, %u] seed %u",
                    test_storage_name(storage), fills ? "fills in " : "", evaluations, s.n, s.h,
                    s.w, s.c, seed))
        return;
    const states state = states_make(&t, s);
    const uint32_t n = evaluations * s.n, channels = fills ? 2 * s.c + 1 : s.c;
    const tensor_id time = test_state(&t, "time", DTYPE_F32, n, 1, 1, 1);
    const embedding e = embedding_make(&t, n, 2 + dice_below(&d, 700));
    const uint32_t cursor = dice_below(&d, RECIPE_STEPS_MAX);
    const sampler_row row = dice_row(&d, dice_below(&d, ROW_KINDS));
    state.content->rows[cursor] = row;
    states_fill(&t, &state, fills);
    test_fill_u32(&t, state.tensors.cursor, &cursor);
    test_fill_normal(&t, state.tensors.latent, 0, 2);
    const tensor_id sample =
        op_step_input(&t.graph, "sample", &state.tensors, time, e.rows, e.row, channels);
    test_slice_output(&t, sample);
    reference expected = reference_like(&t, sample);
    const size_t pixels = shape_count(s) / s.c;
    for (size_t i = 0; i < reference_count(&expected); ++i) {
        expected.value[i] =
            sample_value(&t, &state, &row, i / channels % pixels, (uint32_t)(i % channels));
        expected.magnitude[i] = fabs(expected.value[i]);
    }
    test_expect(&t, sample, &expected, test_limit(&t, 1e-14, 1e-6, 2));
    states_expect_time(&t, time, row.timestep);
    embedding_expect(&t, &e, cursor);
    test_end(&t);
}

/* ---- keep ---------------------------------------------------------------------------------- */

/* kept of it is the photo's; by a projection where only the luminance is */
static void expect_kept(const reference *before, const reference *photo, const reference *mask,
                        uint32_t keeps, uint32_t channels, reference *expected)
{
    static const double luminance[3] = { LUMINANCE_RED, LUMINANCE_GREEN, LUMINANCE_BLUE };
    for (size_t i = 0; i < reference_count(expected); ++i) {
        const size_t at = i % reference_count(photo), c = i % channels;
        const double kept = keeps == KEEPS_NOTHING ? 0 : mask->value[at / channels];
        double is = before->value[i], wanted = photo->value[at], size = fabs(is);
        if (keeps == KEEPS_LUMINANCE) {
            double along = 0;
            for (size_t k = 0; k < 3; ++k) {
                const double all = photo->value[at - c + k] - before->value[i - c + k];
                along += luminance[k] * all;
                size += fabs(luminance[k] * all);
            }
            wanted = is + along * luminance[c];
        }
        expected->value[i] = kept > 0 ? (1 - kept) * is + kept * wanted : is;
        expected->magnitude[i] = keeps == KEEPS_LUMINANCE ? size
                                 : kept > 0 && kept < 1
                                     ? fabs((1 - kept) * is) + fabs(kept * wanted)
                                     : 0; /* no rounding where it is all of one or the other */
    }
}

static void case_keep(selftest *suite, uint32_t keeps, uint32_t seed)
{
    static const char *const what[] = { "nothing", "a part", "the luminance" };
    dice d = { seed };
    shape s = dice_shape(&d);
    test t;
    if (keeps == KEEPS_LUMINANCE)
        s.c = 3;
    else if (seed % 2)
        s.c += 4; /* a pixel's mask is one number for several quads */
    if (!test_begin(&t, suite, DTYPE_F32, "keep %s [%u, %u, %u, %u] seed %u", what[keeps], s.n, s.h,
                    s.w, s.c, seed))
        return;
    const states state = states_make(&t, s);
    const tensor_id picture = test_state(&t, "picture", DTYPE_F32, s.n, s.h, s.w, s.c);
    state.content->keeps = keeps;
    states_fill(&t, &state, keeps != KEEPS_NOTHING);
    test_fill_normal(&t, picture, 0, 1);
    op_keep(&t.graph, "keep", state.tensors.recipe, picture, state.tensors.known,
            state.tensors.mask);
    reference expected = reference_like(&t, picture);
    expect_kept(test_reference(&t, picture), test_reference(&t, state.tensors.known),
                test_reference(&t, state.tensors.mask), keeps, s.c, &expected);
    test_expect(&t, picture, &expected, (test_limits){ .nmse = 1e-13, .factor = 4 });
    test_end(&t);
}

void cases_sampler(selftest *suite)
{
    for (uint32_t seed = 0; seed < 12; ++seed) { /* half of them with noise of the host */
        dice d = { seed };
        case_begin(suite, dice_shape(&d), seed % 3 == 2, seed);
        case_row_times(suite, 1 + 41 * (seed % 3), seed % 2 * (1 + 20 * (seed % 3)), 1 + seed / 2);
        case_step_input(suite, DTYPE_F32, seed % 4 == 1, 1 + seed % 2, seed);
        case_step_input(suite, DTYPE_F16, seed % 4 == 2, 1 + seed / 2 % 2, seed);
    }
    for (uint32_t seed = 0; seed < 9; ++seed)
        case_keep(suite, seed % 3, seed);
    case_begin(suite, (shape){ 1, 512, 512, 4 }, false, 0); /* a million elements */
    case_begin(suite, (shape){ RECIPE_BATCH_MAX, 5, 3, 3 }, false, 1);
}
