#include "core/half.h"
#include "core/philox.h"
#include "sampler/rows.h"
#include "selftest/selftest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what the cases share ------------------------------------------------------------------- */

/* The states of the sampler, and what is in them. */
typedef struct states {
    shape shape;
    sampler_states tensors;
    sampler_recipe *content;
} states;

static states make_states(test *t, shape s)
{
    const sampler_states tensors = {
        .recipe =
            test_state(t, "recipe", DTYPE_U32, 1, 1, 1, sizeof(sampler_recipe) / sizeof(uint32_t)),
        .cursor = test_state(t, "cursor", DTYPE_U32, 1, 1, 1, 1),
        .latent = test_state(t, "latent", DTYPE_F32, s.n, s.h, s.w, s.c),
        .x0_before = test_state(t, "x0_before", DTYPE_F32, s.n, s.h, s.w, s.c),
        .known = test_state(t, "known", DTYPE_F32, 1, s.h, s.w, s.c),
        .mask = test_state(t, "mask", DTYPE_F32, 1, s.h, s.w, 1),
        .begun_noise = test_state(t, "begun_noise", DTYPE_F32, s.n, s.h, s.w, s.c),
        .start_noise = test_state(t, "start_noise", DTYPE_F32, s.n, s.h, s.w, s.c),
        .step_noise = test_state(t, "step_noise", DTYPE_F32, STEP_NOISE_SLOTS * s.n, s.h, s.w, s.c),
    };
    states made = { s, tensors, test_alloc(t, 1, sizeof(sampler_recipe)) };
    memset(made.content, 0xff, sizeof *made.content); /* NaN in the rows that no step may read */
    made.content->steps = 1;
    made.content->initial_known = 0;
    made.content->keeps = 0;
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

/* Of [1, h, w, 1]: a third of it keeps, a third does not. */
static void fill_mask(test *t, tensor_id mask, bool edits)
{
    const tensor *m = graph_tensor(&t->graph, mask);
    const size_t count = (size_t)m->h * m->w;
    double *values = test_alloc(t, count, sizeof *values);
    for (size_t i = 0; i < count; ++i)
        values[i] = edits ? fmin(fmax(3 * dice_uniform(&t->dice) - 1, 0), 1) : NAN;
    test_fill(t, mask, values);
}

/* And what only some recipes use: the noise of the host, a picture that is known, a past. NaN is
 * where nothing may be read. */
static void fill_recipe(test *t, const states *s, bool edits)
{
    const sampler_states *tensors = &s->tensors;
    test_fill_bytes(t, tensors->recipe, s->content, sizeof *s->content);
    test_fill_normal(t, tensors->start_noise, 0, 1);
    test_fill_normal(t, tensors->step_noise, 0, 1);
    test_fill_normal(t, tensors->x0_before, edits ? 0 : NAN, 1);
    test_fill_normal(t, tensors->known, edits ? 0 : NAN, 1);
    test_fill_normal(t, tensors->begun_noise, edits ? 0 : NAN, 1);
    fill_mask(t, tensors->mask, edits);
}

static void expect_cursor(test *t, const states *s, uint32_t cursor)
{
    reference expected = reference_like(t, s->tensors.cursor);
    expected.value[0] = cursor;
    test_expect(t, s->tensors.cursor, &expected, (test_limits){ .exact = true });
}

/* Rows of the samplers, and one with everything in it. */
enum { ROW_EVERYTHING = 5, ROW_KINDS };
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
    case ROW_EVERYTHING:
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
            .next_before = .35f,
            .guidance = 2.5f,
            .sigma = .6f,
            .variance = .2f,
            .known_x0 = .75f,
            .known_start = .45f,
            .known_noise = .55f,
            .keep_x0 = 1,
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
        memcpy(latent->value, test_reference(t, s->tensors.start_noise)->value,
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
               test_reference(t, s->tensors.step_noise)->value + cursor % STEP_NOISE_SLOTS * count,
               count * sizeof *latent->value);
    else
        reference_noise(latent, s->content, draw);
}

static void expect_begun_noise(test *t, const states *s)
{
    reference expected = reference_like(t, s->tensors.begun_noise);
    reference_start(t, s, &expected);
    test_expect(t, s->tensors.begun_noise, &expected, (test_limits){ .exact = true });
}

/* The same bits on every device; with a known picture, which may be contracted, nearly. */
static void case_begin(selftest *suite, shape s, bool edits, uint32_t seed)
{
    test t;
    if (!test_begin(&t, suite, DTYPE_F32, "begin f32 %s[%u, %u, %u, %u] seed %u",
                    edits ? "known " : "", s.n, s.h, s.w, s.c, seed))
        return;
    const states state = make_states(&t, s);
    const double scale = state.content->initial_scale = seed % 2 ? 80.0f : 1.0f;
    const double part = state.content->initial_known = edits ? 0.625f : 0.0f;
    state.content->keeps = edits;
    fill_recipe(&t, &state, edits);
    op_begin(&t.graph, "begin", &state.tensors);
    const reference *known = test_reference(&t, state.tensors.known);
    reference expected = reference_like(&t, state.tensors.latent);
    reference_start(&t, &state, &expected);
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
    expect_cursor(&t, &state, 0);
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
    const states state = make_states(&t, (shape){ 1, 1, 1, 1 });
    const uint32_t cursor = STEPS - left, count = EMBEDDED_ROWS * images;
    uint32_t ids[64];
    row_times to = { .labels = NO_TENSOR, .given_labels = NO_TENSOR };
    state.content->steps = STEPS;
    for (uint32_t i = cursor; i < STEPS; ++i)
        state.content->rows[i] =
            (sampler_row){ .timestep = 100.5f + (float)i, .segment = (float)i };
    fill_recipe(&t, &state, false);
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

static void expect_time(test *t, tensor_id time, float value)
{
    reference expected = reference_like(t, time);
    for (size_t i = 0; i < reference_count(&expected); ++i)
        expected.value[i] = value;
    test_expect(t, time, &expected, (test_limits){ .exact = true });
}

/* What was embedded of a few rows, and where that of one of them goes. */
typedef struct embedding {
    tensor_id rows, row;
} embedding;

static embedding make_embedding(test *t, uint32_t images, uint32_t channels)
{
    const embedding e = {
        .rows = test_state(t, "embedded", t->graph.storage, EMBEDDED_ROWS * images, 1, 1, channels),
        .row = graph_activation(&t->graph, "row", t->graph.storage, images, 1, 1, channels),
    };
    test_fill_normal(t, e.rows, 0, 1);
    return e;
}

static void expect_embedding(test *t, const embedding *e, uint32_t cursor)
{
    reference expected = reference_like(t, e->row);
    const size_t count = reference_count(&expected);
    const double *from = test_reference(t, e->rows)->value + cursor % EMBEDDED_ROWS * count;
    memcpy(expected.value, from, count * sizeof *from);
    test_expect(t, e->row, &expected, (test_limits){ .exact = true });
}

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
    const states state = make_states(&t, s);
    const uint32_t n = evaluations * s.n, channels = fills ? 2 * s.c + 1 : s.c;
    const tensor_id time = test_state(&t, "time", DTYPE_F32, n, 1, 1, 1);
    const embedding e = make_embedding(&t, n, 2 + dice_below(&d, 700));
    const uint32_t cursor = dice_below(&d, RECIPE_STEPS_MAX);
    const sampler_row row = draw_row(&d, dice_below(&d, ROW_KINDS));
    state.content->rows[cursor] = row;
    fill_recipe(&t, &state, fills);
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
    expect_time(&t, time, row.timestep);
    expect_embedding(&t, &e, cursor);
    test_end(&t);
}

/* ---- sampler_row ---------------------------------------------------------------------------- */

/* What a row reads of one number of the latent. */
typedef struct inputs {
    double x, m, m_size, known, mask, begun, before, noise;
} inputs;

typedef struct prediction {
    double x0, x0_size, e, e_size; /* sizes: sums of absolute values */
} prediction;

static prediction predict(const sampler_row *row, const inputs *in)
{
    prediction p = {
        .x0 = row->x0_sample * in->x + row->x0_model * in->m,
        .x0_size = fabs(row->x0_sample * in->x) + fabs(row->x0_model) * in->m_size,
    };
    if (row->clip > 0 && isfinite(p.x0))
        p.x0 = fmin(fmax(p.x0, -row->clip), row->clip);
    p.e = row->noise_sample * in->x + row->noise_x0 * p.x0;
    p.e_size = fabs(row->noise_sample * in->x) + fabs(row->noise_x0) * p.x0_size;
    return p;
}

static double adjustment(const sampler_row *row, const inputs *in, size_t count)
{
    double squares = 0;
    for (size_t i = 0; i < count; ++i) {
        const double e = predict(row, &in[i]).e;
        squares += e * e;
    }
    if (row->variance == 0 || !(squares > 0))
        return 0;
    const double sigma = row->sigma;
    return sqrt(sigma * sigma + row->variance * (double)count / squares) - sigma;
}

static void set_back(const sampler_row *row, const inputs *in, double *next, double *size)
{
    const double known = row->known_x0 * in->known, begun = row->known_start * in->begun,
                 noise = row->known_noise * in->noise;
    *next = (1 - in->mask) * *next + in->mask * (known + begun + noise);
    *size = (1 - in->mask) * *size + in->mask * (fabs(known) + fabs(begun) + fabs(noise));
}

/* lib/recipe.h's formulas, for one picture. */
static void reference_row(const sampler_row *row, const inputs *in, size_t count, double *next,
                          double *size, double *x0)
{
    const double g = adjustment(row, in, count);
    for (size_t i = 0; i < count; ++i) {
        const prediction p = predict(row, &in[i]);
        const double noise = row->next_noise != 0 ? row->next_noise * in[i].noise : 0;
        const double before = row->next_before != 0 ? row->next_before * in[i].before : 0;
        next[i] = row->next_x0 * p.x0 + row->next_sample * in[i].x + row->next_model * in[i].m +
                  g * p.e + noise + before;
        size[i] = fabs(row->next_x0) * p.x0_size + fabs(row->next_sample * in[i].x) +
                  fabs(row->next_model) * in[i].m_size + (g + row->sigma) * p.e_size + fabs(noise) +
                  fabs(before);
        x0[i] = p.x0;
        if (row->known_x0 != 0)
            set_back(row, &in[i], &next[i], &size[i]);
    }
}

/* The latent is float in every graph: limits as for f32, whatever the storage of the model's
 * output, which the reference reads already rounded. */
static const test_limits row_limits = { .nmse = 1e-12, .absolute = 1e-7, .factor = 32 };

/* What the row of step `cursor` reads; x and m: [n, h, w, c], m2 the second evaluation or NULL. */
static inputs *gather(test *t, const states *s, uint32_t cursor, const sampler_row *row,
                      const double *x, const double *m, const double *m2, const double *before)
{
    const size_t count = shape_count(s->shape);
    const reference *known = test_reference(t, s->tensors.known),
                    *mask = test_reference(t, s->tensors.mask);
    const size_t shared = reference_count(known);
    inputs *in = test_alloc(t, count, sizeof *in);
    reference noise = reference_like(t, s->tensors.latent);
    reference_step(t, s, cursor, row->draw, &noise);
    const double *begun = test_reference(t, s->tensors.begun_noise)->value;
    for (size_t i = 0; i < count; ++i) {
        const double guided = m2 ? row->guidance * (m2[i] - m[i]) : 0;
        in[i] = (inputs){
            .x = x[i],
            .m = m[i] + guided,
            .m_size = fabs(m[i]) + (m2 ? row->guidance * (fabs(m2[i]) + fabs(m[i])) : 0),
            .known = known->value[i % shared],
            .mask = mask->value[i % shared / s->shape.c],
            .begun = begun[i],
            .before = before[i],
            .noise = noise.value[i],
        };
    }
    return in;
}

static void rows_of_pictures(const states *s, const sampler_row *row, const inputs *in,
                             double *next, double *size, double *x0)
{
    const size_t count = shape_count(s->shape) / s->shape.n;
    for (size_t first = 0; first < shape_count(s->shape); first += count)
        reference_row(row, in + first, count, next + first, size + first, x0 + first);
}

static void expect_row(test *t, const states *state, uint32_t cursor, const sampler_row *row,
                       tensor_id model)
{
    const size_t count = shape_count(state->shape);
    const reference *x = test_reference(t, state->tensors.latent), *m = test_reference(t, model),
                    *before = test_reference(t, state->tensors.x0_before);
    const double *m2 = reference_count(m) > count ? m->value + count : NULL;
    const inputs *in = gather(t, state, cursor, row, x->value, m->value, m2, before->value);
    reference expected = reference_like(t, state->tensors.latent);
    reference kept = reference_like(t, state->tensors.x0_before);
    rows_of_pictures(state, row, in, expected.value, expected.magnitude, kept.value);
    test_expect(t, state->tensors.latent, &expected, row_limits);
    if (row->keep_x0)
        test_expect(t, state->tensors.x0_before, &kept,
                    (test_limits){ .nmse = 1e-12, .absolute = 1e-5 });
}

static void case_sampler_row(selftest *suite, dtype storage, uint32_t kind, uint32_t evaluations,
                             shape s, uint32_t seed)
{
    dice d = { seed };
    test t;
    if (!test_begin(&t, suite, storage, "sampler_row %s %s %u times [%u, %u, %u, %u] seed %u",
                    test_storage_name(storage), row_names[kind], evaluations, s.n, s.h, s.w, s.c,
                    seed))
        return;
    const states state = make_states(&t, s);
    const tensor_id model = test_activation(&t, "model", evaluations * s.n, s.h, s.w, s.c);
    const uint32_t cursor = dice_below(&d, RECIPE_STEPS_MAX);
    sampler_row row = draw_row(&d, kind);
    row.guidance = evaluations == 2 ? 2.5f : NAN; /* which no single evaluation reads */
    state.content->rows[cursor] = row;
    fill_recipe(&t, &state, kind == ROW_EVERYTHING);
    test_fill_u32(&t, state.tensors.cursor, &cursor);
    test_fill_normal(&t, state.tensors.latent, 0, 1);
    test_fill_normal(&t, model, 0, 1);
    t.repeats = row.keep_x0 ? 1 : 3; /* what is kept is the next run's past */
    op_sampler_row(&t.graph, "row", &state.tensors, model);
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
    fill_recipe(&t, &state, false);
    test_fill_u32(&t, state.tensors.cursor, &cursor);
    test_fill_normal(&t, state.tensors.latent, 0, 1);
    double *values = test_alloc(&t, shape_count(s), sizeof *values);
    for (size_t i = 0; i < shape_count(s); ++i)
        values[i] = i % 7 == 0 ? NAN : i % 11 == 0 ? INFINITY : i % 13 == 0 ? -INFINITY : 0.25;
    test_fill(&t, model, values);
    op_sampler_row(&t.graph, "row", &state.tensors, model);
    expect_row(&t, &state, cursor, &state.content->rows[cursor], model);
    expect_cursor(&t, &state, 1);
    test_end(&t);
}

/* begin and three steps in one graph, with a network that answers its own input: the cursor walks
 * through the rows, the noise through its draws, and what one row keeps is the next one's past. */
static void case_sampler_chain(selftest *suite, uint32_t kind, uint32_t seed)
{
    enum { STEPS = 3 };
    dice d = { seed };
    const shape s = dice_shape(&d);
    test t;
    if (!test_begin(&t, suite, DTYPE_F32, "sampler chain f32 %s [%u, %u, %u, %u] seed %u",
                    row_names[kind], s.n, s.h, s.w, s.c, seed))
        return;
    const states state = make_states(&t, s);
    const tensor_id time = test_state(&t, "time", DTYPE_F32, s.n, 1, 1, 1);
    const embedding e = make_embedding(&t, s.n, 9);
    state.content->initial_scale = 1;
    for (uint32_t step = 0; step < STEPS; ++step)
        state.content->rows[step] = draw_row(&d, kind);
    fill_recipe(&t, &state, kind == ROW_EVERYTHING);
    op_begin(&t.graph, "begin", &state.tensors);
    for (uint32_t step = 0; step < STEPS; ++step) {
        graph_push_scope(&t.graph, "step%u", step);
        const tensor_id sample =
            op_step_input(&t.graph, "sample", &state.tensors, time, e.rows, e.row, s.c);
        op_sampler_row(&t.graph, "row", &state.tensors, sample);
        graph_pop_scope(&t.graph);
    }
    reference x = reference_like(&t, state.tensors.latent);
    reference m = reference_like(&t, state.tensors.latent);
    reference next = reference_like(&t, state.tensors.latent);
    double *before = test_alloc(&t, shape_count(s), sizeof *before);
    memcpy(before, test_reference(&t, state.tensors.x0_before)->value,
           shape_count(s) * sizeof *before);
    reference_start(&t, &state, &x);
    for (uint32_t step = 0; step < STEPS; ++step) {
        const sampler_row *row = &state.content->rows[step];
        for (size_t i = 0; i < shape_count(s); ++i)
            m.value[i] = row->input_scale * x.value[i];
        const inputs *in = gather(&t, &state, step, row, x.value, m.value, NULL, before);
        rows_of_pictures(&state, row, in, next.value, next.magnitude, before);
        memcpy(x.value, next.value, shape_count(s) * sizeof *x.value);
    }
    test_expect(&t, state.tensors.latent, &x, (test_limits){ .nmse = 1e-11, .absolute = 1e-5 });
    expect_cursor(&t, &state, STEPS);
    expect_time(&t, time, state.content->rows[STEPS - 1].timestep);
    expect_embedding(&t, &e, STEPS - 1);
    test_end(&t);
}

/* ---- keep ---------------------------------------------------------------------------------- */

static void case_keep(selftest *suite, bool keeps, uint32_t seed)
{
    dice d = { seed };
    const shape s = dice_shape(&d);
    test t;
    if (!test_begin(&t, suite, DTYPE_F32, "keep %s [%u, %u, %u, %u] seed %u",
                    keeps ? "a part" : "nothing", s.n, s.h, s.w, s.c, seed))
        return;
    const states state = make_states(&t, s);
    const tensor_id picture = test_state(&t, "picture", DTYPE_F32, s.n, s.h, s.w, s.c);
    state.content->keeps = keeps;
    fill_recipe(&t, &state, keeps);
    test_fill_normal(&t, picture, 0, 1);
    const reference *before = test_reference(&t, picture),
                    *photo = test_reference(&t, state.tensors.known),
                    *mask = test_reference(&t, state.tensors.mask);
    op_keep(&t.graph, "keep", state.tensors.recipe, picture, state.tensors.known,
            state.tensors.mask);
    reference expected = reference_like(&t, picture);
    for (size_t i = 0; i < reference_count(&expected); ++i) {
        const size_t at = i % reference_count(photo);
        const double kept = keeps ? mask->value[at / s.c] : 0, new = (1 - kept) * before->value[i];
        expected.value[i] = kept > 0 ? new + kept * photo->value[at] : new;
        expected.magnitude[i] =
            kept > 0 && kept < 1 ? fabs(new) + fabs(kept * photo->value[at]) : 0;
    }
    /* no rounding where it is all of one or the other */
    test_expect(&t, picture, &expected, (test_limits){ .nmse = 1e-13, .factor = 4 });
    test_end(&t);
}

static void cases_of_rows(selftest *suite)
{
    for (uint32_t kind = 0; kind < ROW_KINDS; ++kind) {
        for (uint32_t seed = 0; seed < 5; ++seed) {
            dice d = { 100 * kind + seed };
            const shape s = dice_shape(&d);
            case_sampler_row(suite, DTYPE_F32, kind, 1 + seed % 2, s, seed);
            case_sampler_row(suite, DTYPE_F16, kind, 2 - seed % 2, s, seed);
        }
        case_sampler_chain(suite, kind, kind);
    }
    /* more quads than partial sums have invocations: 64 chunks of several rounds */
    const shape large = { 2, 150, 131, 3 };
    case_sampler_row(suite, DTYPE_F32, 2, 1, large, 1);
    case_sampler_row(suite, DTYPE_F16, 2, 2, large, 1);
    for (uint32_t seed = 0; seed < 2; ++seed) {
        case_sampler_row_bad(suite, DTYPE_F32, seed);
        case_sampler_row_bad(suite, DTYPE_F16, seed);
    }
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
    for (uint32_t seed = 0; seed < 6; ++seed)
        case_keep(suite, seed > 0, seed);
    case_begin(suite, (shape){ 1, 512, 512, 4 }, false, 0); /* a million elements */
    case_begin(suite, (shape){ RECIPE_BATCH_MAX, 5, 3, 3 }, false, 1);
    cases_of_rows(suite);
}
