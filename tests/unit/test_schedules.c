/* Rows of the samplers against diffusers' schedulers: tests/golden/schedules/steps.json, written by
 * tools/golden/schedules.py, which says what is in it. */
#include "model/config_reader.h"
#include "sampler/rows.h"
#include "weights/file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* sample, network output, noise: those of schedules.py */
static const double inputs[][3] = {
    { 0.001, 0, 0 },  { 0, 0.001, 0 },    { 0, 0, 1 },
    { 0.7, -0.4, 0 }, { -1.3, 0.9, 0.5 }, { 5, -3, -1 },
};
enum { INPUTS = sizeof inputs / sizeof *inputs, COLUMNS = 4 };

static sampler_recipe recipe; /* too large for a stack */
static json_t *cases;
static size_t compared;

static int read_cases(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/schedules/steps.json",
             getenv("QUICKSTEP_TEST_SOURCE"));
    cases = json_load_file(path, 0, NULL);
    return json_array_size(cases) > 0 ? 0 : -1;
}

static int drop_cases(void **state)
{
    (void)state;
    json_decref(cases);
    return 0;
}

/*
 * shaders/lib/recipe.h. *error: how far diffusers' number may be from it: a part of the terms; in
 * a consistency model (which scales its input) what rounding leaves of no noise at all; and what a
 * difference makes of one unit in the last place in PyTorch's square root, which is not correctly
 * rounded: the noise that DDIM leaves is sqrt(1 - alpha_previous - deviation^2).
 */
static double apply(const sampler_row *row, const double *in, double eta, double part,
                    double *error)
{
    double x0 = row->x0_sample * in[0] + row->x0_model * in[1];
    if (row->clip > 0)
        x0 = fmin(fmax(x0, -row->clip), row->clip);
    const double terms[] = { row->next_x0 * x0, row->next_sample * in[0], row->next_model * in[1],
                             row->next_noise * in[2] };
    double sum = 0, size = 0;
    for (int i = 0; i < 4; ++i) {
        sum += terms[i];
        size += fabs(terms[i]);
    }
    *error = part * size + (row->input_scale != 1 ? 1e-6 * fabs(in[2]) : 0);
    if (eta > 0) {
        const double rest = 1 - row->next_x0 * row->next_x0 - row->next_noise * row->next_noise;
        *error += 0x1p-23 / fmax(rest, 0x1p-23) * (fabs(terms[1]) + fabs(terms[2]));
    }
    return sum;
}

static void check_row(const char *name, double eta, double part, json_t *wanted)
{
    const uint32_t step = (uint32_t)json_integer_value(json_array_get(wanted, 0));
    const sampler_row *row = &recipe.rows[step];
    const double timestep = json_number_value(json_array_get(wanted, 1));
    const double scale = json_number_value(json_array_get(wanted, 2));
    const bool drawn = json_integer_value(json_array_get(wanted, 3));
    if (fabs(row->timestep - timestep) > 1e-6 * fabs(timestep))
        fail_msg("%s step %u: timestep %.9g, diffusers has %.9g", name, step, (double)row->timestep,
                 timestep);
    if (fabs(row->input_scale - scale) > 1e-6 * scale)
        fail_msg("%s step %u: input scale %.9g, diffusers has %.9g", name, step,
                 (double)row->input_scale, scale);
    if (row->draw != (drawn ? 1 + step : 0) && step + 1 < recipe.steps) /* nobody draws after it */
        fail_msg("%s step %u: draw %u, diffusers draws %d", name, step, row->draw, drawn);
    for (int i = 0; i < INPUTS; ++i) {
        const json_t *number = json_array_get(wanted, (size_t)COLUMNS + (size_t)i);
        double error;
        const double x = apply(row, inputs[i], eta, part, &error);
        assert_true(isfinite(x));
        if (json_is_null(number))
            continue;
        ++compared;
        if (fabs(x - json_number_value(number)) > error)
            fail_msg("%s step %u, input %d: %.9g, diffusers has %.9g", name, step, i, x,
                     json_number_value(number));
    }
}

static void check_case(json_t *entry)
{
    char name[200];
    uint32_t timesteps[8];
    model_config config = { 0 };
    json_t *scheduler = json_object_get(entry, "scheduler");
    const json_t *list = json_object_get(entry, "timesteps");
    qs_recipe wanted = {
        .steps = (uint32_t)json_integer_value(json_object_get(entry, "steps")),
        .eta = (float)json_number_value(json_object_get(entry, "eta")),
        .timesteps = json_is_array(list) ? timesteps : NULL,
    };
    for (size_t i = 0; i < json_array_size(list); ++i)
        timesteps[i] = (uint32_t)json_integer_value(json_array_get(list, i));
    const char *sampler = json_string_value(json_object_get(entry, "sampler"));
    assert_int_equal(qs_sampler_parse(sampler, &wanted.sampler), QS_OK);
    char *text = json_dumps(scheduler, JSON_COMPACT);
    snprintf(name, sizeof name, "%s, eta %g, %u steps, %.140s", sampler, (double)wanted.eta,
             wanted.steps, text);
    free(text);
    if (config_parse_scheduler("scheduler", scheduler, &config.arena, &config.scheduler) != QS_OK ||
        sampler_rows(&config.scheduler, false, &wanted, &recipe) != QS_OK)
        fail_msg("%s: %s", name, qs_last_error());
    /* alphas made of such square roots differ by 2e-7, and so by 2e-4 of what is left of 1 */
    const bool rescaled = json_is_true(json_object_get(scheduler, "rescale_betas_zero_snr"));
    const double part = rescaled ? 3e-4 : 1e-6;
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(entry, "rows"), index, row)
        check_row(name, (double)wanted.eta, part, row);
    arena_finish(&config.arena);
}

static void rows_are_diffusers(void **state)
{
    (void)state;
    size_t index;
    json_t *entry;
    json_array_foreach(cases, index, entry) check_case(entry);
    assert_true(compared > 10000);
}

/* ---- what is refused ------------------------------------------------------------------------- */

/* Of a scheduler_config.json and a recipe: QS_OK or the first refusal. */
static qs_status try_rows(const char *json, const qs_recipe *wanted)
{
    model_config config = { 0 };
    json_t *root = json_loads(json, 0, NULL);
    qs_status status = config_parse_scheduler("scheduler", root, &config.arena, &config.scheduler);
    if (status == QS_OK)
        status = sampler_rows(&config.scheduler, false, wanted, &recipe);
    arena_finish(&config.arena);
    json_decref(root);
    return status;
}

#define DDPM "{\"_class_name\":\"DDPMScheduler\""
#define DDIM "{\"_class_name\":\"DDIMScheduler\""
#define CM "{\"_class_name\":\"CMStochasticIterativeScheduler\""

static void refusals(void **state)
{
    (void)state;
    static const uint32_t descending[] = { 22, 0 }, ascending[] = { 0, 22 }, outside[] = { 40, 0 };
    static const struct {
        const char *scheduler;
        qs_recipe wanted;
        qs_status status;
        const char *message;
    } rows[] = {
        { DDPM "}", { .steps = 1000 }, QS_OK, "" },
        { DDPM "}", { .steps = 1001 }, QS_ERROR_USAGE, "1000 noise levels" },
        { DDPM "}", { .steps = 3, .sampler = QS_SAMPLER_MULTISTEP }, QS_ERROR_USAGE, "ddpm, ddim" },
        { DDPM "}",
          { .steps = 3, .sampler = QS_SAMPLER_CONSISTENCY },
          QS_ERROR_USAGE,
          "DDPMSched" },
        { DDPM "}", { .steps = 3, .eta = 0.5f }, QS_ERROR_USAGE, "eta is for the sampler ddim" },
        { DDIM "}", { .steps = 3, .eta = 0.5f }, QS_OK, "" },
        { DDIM "}", { .steps = 3, .eta = 1.5f }, QS_ERROR_USAGE, "eta is 1.5" },
        { DDIM "}", { .steps = 3, .eta = NAN }, QS_ERROR_USAGE, "eta is" },
        { DDIM "}", { .steps = 2, .timesteps = descending }, QS_ERROR_USAGE, "timesteps are for" },
        { CM "}", { .steps = 2, .timesteps = descending }, QS_OK, "" },
        { CM "}", { .steps = 2, .timesteps = ascending }, QS_ERROR_USAGE, "must descend" },
        { CM "}", { .steps = 2, .timesteps = outside }, QS_ERROR_USAGE, "timestep 40" },
        { CM "}", { .steps = 2, .eta = 1 }, QS_ERROR_USAGE, "eta is for" },
        { DDIM ",\"thresholding\":true}", { .steps = 3 }, QS_ERROR_MODEL, "thresholding" },
        { DDPM ",\"variance_type\":\"learned_range\"}",
          { .steps = 3 },
          QS_ERROR_MODEL,
          "learned_range" },
        { DDPM ",\"variance_type\":\"fixed_large_log\"}",
          { .steps = 3 },
          QS_ERROR_MODEL,
          "fixed_large_log" },
        { DDPM ",\"variance_type\":\"fixed_large_log\"}",
          { .steps = 3, .sampler = QS_SAMPLER_DDIM },
          QS_OK,
          "" },
        { DDPM ",\"beta_schedule\":\"sigmoid\"}", { .steps = 3 }, QS_ERROR_MODEL, "sigmoid" },
        { DDPM ",\"trained_betas\":[0.1,0.2]}", { .steps = 3 }, QS_ERROR_MODEL, "1000" },
        { DDPM ",\"num_train_timesteps\":2,\"trained_betas\":[0.1,2]}",
          { .steps = 1 },
          QS_ERROR_MODEL,
          "trained_betas" },
        { DDPM ",\"num_train_timesteps\":2,\"trained_betas\":[0.1,0.2]}",
          { .steps = 2 },
          QS_OK,
          "" },
        { DDPM ",\"prediction_type\":\"flow\"}", { .steps = 3 }, QS_ERROR_MODEL, "flow" },
        { DDPM ",\"timestep_spacing\":\"random\"}", { .steps = 3 }, QS_ERROR_MODEL, "random" },
        { DDIM ",\"steps_offset\":1}", { .steps = 1000 }, QS_ERROR_USAGE, "steps_offset 1" },
        { DDIM ",\"rescale_betas_zero_snr\":true,\"timestep_spacing\":\"trailing\"}",
          { .steps = 4 },
          QS_ERROR_MODEL,
          "divides by zero" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        const qs_status status = try_rows(rows[i].scheduler, &rows[i].wanted);
        if (status != rows[i].status ||
            (status != QS_OK && !strstr(qs_last_error(), rows[i].message)))
            fail_msg("%s: status %d, \"%s\", wanted %d, \"%s\"", rows[i].scheduler, status,
                     qs_last_error(), rows[i].status, rows[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_diffusers),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, read_cases, drop_cases);
}
