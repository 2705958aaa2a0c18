#include "selftest/sampler_states.h"

#include "core/philox.h"

#include <math.h>
#include <string.h>

states states_make(test *t, shape s)
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

void states_fill(test *t, const states *s, bool edits)
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

void states_expect_cursor(test *t, const states *s, uint32_t cursor)
{
    reference expected = reference_like(t, s->tensors.cursor);
    expected.value[0] = cursor;
    test_expect(t, s->tensors.cursor, &expected, (test_limits){ .exact = true });
}

const char *const dice_row_names[ROW_KINDS] = { "multistep", "clipped",     "addim",
                                                "last",      "consistency", "everything" };

sampler_row dice_row(dice *d, uint32_t kind)
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

void states_start(test *t, const states *s, reference *latent)
{
    if (s->content->start_from_host)
        memcpy(latent->value, test_reference(t, s->tensors.start_noise)->value,
               reference_count(latent) * sizeof *latent->value);
    else
        reference_noise(latent, s->content, 0);
}

void states_step_noise(test *t, const states *s, uint32_t cursor, uint32_t draw, reference *latent)
{
    const size_t count = reference_count(latent);
    if (s->content->steps_from_host)
        memcpy(latent->value,
               test_reference(t, s->tensors.step_noise)->value + cursor % STEP_NOISE_SLOTS * count,
               count * sizeof *latent->value);
    else
        reference_noise(latent, s->content, draw);
}

void states_expect_time(test *t, tensor_id time, float value)
{
    reference expected = reference_like(t, time);
    for (size_t i = 0; i < reference_count(&expected); ++i)
        expected.value[i] = value;
    test_expect(t, time, &expected, (test_limits){ .exact = true });
}

embedding embedding_make(test *t, uint32_t images, uint32_t channels)
{
    const embedding e = {
        .rows = test_state(t, "embedded", t->graph.storage, EMBEDDED_ROWS * images, 1, 1, channels),
        .row = graph_activation(&t->graph, "row", t->graph.storage, images, 1, 1, channels),
    };
    test_fill_normal(t, e.rows, 0, 1);
    return e;
}

void embedding_expect(test *t, const embedding *e, uint32_t cursor)
{
    reference expected = reference_like(t, e->row);
    const size_t count = reference_count(&expected);
    const double *from = test_reference(t, e->rows)->value + cursor % EMBEDDED_ROWS * count;
    memcpy(expected.value, from, count * sizeof *from);
    test_expect(t, e->row, &expected, (test_limits){ .exact = true });
}
