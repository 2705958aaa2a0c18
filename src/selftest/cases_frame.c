#include "core/half.h"
#include "sampler/state.h"
#include "selftest/selftest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum frame_content {
    CONTENT_PICTURE,
    CONTENT_FLAT,
    CONTENT_BAD,
    CONTENT_ALL_BAD,
} frame_content;
static const char *const content_names[] = { "picture", "flat", "bad values", "all bad" };

/* Colours, ends of the range, values beyond it, ties between two bytes, NaN and infinities. */
static double draw_value(dice *d, frame_content content)
{
    if (content == CONTENT_FLAT)
        return 0.25;
    if (content == CONTENT_ALL_BAD || (content == CONTENT_BAD && dice_below(d, 20) == 0))
        return (double[]){ NAN, INFINITY, -INFINITY }[dice_below(d, 3)];
    switch (dice_below(d, 8)) {
    case 0: return dice_below(d, 2) ? 1 : -1;
    case 1: return (dice_below(d, 255) + 0.5) / 255 * 2 - 1;
    default: return 2.4 * dice_uniform(d) - 1.2;
    }
}

/* In float like the shader, each operation rounded once (a product of floats is exact in double).
 */
static uint8_t to_byte(float v)
{
    const float scaled = (float)((double)v * 255.0);
    return (uint8_t)(scaled + 0.5f);
}

static uint32_t reference_colour(const double *x, uint32_t c, bool premultiplied)
{
    float v[4] = { 0, 0, 0, 1 };
    for (uint32_t i = 0; i < 4; ++i) {
        if (c == 1 ? i == 3 : i >= c)
            break;
        const double value = x[c == 1 ? 0 : i];
        if (!isfinite(value))
            return 0;
        v[i] = fminf(fmaxf((float)(value * 0.5 + 0.5), 0), 1);
    }
    for (uint32_t i = 0; premultiplied && i < 3; ++i)
        v[i] = to_byte(v[3]) > 0 ? fminf(v[i] / v[3], 1) : 0;
    return (uint32_t)to_byte(v[0]) | (uint32_t)to_byte(v[1]) << 8 | (uint32_t)to_byte(v[2]) << 16 |
           (uint32_t)to_byte(v[3]) << 24;
}

/* A device may divide with an error of 2.5 ulp: a byte may then fall to the other side of a tie. */
static void check_divided(test *t, char *message, size_t message_size)
{
    const tensor_id frame = graph_find_state(&t->graph, "frame");
    const uint32_t *wanted = t->check_data, *got = test_result_bytes(t, frame);
    const tensor *f = graph_tensor(&t->graph, frame);
    uint32_t ties = 0, count = f->n * f->h * f->w;
    for (uint32_t i = 0; i < count; ++i)
        for (uint32_t shift = 0; shift < 32; shift += 8) {
            const int a = got[i] >> shift & 255, b = wanted[i] >> shift & 255;
            ties += a != b;
            if (a - b > 1 || b - a > 1 || (shift == 24 && a != b)) {
                snprintf(message, message_size, "pixel %u is %08x, not %08x", i, got[i], wanted[i]);
                return;
            }
        }
    if (ties > 4 + count / 100)
        snprintf(message, message_size, "%u of %u bytes are off by one", ties, 4 * count);
}

static void expect_frame(test *t, tensor_id picture, tensor_id frame, bool premultiplied)
{
    const reference *x = test_reference(t, picture);
    const uint32_t count = x->n * x->h * x->w;
    uint32_t *colours = test_alloc(t, count, sizeof *colours);
    for (uint32_t i = 0; i < count; ++i)
        colours[i] = reference_colour(x->value + (size_t)i * x->c, x->c, premultiplied);
    if (premultiplied) {
        t->check = check_divided;
        t->check_data = colours;
        return;
    }
    reference expected = reference_like(t, frame);
    for (uint32_t i = 0; i < count; ++i)
        expected.value[i] = colours[i];
    test_expect(t, frame, &expected, (test_limits){ .exact = true });
}

static uint32_t ordered(float value)
{
    const uint32_t bits = bits_from_float(value);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static void expect_report(test *t, tensor_id picture, tensor_id report)
{
    const reference *x = test_reference(t, picture);
    reference expected = reference_like(t, report);
    const size_t count = reference_count(x) / x->n;
    for (uint32_t r = 0; r < expected.n; ++r)
        expected.value[REPORT_WORDS * r + REPORT_MIN] = UINT32_MAX;
    for (size_t i = 0; i < reference_count(x); ++i) {
        double *r = expected.value + REPORT_WORDS * (i / count);
        const float value = (float)x->value[i];
        const float first = (float)x->value[i / count * count + i % x->c];
        if (!isfinite(value)) {
            r[REPORT_BAD] += 1;
            continue;
        }
        r[REPORT_MIN] = fmin(r[REPORT_MIN], ordered(value));
        r[REPORT_MAX] = fmax(r[REPORT_MAX], ordered(value));
        if (isfinite(first))
            r[REPORT_DEVIATION] = fmax(r[REPORT_DEVIATION], bits_from_float(fabsf(value - first)));
    }
    test_expect(t, report, &expected, (test_limits){ .exact = true });
}

static void case_frame(selftest *suite, frame_content content, bool premultiplied, uint32_t seed)
{
    dice d = { seed };
    const uint32_t channels[] = { 1, 3, 4 };
    shape s = dice_shape(&d);
    s.c = premultiplied ? 4 : channels[seed % 3];
    s.w += s.h == 1 && s.w == 1;
    test t;
    if (!test_begin(&t, suite, DTYPE_F32, "frame %s%s [%u, %u, %u, %u] seed %u",
                    content_names[content], premultiplied ? " premultiplied" : "", s.n, s.h, s.w,
                    s.c, seed))
        return;
    const tensor_id picture = test_state(&t, "picture", DTYPE_F32, s.n, s.h, s.w, s.c);
    const tensor_id frame = test_state(&t, "frame", DTYPE_U32, s.n, s.h, s.w, 1);
    const tensor_id report = test_state(&t, "report", DTYPE_U32, s.n, 1, 1, REPORT_WORDS);
    double *values = test_alloc(&t, shape_count(s), sizeof *values);
    for (size_t i = 0; i < shape_count(s); ++i)
        values[i] = draw_value(&d, content);
    test_fill(&t, picture, values);
    t.repeats = 3;
    op_frame(&t.graph, "frame", picture, frame, report, premultiplied);
    expect_frame(&t, picture, frame, premultiplied);
    expect_report(&t, picture, report);
    test_end(&t);
}

/* ---- the list ------------------------------------------------------------------------------- */

void cases_frame(selftest *suite)
{
    for (uint32_t seed = 0; seed < 9; ++seed) {
        case_frame(suite, CONTENT_PICTURE, false, seed);
        case_frame(suite, CONTENT_PICTURE, true, seed);
        case_frame(suite, CONTENT_BAD, seed % 2, seed);
    }
    case_frame(suite, CONTENT_FLAT, false, 1);
    case_frame(suite, CONTENT_FLAT, true, 2);
    case_frame(suite, CONTENT_ALL_BAD, false, 1);
}
