#include "core/half.h"
#include "core/philox.h"
#include "sampler/rows.h"
#include "selftest/selftest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what the cases share ------------------------------------------------------------------- */

enum { CHANNELS_MAX = 5 };

typedef struct shape {
    uint32_t n, h, w, c;
} shape;

static shape draw_shape(dice *d)
{
    shape s;
    do {
        s = (shape){ 1 + dice_below(d, 3), dice_size(d, 33), dice_size(d, 33),
                     1 + dice_below(d, CHANNELS_MAX) };
    } while (s.h * s.w * s.c == 1); /* one number per picture: that is no latent */
    return s;
}

static size_t shape_count(shape s)
{
    return (size_t)s.n * s.h * s.w * s.c;
}

/* The states of the sampler, and what is in them. */
typedef struct states {
    tensor_id recipe, cursor, latent, start_noise, step_noise;
    sampler_recipe *content;
} states;

static states make_states(test *t, shape s)
{
    states made = {
        .recipe =
            test_state(t, "recipe", DTYPE_U32, 1, 1, 1, sizeof(sampler_recipe) / sizeof(uint32_t)),
        .cursor = test_state(t, "cursor", DTYPE_U32, 1, 1, 1, 1),
        .latent = test_state(t, "latent", DTYPE_F32, s.n, s.h, s.w, s.c),
        .start_noise = test_state(t, "start_noise", DTYPE_F32, s.n, s.h, s.w, s.c),
        .step_noise = test_state(t, "step_noise", DTYPE_F32, STEP_NOISE_SLOTS * s.n, s.h, s.w, s.c),
        .content = test_alloc(t, 1, sizeof(sampler_recipe)),
    };
    memset(made.content, 0xff, sizeof *made.content); /* NaN in the rows that no step may read */
    made.content->steps = 1;
    made.content->start_from_host = made.content->steps_from_host = dice_below(&t->dice, 2);
    for (uint32_t i = 0; i < RECIPE_BATCH_MAX; ++i) {
        made.content->seed_low[i] = dice_below(&t->dice, UINT32_MAX);
        made.content->seed_high[i] = dice_below(&t->dice, 3);
    }
    return made;
}

static uint64_t seed_of(const sampler_recipe *recipe, uint32_t picture)
{
    return (uint64_t)recipe->seed_high[picture] << 32 | recipe->seed_low[picture];
}

/* And the noise of the host, whether it is used or not. */
static void fill_recipe(test *t, const states *s)
{
    test_fill_bytes(t, s->recipe, s->content, sizeof *s->content);
    test_fill_normal(t, s->start_noise, 0, 1);
    test_fill_normal(t, s->step_noise, 0, 1);
}

static void expect_cursor(test *t, const states *s, uint32_t cursor)
{
    reference expected = reference_like(t, s->cursor);
    expected.value[0] = cursor;
    test_expect(t, s->cursor, &expected, (test_limits){ .exact = true });
}

/* Rows of the samplers, and one with everything in it. */
enum { ROW_KINDS = 6 };
static const char *const row_names[ROW_KINDS] = { "multistep", "clipped",     "addim",
                                                  "last",      "consistency", "everything" };

static sampler_row draw_row(dice *d, uint32_t kind)
{
    scheduler_config multistep = {
        .class = SCHEDULER_MULTISTEP,
        .image_size = 32,
        .noise_size_low = 32,
        .noise_size_high = 32,
        .logsnr_min = -15,
        .logsnr_max = 15,
        .timestep_scale = 1000,
        .clip_sample = kind == 1,
    };
    const scheduler_config consistency = {
        .class = SCHEDULER_CONSISTENCY,
        .sigma_min = 0.002,
        .sigma_max = 80,
        .sigma_data = 0.5,
        .rho = 7,
        .s_noise = 1,
        .num_train_timesteps = 40,
        .clip_denoised = true,
    };
    const uint32_t steps = 1 + dice_below(d, 20), i = 1 + dice_below(d, steps);
    const double top = (double)i / steps, bottom = (i - 1.0) / steps;
    sampler_row row;
    switch (kind) {
    case 3: row_finish(&multistep, top, &row); break;
    case 4:
        row_consistency(&consistency, 80 * dice_uniform(d) + 0.002, 3 * dice_uniform(d) + 0.002,
                        &row);
        break;
    case 5:
        row = (sampler_row){
            .input_scale = .9f,
            .timestep = 17,
            .segment = 5,
            .clip = .8f,
            .x0_sample = .5f,
            .x0_model = -.7f,
            .noise_sample = 1.2f,
            .noise_x0 = -.4f,
            .next_x0 = .3f,
            .next_sample = .2f,
            .next_model = .15f,
            .next_noise = .9f,
            .sigma = .6f,
            .variance = .2f,
        };
        break;
    default: row_hop(&multistep, top, bottom, kind == 2, &row);
    }
    row.draw = 1 + dice_below(d, RECIPE_STEPS_MAX);
    return row;
}

/* ---- begin ---------------------------------------------------------------------------------- */

static void reference_noise(reference *latent, const sampler_recipe *recipe, uint32_t draw)
{
    const size_t count = (size_t)latent->h * latent->w * latent->c;
    float normals[1000];
    for (uint32_t picture = 0; picture < latent->n; ++picture)
        for (size_t first = 0; first < count; first += 1000) {
            const size_t part = count - first < 1000 ? count - first : 1000;
            noise_normals(seed_of(recipe, picture), draw, (uint32_t)first, part, normals);
            for (size_t i = 0; i < part; ++i)
                latent->value[picture * count + first + i] = normals[i];
        }
}

/* What begin takes. */
static void reference_start(test *t, const states *s, reference *latent)
{
    if (s->content->start_from_host)
        memcpy(latent->value, test_reference(t, s->start_noise)->value,
               reference_count(latent) * sizeof *latent->value);
    else
        reference_noise(latent, s->content, 0);
}

/* What the row of the step `cursor` takes. */
static void reference_step(test *t, const states *s, uint32_t cursor, uint32_t draw,
                           reference *latent)
{
    const size_t count = reference_count(latent);
    if (s->content->steps_from_host)
        memcpy(latent->value,
               test_reference(t, s->step_noise)->value + cursor % STEP_NOISE_SLOTS * count,
               count * sizeof *latent->value);
    else
        reference_noise(latent, s->content, draw);
}

/* The same bits on every device. */
static void case_begin(selftest *suite, shape s, uint32_t seed)
{
    test t;
    if (!test_begin(&t, suite, DTYPE_F32, "begin f32 [%u, %u, %u, %u] seed %u", s.n, s.h, s.w, s.c,
                    seed))
        return;
    const states state = make_states(&t, s);
    state.content->initial_scale = seed % 2 ? 80.0f : 1.0f;
    fill_recipe(&t, &state);
    op_begin(&t.graph, "begin", state.recipe, state.cursor, state.start_noise, state.latent);
    reference expected = reference_like(&t, state.latent);
    reference_start(&t, &state, &expected);
    for (size_t i = 0; i < shape_count(s); ++i)
        expected.value[i] = (float)(state.content->initial_scale * expected.value[i]);
    test_expect(&t, state.latent, &expected, (test_limits){ .exact = true });
    expect_cursor(&t, &state, 0);
    test_end(&t);
}

/* ---- step_input ----------------------------------------------------------------------------- */

static void expect_per_picture(test *t, tensor_id id, float value)
{
    reference expected = reference_like(t, id);
    for (size_t i = 0; i < reference_count(&expected); ++i)
        expected.value[i] = value;
    test_expect(t, id, &expected, (test_limits){ .exact = true });
}

static void case_step_input(selftest *suite, dtype storage, uint32_t seed)
{
    dice d = { seed };
    const shape s = draw_shape(&d);
    test t;
    if (!test_begin(&t, suite, storage, "step_input %s [%u, %u, %u, %u] seed %u",
                    test_storage_name(storage), s.n, s.h, s.w, s.c, seed))
        return;
    const states state = make_states(&t, s);
    const tensor_id time = test_state(&t, "time", DTYPE_F32, s.n, 1, 1, 1);
    const tensor_id segment = test_state(&t, "segment", DTYPE_F32, s.n, 1, 1, 1);
    const uint32_t cursor = dice_below(&d, RECIPE_STEPS_MAX);
    const sampler_row row = draw_row(&d, dice_below(&d, ROW_KINDS));
    state.content->rows[cursor] = row;
    fill_recipe(&t, &state);
    test_fill_u32(&t, state.cursor, &cursor);
    test_fill_normal(&t, state.latent, 0, 2);
    const tensor_id sample =
        op_step_input(&t.graph, "sample", state.recipe, state.cursor, state.latent, time, segment);
    test_slice_output(&t, sample);
    const reference *x = test_reference(&t, state.latent);
    reference expected = reference_like(&t, sample);
    for (size_t i = 0; i < shape_count(s); ++i) {
        expected.value[i] = row.input_scale * x->value[i];
        expected.magnitude[i] = fabs(expected.value[i]);
    }
    test_expect(&t, sample, &expected, test_limit(&t, 1e-14, 1e-6, 2));
    expect_per_picture(&t, time, row.timestep);
    expect_per_picture(&t, segment, row.segment);
    test_end(&t);
}

/* ---- sampler_row ---------------------------------------------------------------------------- */

typedef struct prediction {
    double x0, x0_size, e, e_size; /* sizes: sums of absolute values */
} prediction;

static prediction predict(const sampler_row *row, double x, double m)
{
    prediction p = {
        .x0 = row->x0_sample * x + row->x0_model * m,
        .x0_size = fabs(row->x0_sample * x) + fabs(row->x0_model * m),
    };
    if (row->clip > 0 && isfinite(p.x0))
        p.x0 = fmin(fmax(p.x0, -row->clip), row->clip);
    p.e = row->noise_sample * x + row->noise_x0 * p.x0;
    p.e_size = fabs(row->noise_sample * x) + fabs(row->noise_x0) * p.x0_size;
    return p;
}

static double adjustment(const sampler_row *row, const double *x, const double *m, size_t count)
{
    double squares = 0;
    for (size_t i = 0; i < count; ++i) {
        const double e = predict(row, x[i], m[i]).e;
        squares += e * e;
    }
    if (row->variance == 0 || !(squares > 0))
        return 0;
    const double sigma = row->sigma;
    return sqrt(sigma * sigma + row->variance * (double)count / squares) - sigma;
}

/* lib/recipe.h's formulas, for one picture; next: noise, replaced by the next sample. */
static void reference_row(const sampler_row *row, const double *x, const double *m, size_t count,
                          double *next, double *size)
{
    const double g = adjustment(row, x, m, count);
    for (size_t i = 0; i < count; ++i) {
        const prediction p = predict(row, x[i], m[i]);
        const double noise = row->next_noise * next[i];
        next[i] = row->next_x0 * p.x0 + row->next_sample * x[i] + row->next_model * m[i] + g * p.e +
                  noise;
        size[i] = fabs(row->next_x0) * p.x0_size + fabs(row->next_sample * x[i]) +
                  fabs(row->next_model * m[i]) + (g + row->sigma) * p.e_size + fabs(noise);
    }
}

/* The latent is float in every graph: limits as for f32, whatever the storage of the model's
 * output, which the reference reads already rounded. */
static const test_limits row_limits = { .nmse = 1e-12, .absolute = 1e-7, .factor = 32 };

static void expect_row(test *t, const states *state, uint32_t cursor, const sampler_row *row,
                       tensor_id model)
{
    const reference *x = test_reference(t, state->latent), *m = test_reference(t, model);
    reference expected = reference_like(t, state->latent);
    const size_t count = reference_count(x) / x->n;
    if (row->next_noise != 0)
        reference_step(t, state, cursor, row->draw, &expected);
    for (size_t first = 0; first < reference_count(x); first += count)
        reference_row(row, x->value + first, m->value + first, count, expected.value + first,
                      expected.magnitude + first);
    test_expect(t, state->latent, &expected, row_limits);
}

static void case_sampler_row(selftest *suite, dtype storage, uint32_t kind, shape s, uint32_t seed)
{
    dice d = { seed };
    test t;
    if (!test_begin(&t, suite, storage, "sampler_row %s %s [%u, %u, %u, %u] seed %u",
                    test_storage_name(storage), row_names[kind], s.n, s.h, s.w, s.c, seed))
        return;
    const states state = make_states(&t, s);
    const tensor_id model = test_activation(&t, "model", s.n, s.h, s.w, s.c);
    const uint32_t cursor = dice_below(&d, RECIPE_STEPS_MAX);
    const sampler_row row = draw_row(&d, kind);
    state.content->rows[cursor] = row;
    fill_recipe(&t, &state);
    test_fill_u32(&t, state.cursor, &cursor);
    test_fill_normal(&t, state.latent, 0, 1);
    test_fill_normal(&t, model, 0, 1);
    t.repeats = 3;
    op_sampler_row(&t.graph, "row", state.recipe, state.cursor, state.step_noise, state.latent,
                   model);
    expect_row(&t, &state, cursor, &row, model);
    expect_cursor(&t, &state, cursor + 1);
    test_end(&t);
}

/* NaN and Inf of the network survive the clipping to [-1, 1]: op_frame must see them. */
static void case_sampler_row_bad(selftest *suite, dtype storage, uint32_t seed)
{
    const shape s = { 2, 5, 7, 3 };
    test t;
    if (!test_begin(&t, suite, storage, "sampler_row %s bad values [%u, %u, %u, %u] seed %u",
                    test_storage_name(storage), s.n, s.h, s.w, s.c, seed))
        return;
    const states state = make_states(&t, s);
    const tensor_id model = test_activation(&t, "model", s.n, s.h, s.w, s.c);
    const uint32_t cursor = 0;
    dice d = { seed };
    state.content->rows[cursor] = draw_row(&d, 3);
    fill_recipe(&t, &state);
    test_fill_u32(&t, state.cursor, &cursor);
    test_fill_normal(&t, state.latent, 0, 1);
    double *values = test_alloc(&t, shape_count(s), sizeof *values);
    for (size_t i = 0; i < shape_count(s); ++i)
        values[i] = i % 7 == 0 ? NAN : i % 11 == 0 ? INFINITY : i % 13 == 0 ? -INFINITY : 0.25;
    test_fill(&t, model, values);
    op_sampler_row(&t.graph, "row", state.recipe, state.cursor, state.step_noise, state.latent,
                   model);
    expect_row(&t, &state, cursor, &state.content->rows[cursor], model);
    expect_cursor(&t, &state, 1);
    test_end(&t);
}

/* begin and three steps in one graph, with a network that answers its own input: the cursor walks
 * through the rows, the noise through its draws. */
static void case_sampler_chain(selftest *suite, uint32_t kind, uint32_t seed)
{
    enum { STEPS = 3 };
    dice d = { seed };
    const shape s = draw_shape(&d);
    test t;
    if (!test_begin(&t, suite, DTYPE_F32, "sampler chain f32 %s [%u, %u, %u, %u] seed %u",
                    row_names[kind], s.n, s.h, s.w, s.c, seed))
        return;
    const states state = make_states(&t, s);
    const tensor_id time = test_state(&t, "time", DTYPE_F32, s.n, 1, 1, 1);
    const tensor_id segment = test_state(&t, "segment", DTYPE_F32, s.n, 1, 1, 1);
    state.content->initial_scale = 1;
    for (uint32_t step = 0; step < STEPS; ++step)
        state.content->rows[step] = draw_row(&d, kind);
    fill_recipe(&t, &state);
    op_begin(&t.graph, "begin", state.recipe, state.cursor, state.start_noise, state.latent);
    for (uint32_t step = 0; step < STEPS; ++step) {
        char name[16];
        snprintf(name, sizeof name, "step%u", step);
        graph_push_scope(&t.graph, "%s", name);
        const tensor_id sample = op_step_input(&t.graph, "sample", state.recipe, state.cursor,
                                               state.latent, time, segment);
        op_sampler_row(&t.graph, "row", state.recipe, state.cursor, state.step_noise, state.latent,
                       sample);
        graph_pop_scope(&t.graph);
    }
    reference x = reference_like(&t, state.latent), m = reference_like(&t, state.latent);
    reference next = reference_like(&t, state.latent);
    const size_t count = shape_count(s) / s.n;
    reference_start(&t, &state, &x);
    for (uint32_t step = 0; step < STEPS; ++step) {
        const sampler_row *row = &state.content->rows[step];
        for (size_t i = 0; i < shape_count(s); ++i)
            m.value[i] = row->input_scale * x.value[i];
        reference_step(&t, &state, step, row->draw, &next);
        for (size_t first = 0; first < shape_count(s); first += count)
            reference_row(row, x.value + first, m.value + first, count, next.value + first,
                          next.magnitude + first);
        memcpy(x.value, next.value, shape_count(s) * sizeof *x.value);
    }
    test_expect(&t, state.latent, &x, (test_limits){ .nmse = 1e-11, .absolute = 1e-5 });
    expect_cursor(&t, &state, STEPS);
    expect_per_picture(&t, time, state.content->rows[STEPS - 1].timestep);
    expect_per_picture(&t, segment, state.content->rows[STEPS - 1].segment);
    test_end(&t);
}

/* ---- frame ---------------------------------------------------------------------------------- */

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
    shape s = draw_shape(&d);
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

static void cases_of_rows(selftest *suite)
{
    for (uint32_t kind = 0; kind < ROW_KINDS; ++kind) {
        for (uint32_t seed = 0; seed < 5; ++seed) {
            dice d = { 100 * kind + seed };
            const shape s = draw_shape(&d);
            case_sampler_row(suite, DTYPE_F32, kind, s, seed);
            case_sampler_row(suite, DTYPE_F16, kind, s, seed);
        }
        case_sampler_chain(suite, kind, kind);
    }
    /* more quads than partial sums have invocations: 64 chunks of several rounds */
    const shape large = { 2, 150, 131, 3 };
    case_sampler_row(suite, DTYPE_F32, 2, large, 1);
    case_sampler_row(suite, DTYPE_F16, 2, large, 1);
    for (uint32_t seed = 0; seed < 2; ++seed) {
        case_sampler_row_bad(suite, DTYPE_F32, seed);
        case_sampler_row_bad(suite, DTYPE_F16, seed);
    }
}

void cases_sampling(selftest *suite)
{
    for (uint32_t seed = 0; seed < 12; ++seed) { /* half of them with noise of the host */
        dice d = { seed };
        case_begin(suite, draw_shape(&d), seed);
        case_step_input(suite, DTYPE_F32, seed);
        case_step_input(suite, DTYPE_F16, seed);
    }
    case_begin(suite, (shape){ 1, 512, 512, 4 }, 0); /* a million elements */
    case_begin(suite, (shape){ RECIPE_BATCH_MAX, 5, 3, 3 }, 1);
    cases_of_rows(suite);
    for (uint32_t seed = 0; seed < 9; ++seed) {
        case_frame(suite, CONTENT_PICTURE, false, seed);
        case_frame(suite, CONTENT_PICTURE, true, seed);
        case_frame(suite, CONTENT_BAD, seed % 2, seed);
    }
    case_frame(suite, CONTENT_FLAT, false, 1);
    case_frame(suite, CONTENT_FLAT, true, 2);
    case_frame(suite, CONTENT_ALL_BAD, false, 1);
}
