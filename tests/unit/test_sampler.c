/* Rows against direct transcriptions of the published samplers, with a made-up network. */
#include "sampler/rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ELEMENTS = 48 };

static const scheduler_config imagenet64 = {
    .class = SCHEDULER_MULTISTEP,
    .image_size = 64,
    .noise_size_low = 32,
    .noise_size_high = 64,
    .logsnr_min = -15,
    .logsnr_max = 15,
    .timestep_scale = 1000,
};
static const scheduler_config plain_cosine = {
    .class = SCHEDULER_MULTISTEP,
    .image_size = 32,
    .noise_size_low = 32,
    .noise_size_high = 32,
    .logsnr_min = -15,
    .logsnr_max = 15,
    .timestep_scale = 1000,
};

static scheduler_config song(uint32_t points)
{
    return (scheduler_config){
        .class = SCHEDULER_CONSISTENCY,
        .sigma_min = 0.002,
        .sigma_max = 80,
        .sigma_data = 0.5,
        .rho = 7,
        .s_noise = 1,
        .num_train_timesteps = points,
        .clip_denoised = true,
    };
}

static sampler_recipe recipe; /* too large for a stack */

static qs_status make_rows(const scheduler_config *scheduler, bool segments, qs_sampler sampler,
                           uint32_t steps)
{
    const qs_recipe wanted = { .sampler = sampler, .steps = steps };
    return sampler_rows(scheduler, segments, &wanted, &recipe);
}

static void assert_near(double got, double wanted, double relative)
{
    if (!(fabs(got - wanted) <= relative * fmax(fabs(wanted), 1e-3)))
        fail_msg("%.9g, wanted %.9g", got, wanted);
}

/* ---- a network, noise, and the row on the CPU ----------------------------------------------- */

/* Any smooth function will do; elements depend on each other as in a real network. */
static void network(const double *x, double timestep, double segment, double *m)
{
    for (int i = 0; i < ELEMENTS; ++i)
        m[i] = 0.7 * sin(1.3 * x[i] + 0.01 * timestep) - 0.2 * cos(x[(i + 5) % ELEMENTS]) +
               0.001 * segment;
}

static double noise_value(uint32_t draw, int element) /* any numbers */
{
    return sqrt(2) * sin(12.9898 * element + 78.233 * draw + 1);
}

static void start(double scale, double *x)
{
    for (int i = 0; i < ELEMENTS; ++i)
        x[i] = scale * noise_value(0, i);
}

static double clamp(double x, double limit)
{
    return fmin(fmax(x, -limit), limit);
}

/* shaders/lib/recipe.h, word for word */
static void apply(const sampler_row *row, double *x)
{
    double scaled[ELEMENTS], m[ELEMENTS], x0[ELEMENTS], e[ELEMENTS], squares = 0, g = 0;
    for (int i = 0; i < ELEMENTS; ++i)
        scaled[i] = row->input_scale * x[i];
    network(scaled, row->timestep, row->segment, m);
    for (int i = 0; i < ELEMENTS; ++i) {
        x0[i] = row->x0_sample * x[i] + row->x0_model * m[i];
        if (row->clip > 0)
            x0[i] = clamp(x0[i], row->clip);
        e[i] = row->noise_sample * x[i] + row->noise_x0 * x0[i];
        squares += e[i] * e[i];
    }
    if (row->variance > 0)
        g = sqrt(row->sigma * row->sigma + row->variance * ELEMENTS / squares) - row->sigma;
    for (int i = 0; i < ELEMENTS; ++i)
        x[i] = row->next_x0 * x0[i] + row->next_sample * x[i] + row->next_model * m[i] + g * e[i] +
               row->next_noise * noise_value(row->draw, i);
}

static void sample(const scheduler_config *scheduler, bool segments, qs_sampler sampler,
                   uint32_t steps, double *x)
{
    memset(&recipe, 0xff, sizeof recipe);
    assert_int_equal(make_rows(scheduler, segments, sampler, steps), QS_OK);
    assert_int_equal(recipe.steps, steps);
    start(recipe.initial_scale, x);
    for (uint32_t step = 0; step < steps; ++step) {
        const sampler_row *row = &recipe.rows[step];
        assert_int_equal(row->draw, row->next_noise != 0 ? 1 + step : 0);
        apply(row, x);
    }
}

/* A row's floats are off by 2^-24: that adds up at random over the steps. */
static void assert_same(const double *got, const double *wanted)
{
    const double relative = fmax(1e-6, 0x1p-23 * sqrt(recipe.steps));
    double largest = 0;
    for (int i = 0; i < ELEMENTS; ++i)
        largest = fmax(largest, fabs(wanted[i]));
    for (int i = 0; i < ELEMENTS; ++i)
        assert_true(fabs(got[i] - wanted[i]) <= relative * largest);
}

/* ---- the papers' algorithms ----------------------------------------------------------------- */

typedef struct hop {
    double t, s, alpha_t, sigma_t, alpha_s, sigma_s;
} hop;

static hop hop_of(const scheduler_config *c, uint32_t i, uint32_t steps)
{
    hop h = { .t = (double)i / steps, .s = (i - 1.0) / steps };
    schedule_alpha_sigma(c, h.t, &h.alpha_t, &h.sigma_t);
    schedule_alpha_sigma(c, h.s, &h.alpha_s, &h.sigma_s);
    return h;
}

/* xhat = alpha_t z - sigma_t v */
static void predict(const scheduler_config *c, const hop *h, double segment, const double *z,
                    double *xhat)
{
    double v[ELEMENTS];
    network(z, 1000 * h->t, segment, v);
    for (int i = 0; i < ELEMENTS; ++i) {
        xhat[i] = h->alpha_t * z[i] - h->sigma_t * v[i];
        if (c->clip_sample)
            xhat[i] = clamp(xhat[i], 1);
    }
}

static void finish(const double *xhat, double *z)
{
    for (int i = 0; i < ELEMENTS; ++i)
        z[i] = clamp(xhat[i], 1);
}

/* arXiv 2403.06807 algorithm 2; segments 0: DDIM of the diffusion model */
static void algorithm_2(const scheduler_config *c, uint32_t steps, bool segments, double *z)
{
    double xhat[ELEMENTS];
    start(1, z);
    for (uint32_t i = steps; i >= 1; --i) {
        const hop h = hop_of(c, i, steps);
        predict(c, &h, segments ? 1000.0 / steps : 0, z, xhat);
        for (int k = 0; k < ELEMENTS; ++k)
            z[k] = h.alpha_s * xhat[k] + h.sigma_s / h.sigma_t * (z[k] - h.alpha_t * xhat[k]);
    }
    finish(xhat, z);
}

/* algorithm 3 with the analytic variance */
static void algorithm_3(const scheduler_config *c, uint32_t steps, double *z)
{
    double xhat[ELEMENTS], e[ELEMENTS];
    start(1, z);
    for (uint32_t i = steps; i >= 1; --i) {
        const hop h = hop_of(c, i, steps);
        predict(c, &h, 0, z, xhat);
        double squares = 0;
        for (int k = 0; k < ELEMENTS; ++k) {
            e[k] = (z[k] - h.alpha_t * xhat[k]) / h.sigma_t;
            squares += e[k] * e[k];
        }
        const double x_variance = 0.1 / (2 + pow(h.alpha_t / h.sigma_t, 2));
        const double z_variance =
            pow(h.alpha_s - h.alpha_t * h.sigma_s / h.sigma_t, 2) * x_variance;
        for (int k = 0; k < ELEMENTS; ++k)
            z[k] = h.alpha_s * xhat[k] +
                   sqrt(h.sigma_s * h.sigma_s + ELEMENTS / squares * z_variance) * e[k];
    }
    finish(xhat, z);
}

/* arXiv 2303.01469 algorithm 1 as diffusers writes it, at the grid's points indices[] */
static void algorithm_song(const scheduler_config *c, const uint32_t *indices, uint32_t steps,
                           double *x)
{
    start(80, x);
    for (uint32_t step = 0; step < steps; ++step) {
        const double sigma = schedule_karras_sigma(c, indices[step]);
        const double next = step + 1 < steps ? schedule_karras_sigma(c, indices[step + 1]) : 0.002;
        const double skip = 0.25 / (pow(sigma - 0.002, 2) + 0.25);
        const double out = (sigma - 0.002) * 0.5 / sqrt(sigma * sigma + 0.25);
        double scaled[ELEMENTS], m[ELEMENTS];
        for (int i = 0; i < ELEMENTS; ++i)
            scaled[i] = x[i] / sqrt(sigma * sigma + 0.25);
        network(scaled, 1000 * 0.25 * log(sigma + 1e-44), 0, m);
        for (int i = 0; i < ELEMENTS; ++i)
            x[i] = clamp(out * m[i] + skip * x[i], 1) +
                   sqrt(next * next - 0.002 * 0.002) * noise_value(1 + step, i);
    }
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void schedule_vectors(void **state)
{
    (void)state;
    static const double vectors[][4] = {
        /* t, log SNR, alpha, sigma */
        { 1, -16.3863, .000277, 1 },
        { .875, -4.4385, .108056, .994145 },
        { .75, -2.8009, .239323, .970940 },
        { .625, -1.6722, .397651, .917537 },
        { .5, -.6931, .577350, .816497 },
        { .375, .2859, .755647, .654979 },
        { .25, 1.4146, .896935, .442163 },
        { .125, 3.0522, .977177, .212424 },
        { 0, 15, 1, .000553 },
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; ++i) {
        double alpha, sigma;
        schedule_alpha_sigma(&imagenet64, vectors[i][0], &alpha, &sigma);
        assert_true(fabs(schedule_logsnr(&imagenet64, vectors[i][0]) - vectors[i][1]) < 6e-5);
        assert_true(fabs(alpha - vectors[i][2]) < 6e-7);
        assert_true(fabs(sigma - vectors[i][3]) < 6e-7);
        assert_near(alpha * alpha + sigma * sigma, 1, 1e-15);
    }
    static const double plain[][2] = {
        /* t, sigma / alpha */
        { .875, 5.01646 }, { .75, 2.41233 }, { .5, 1 }, { .25, .41454 }, { .125, .19934 },
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; ++i) {
        double alpha, sigma;
        schedule_alpha_sigma(&plain_cosine, plain[i][0], &alpha, &sigma);
        assert_true(fabs(sigma / alpha - plain[i][1]) < 6e-6);
    }
    assert_near(schedule_logsnr(&plain_cosine, 1), -15, 1e-12);
}

/* z_s = a z + b v, and the rotation's angle is that of the schedule. */
static void rotation(void **state)
{
    (void)state;
    static const double vectors[4][2] = {
        { .971006, -.239054 },
        { .930942, -.365166 },
        { .878870, -.477061 },
        { .897179, -.441667 },
    };
    for (int i = 0; i < 4; ++i) {
        sampler_row row;
        row_hop(&imagenet64, 1 - i / 4., .75 - i / 4., false, &row);
        assert_true(fabs(row.next_sample + row.next_x0 * row.x0_sample - vectors[i][0]) < 6e-7);
        assert_true(fabs(row.next_x0 * row.x0_model - vectors[i][1]) < 6e-7);
        assert_near(row.timestep, 1000 - 250 * i, 1e-7);
    }
    for (int i = 1; i <= 100; ++i) { /* from t to t: nothing moves, nothing is added */
        sampler_row row;
        row_hop(&imagenet64, i / 100., i / 100., true, &row);
        assert_true(row.next_x0 == 0 && row.next_sample == 1 && row.variance == 0);
    }
}

static void consistency_vectors(void **state)
{
    (void)state;
    static const double vectors[][6] = {
        /* index, sigma, c_skip, c_out, c_in, time */
        { 0, 80, 3.90629e-5, .499978, .0124998, 1095.5067 },
        { 17, 4.365562, .0129596, .496525, .227578, 368.4367 },
        { 22, 1.382368, .115987, .469508, .680266, 80.9495 },
        { 39, .002, 1, 0, 1.99998, -1553.652 },
    };
    const scheduler_config c = song(40);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; ++i) {
        const double sigma = schedule_karras_sigma(&c, (uint32_t)vectors[i][0]);
        sampler_row row;
        row_consistency(&c, sigma, c.sigma_min, &row);
        assert_near(sigma, vectors[i][1], 1e-6);
        assert_near(row.x0_sample, vectors[i][2], 5e-6);
        assert_near(row.x0_model, vectors[i][3], 2e-6);
        assert_near(row.input_scale, vectors[i][4], 5e-6);
        assert_near(row.timestep, vectors[i][5], 1e-6);
        assert_true(row.next_noise == 0 && row.next_x0 == 1);
    }
    static const double grids[][3] = {
        /* points, index, sigma */
        { 40, 18, 3.519699 },  { 40, 20, 2.240440 },  { 201, 106, 1.912844 },
        { 151, 62, 5.248503 }, { 151, 67, 3.991219 },
    };
    for (size_t i = 0; i < sizeof grids / sizeof *grids; ++i) {
        const scheduler_config grid = song((uint32_t)grids[i][0]);
        assert_near(schedule_karras_sigma(&grid, (uint32_t)grids[i][1]), grids[i][2], 1e-6);
    }
    const scheduler_config one = song(1);
    assert_near(schedule_karras_sigma(&one, 0), 80, 1e-12);
}

static void multistep_is_algorithm_2(void **state)
{
    (void)state;
    static const uint32_t counts[] = { 1, 2, 3, 4, 5, 8, 16, 64, 1024 };
    for (int variant = 0; variant < 8; ++variant) {
        scheduler_config c = variant & 1 ? plain_cosine : imagenet64;
        c.clip_sample = variant & 2;
        const bool segments = variant & 4;
        for (size_t i = 0; i < sizeof counts / sizeof *counts; ++i) {
            double got[ELEMENTS], wanted[ELEMENTS];
            sample(&c, segments, QS_SAMPLER_MULTISTEP, counts[i], got);
            assert_near(recipe.rows[0].segment, segments ? 1000. / counts[i] : 0, 1e-7);
            algorithm_2(&c, counts[i], segments, wanted);
            assert_same(got, wanted);
            sample(&c, segments, QS_SAMPLER_DDIM, counts[i], got);
            algorithm_2(&c, counts[i], false, wanted);
            assert_same(got, wanted);
        }
    }
}

static void addim_is_algorithm_3(void **state)
{
    (void)state;
    static const uint32_t counts[] = { 1, 2, 7, 32, 256 };
    for (int clip = 0; clip < 2; ++clip) {
        scheduler_config c = imagenet64;
        c.clip_sample = clip;
        for (size_t i = 0; i < sizeof counts / sizeof *counts; ++i) {
            double got[ELEMENTS], wanted[ELEMENTS];
            sample(&c, true, QS_SAMPLER_ADDIM, counts[i], got);
            algorithm_3(&c, counts[i], wanted);
            assert_same(got, wanted);
        }
    }
}

/* Its rows without their variance are DDIM's, bit for bit. */
static void addim_without_variance_is_ddim(void **state)
{
    (void)state;
    static sampler_row rows[16];
    assert_int_equal(make_rows(&imagenet64, true, QS_SAMPLER_ADDIM, 16), QS_OK);
    memcpy(rows, recipe.rows, sizeof rows);
    assert_int_equal(make_rows(&imagenet64, true, QS_SAMPLER_DDIM, 16), QS_OK);
    for (int i = 0; i < 16; ++i) {
        assert_true(i == 15 ? rows[i].variance == 0 : rows[i].variance > 0);
        rows[i].variance = 0;
        assert_memory_equal(&rows[i], &recipe.rows[i], sizeof rows[i]);
    }
}

static void one_step_is_xhat(void **state)
{
    (void)state;
    double got[ELEMENTS], z[ELEMENTS], xhat[ELEMENTS];
    const hop h = hop_of(&imagenet64, 1, 1);
    start(1, z);
    predict(&imagenet64, &h, 1000, z, xhat);
    finish(xhat, xhat);
    sample(&imagenet64, true, QS_SAMPLER_DEFAULT, 1, got);
    assert_same(got, xhat);
}

static void consistency_is_songs(void **state)
{
    (void)state;
    static const struct {
        uint32_t points, published, steps, indices[4];
    } cases[] = {
        { 40, 0, 1, { 0 } },          { 40, 22, 1, { 0 } },
        { 40, 22, 2, { 0, 22 } },     { 40, 0, 2, { 0, 20 } },
        { 201, 106, 2, { 0, 106 } },  { 151, 67, 2, { 0, 67 } },
        { 40, 22, 3, { 0, 13, 26 } }, { 40, 22, 4, { 0, 10, 20, 30 } },
        { 64, 0, 2, { 0, 32 } },      { 151, 0, 4, { 0, 37, 74, 111 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        scheduler_config c = song(cases[i].points);
        c.two_step_index = cases[i].published;
        double got[ELEMENTS], wanted[ELEMENTS];
        sample(&c, false, QS_SAMPLER_DEFAULT, cases[i].steps, got);
        algorithm_song(&c, cases[i].indices, cases[i].steps, wanted);
        assert_same(got, wanted);
    }
}

/* Every number of steps has finite rows, and nothing is written behind them. */
static void all_steps(void **state)
{
    (void)state;
    const qs_sampler samplers[] = { QS_SAMPLER_MULTISTEP, QS_SAMPLER_ADDIM,
                                    QS_SAMPLER_CONSISTENCY };
    const scheduler_config grid = song(RECIPE_STEPS_MAX);
    for (uint32_t steps = 1; steps <= RECIPE_STEPS_MAX; steps += steps < 70 ? 1 : 53) {
        for (int i = 0; i < 3; ++i) {
            memset(&recipe, 0xff, sizeof recipe);
            const bool consistency = samplers[i] == QS_SAMPLER_CONSISTENCY;
            assert_int_equal(make_rows(consistency ? &grid : &imagenet64, true, samplers[i], steps),
                             QS_OK);
            for (uint32_t step = 0; step < steps; ++step) {
                const float *numbers = &recipe.rows[step].input_scale;
                for (size_t k = 0; k < offsetof(sampler_row, draw) / sizeof *numbers; ++k)
                    assert_true(isfinite(numbers[k]));
            }
            if (steps < RECIPE_STEPS_MAX)
                assert_int_equal(recipe.rows[steps].draw, 0xffffffff);
            assert_int_equal(recipe.seed_low[0], 0xffffffff);
        }
    }
    /* the full grid visits every point once, down to sigma_min */
    assert_int_equal(make_rows(&grid, false, QS_SAMPLER_CONSISTENCY, RECIPE_STEPS_MAX), QS_OK);
    assert_near(recipe.rows[RECIPE_STEPS_MAX - 1].timestep, 250 * log(0.002), 1e-6);
}

static void refusals(void **state)
{
    (void)state;
    const scheduler_config c = song(40);
    assert_int_equal(make_rows(&imagenet64, true, QS_SAMPLER_DDIM, 0), QS_ERROR_USAGE);
    assert_int_equal(make_rows(&imagenet64, true, QS_SAMPLER_DDIM, 1025), QS_ERROR_USAGE);
    assert_non_null(strstr(qs_last_error(), "1025"));
    assert_int_equal(make_rows(&c, false, QS_SAMPLER_DEFAULT, 41), QS_ERROR_USAGE);
    assert_non_null(strstr(qs_last_error(), "41"));
    assert_non_null(strstr(qs_last_error(), "40"));
    assert_int_equal(sampler_check(&c, QS_SAMPLER_DDIM), QS_ERROR_USAGE);
    assert_int_equal(sampler_check(&c, QS_SAMPLER_MULTISTEP), QS_ERROR_USAGE);
    assert_int_equal(sampler_check(&c, QS_SAMPLER_DEFAULT), QS_OK);
    assert_int_equal(sampler_check(&imagenet64, QS_SAMPLER_CONSISTENCY), QS_ERROR_USAGE);
    assert_int_equal(sampler_check(&imagenet64, QS_SAMPLER_MULTISTEP), QS_OK);
    assert_int_equal(sampler_check(&imagenet64, (qs_sampler)99), QS_ERROR_USAGE);
}

static int warnings;

static void count_warning(void *user, qs_log_level level, const char *message)
{
    (void)user;
    warnings += level == QS_LOG_WARNING && strstr(message, "3 steps");
}

static void warning_about_untrained_steps(void **state)
{
    (void)state;
    scheduler_config c = imagenet64;
    c.trained_steps[0] = 4;
    c.trained_steps_count = 1;
    qs_set_log(count_warning, NULL);
    warnings = 0;
    assert_int_equal(make_rows(&c, false, QS_SAMPLER_MULTISTEP, 4), QS_OK);
    assert_int_equal(make_rows(&c, true, QS_SAMPLER_MULTISTEP, 3), QS_OK);
    assert_int_equal(make_rows(&c, false, QS_SAMPLER_DDIM, 3), QS_OK);
    assert_int_equal(warnings, 0);
    assert_int_equal(make_rows(&c, false, QS_SAMPLER_DEFAULT, 3), QS_OK);
    assert_int_equal(warnings, 1);
    qs_set_log(NULL, NULL);
}

static void names(void **state)
{
    (void)state;
    qs_sampler sampler;
    for (int i = QS_SAMPLER_DEFAULT; i <= QS_SAMPLER_DDPM; ++i) {
        assert_int_equal(qs_sampler_parse(qs_sampler_name((qs_sampler)i), &sampler), QS_OK);
        assert_int_equal(sampler, i);
    }
    assert_string_equal(qs_sampler_name(QS_SAMPLER_MULTISTEP), "multistep");
    assert_int_equal(qs_sampler_parse("DDPM", &sampler), QS_ERROR_USAGE);
    assert_int_equal(sampler, QS_SAMPLER_DDPM);
    assert_int_equal(qs_sampler_parse(NULL, &sampler), QS_ERROR_USAGE);
    assert_int_equal(qs_sampler_parse("ddim", NULL), QS_ERROR_USAGE);
    assert_non_null(qs_sampler_name((qs_sampler)99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedule_vectors),
        cmocka_unit_test(rotation),
        cmocka_unit_test(consistency_vectors),
        cmocka_unit_test(multistep_is_algorithm_2),
        cmocka_unit_test(addim_is_algorithm_3),
        cmocka_unit_test(addim_without_variance_is_ddim),
        cmocka_unit_test(one_step_is_xhat),
        cmocka_unit_test(consistency_is_songs),
        cmocka_unit_test(all_steps),
        cmocka_unit_test(refusals),
        cmocka_unit_test(warning_about_untrained_steps),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
