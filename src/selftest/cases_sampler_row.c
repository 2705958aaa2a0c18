/* One row of a recipe, alone and three in turn. */
#include "selftest/sampler_states.h"

#include <math.h>
#include <string.h>

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
    states_step_noise(t, s, cursor, row->draw, &noise);
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
                    test_storage_name(storage), dice_row_names[kind], evaluations, s.n, s.h, s.w,
                    s.c, seed))
        return;
    const states state = states_make(&t, s);
    const tensor_id model = test_activation(&t, "model", evaluations * s.n, s.h, s.w, s.c);
    const uint32_t cursor = dice_below(&d, RECIPE_STEPS_MAX);
    sampler_row row = dice_row(&d, kind);
    row.guidance = evaluations == 2 ? 2.5f : NAN; /* which no single evaluation reads */
    state.content->rows[cursor] = row;
    states_fill(&t, &state, kind == ROW_EVERYTHING);
    test_fill_u32(&t, state.tensors.cursor, &cursor);
    test_fill_normal(&t, state.tensors.latent, 0, 1);
    test_fill_normal(&t, model, 0, 1);
    t.repeats = row.keep_x0 ? 1 : 3; /* what is kept is the next run's past */
    op_sampler_row(&t.graph, "row", &state.tensors, model);
    expect_row(&t, &state, cursor, &row, model);
    states_expect_cursor(&t, &state, cursor + 1);
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
    const states state = states_make(&t, s);
    const tensor_id model = test_activation(&t, "model", s.n, s.h, s.w, s.c);
    const uint32_t cursor = 0;
    dice d = { seed };
    state.content->rows[cursor] = dice_row(&d, 3);
    states_fill(&t, &state, false);
    test_fill_u32(&t, state.tensors.cursor, &cursor);
    test_fill_normal(&t, state.tensors.latent, 0, 1);
    double *values = test_alloc(&t, shape_count(s), sizeof *values);
    for (size_t i = 0; i < shape_count(s); ++i)
        values[i] = i % 7 == 0 ? NAN : i % 11 == 0 ? INFINITY : i % 13 == 0 ? -INFINITY : 0.25;
    test_fill(&t, model, values);
    op_sampler_row(&t.graph, "row", &state.tensors, model);
    expect_row(&t, &state, cursor, &state.content->rows[cursor], model);
    states_expect_cursor(&t, &state, 1);
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
                    dice_row_names[kind], s.n, s.h, s.w, s.c, seed))
        return;
    const states state = states_make(&t, s);
    const tensor_id time = test_state(&t, "time", DTYPE_F32, s.n, 1, 1, 1);
    const embedding e = embedding_make(&t, s.n, 9);
    state.content->initial_scale = 1;
    for (uint32_t step = 0; step < STEPS; ++step)
        state.content->rows[step] = dice_row(&d, kind);
    states_fill(&t, &state, kind == ROW_EVERYTHING);
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
    states_start(&t, &state, &x);
    for (uint32_t step = 0; step < STEPS; ++step) {
        const sampler_row *row = &state.content->rows[step];
        for (size_t i = 0; i < shape_count(s); ++i)
            m.value[i] = row->input_scale * x.value[i];
        const inputs *in = gather(&t, &state, step, row, x.value, m.value, NULL, before);
        rows_of_pictures(&state, row, in, next.value, next.magnitude, before);
        memcpy(x.value, next.value, shape_count(s) * sizeof *x.value);
    }
    test_expect(&t, state.tensors.latent, &x, (test_limits){ .nmse = 1e-11, .absolute = 1e-5 });
    states_expect_cursor(&t, &state, STEPS);
    states_expect_time(&t, time, state.content->rows[STEPS - 1].timestep);
    embedding_expect(&t, &e, STEPS - 1);
    test_end(&t);
}

void cases_sampler_row(selftest *suite)
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
