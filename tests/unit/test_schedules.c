/* Rows of the samplers against diffusers' schedulers: tests/golden/schedules/steps.json, written by
 * tools/golden/schedules.py, which says what is in it. */
#include "model/config_reader.h"
#include "sampler/rows.h"
#include "weights/file.h"

#include "../harness/source.h"

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
    cases = json_load_file(source_path("tests/golden/schedules/steps.json"), 0, NULL);
    return json_array_size(cases) > 0 ? 0 : -1;
}

static int drop_cases(void **state)
{
    (void)state;
    json_decref(cases);
    return 0;
}

static double predict(const sampler_row *row, const double *in)
{
    const double x0 = row->x0_sample * in[0] + row->x0_model * in[1];
    return row->clip > 0 ? fmin(fmax(x0, -row->clip), row->clip) : x0;
}

/* What is compared, and how exactly. */
typedef struct accuracy {
    double eta;
    double part;       /* of the terms */
    double of_log_snr; /* of x0 and x0_before: DPM-Solver weighs them by differences of log-SNRs (at
                        * most 8) in float32 */
} accuracy;

/*
 * shaders/lib/recipe.h, where every step sees the same. *error: how far diffusers' number may be
 * from it: accuracy's parts; where the input is scaled, of the differences that it takes there,
 * x - x0 in Euler's steps, and of a consistency model's noise, where none is left; and what a
 * difference makes of one unit in the last place in PyTorch's square root, which is not correctly
 * rounded: the noise that DDIM leaves is sqrt(1 - alpha_previous - deviation^2).
 */
static double apply(uint32_t step, const double *in, const accuracy *a, double *error)
{
    const sampler_row *row = &recipe.rows[step];
    const double x0 = predict(row, in);
    const double before = row->next_before != 0 ? predict(row - 1, in) : 0;
    const double terms[] = { row->next_x0 * x0, row->next_sample * in[0], row->next_model * in[1],
                             row->next_noise * in[2], row->next_before * before };
    double sum = 0, size = 0;
    for (size_t i = 0; i < sizeof terms / sizeof *terms; ++i) {
        sum += terms[i];
        size += fabs(terms[i]);
    }
    if (row->input_scale != 1)
        size += fabs(in[0]) + fabs(x0) + fabs(in[2]);
    *error = a->part * size + a->of_log_snr * (fabs(x0) + fabs(before));
    if (a->eta > 0) {
        const double rest = 1 - row->next_x0 * row->next_x0 - row->next_noise * row->next_noise;
        *error += 0x1p-23 / fmax(rest, 0x1p-23) * (fabs(terms[1]) + fabs(terms[2]));
    }
    return sum;
}

static void check_row(const char *name, const accuracy *a, json_t *wanted)
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
    if (row->next_before != 0 && !recipe.rows[step - 1].keep_x0)
        fail_msg("%s step %u: looks at an x0 that was not kept", name, step);
    for (int i = 0; i < INPUTS; ++i) {
        const json_t *number = json_array_get(wanted, (size_t)COLUMNS + (size_t)i);
        double error;
        const double x = apply(step, inputs[i], a, &error);
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
    const json_t *initial = json_object_get(entry, "initial_scale");
    const double initial_scale = initial ? json_number_value(initial) : 1;
    if (fabs(recipe.initial_scale - initial_scale) > 1e-6 * initial_scale)
        fail_msg("%s: initial scale %.9g, diffusers has %.9g", name, (double)recipe.initial_scale,
                 initial_scale);
    /* alphas made of such square roots differ by 2e-7, and so by 2e-4 of what is left of 1 */
    const bool rescaled = json_is_true(json_object_get(scheduler, "rescale_betas_zero_snr"));
    const accuracy a = { .eta = (double)wanted.eta,
                         .part = rescaled ? 3e-4 : 1e-6,
                         .of_log_snr = wanted.sampler == QS_SAMPLER_DPMSOLVER ? 2e-6 : 0 };
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(entry, "rows"), index, row) check_row(name, &a, row);
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
#define LCM "{\"_class_name\":\"LCMScheduler\""
#define TCD "{\"_class_name\":\"TCDScheduler\""
#define EULER "{\"_class_name\":\"EulerDiscreteScheduler\""
#define ANCESTRAL "{\"_class_name\":\"EulerAncestralDiscreteScheduler\""
#define DPMSOLVER "{\"_class_name\":\"DPMSolverMultistepScheduler\""
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
        { DPMSOLVER "}", { .steps = 3, .eta = 0.5f }, QS_ERROR_USAGE, "eta is for" },
        { LCM "}", { .steps = 3, .eta = 0.5f }, QS_ERROR_USAGE, "eta is for" },
        { TCD "}", { .steps = 3, .eta = 0.5f }, QS_OK, "" },
        { LCM "}", { .steps = 50 }, QS_OK, "" },
        { LCM "}", { .steps = 51 }, QS_ERROR_USAGE, "50 (original_inference_steps)" },
        { TCD "}", { .steps = 51 }, QS_ERROR_USAGE, "50 (original_inference_steps)" },
        { DPMSOLVER "}", { .steps = 1000 }, QS_ERROR_USAGE, "no more than 999" },
        { LCM "}", { .steps = 2, .timesteps = descending }, QS_OK, "" },
        { TCD "}", { .steps = 2, .timesteps = ascending }, QS_ERROR_USAGE, "must descend" },
        { EULER "}", { .steps = 2, .timesteps = descending }, QS_ERROR_USAGE, "timesteps are for" },
        { EULER "}", { .steps = 2, .sampler = QS_SAMPLER_DDIM }, QS_ERROR_USAGE, "runs euler" },
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
        { LCM ",\"original_inference_steps\":1001}", { .steps = 1 }, QS_ERROR_MODEL, "1 to 1000" },
        { LCM ",\"num_train_timesteps\":49}",
          { .steps = 1 },
          QS_ERROR_MODEL,
          "\"original_inference_steps\" is missing, needed: at most the 49" },
        { TCD ",\"num_train_timesteps\":50}", { .steps = 50 }, QS_OK, "" },
        { LCM ",\"thresholding\":true}", { .steps = 3 }, QS_ERROR_MODEL, "thresholding" },
        { LCM ",\"rescale_betas_zero_snr\":true}", { .steps = 3 }, QS_ERROR_MODEL, "by zero" },
        { EULER ",\"use_beta_sigmas\":true}", { .steps = 3 }, QS_ERROR_MODEL, "use_beta_sigmas" },
        { EULER ",\"use_exponential_sigmas\":true}",
          { .steps = 3 },
          QS_ERROR_MODEL,
          "\"use_exponential_sigmas\" is true, supported: false" },
        { EULER ",\"interpolation_type\":\"log_linear\"}",
          { .steps = 3 },
          QS_ERROR_MODEL,
          "\"interpolation_type\" is \"log_linear\", supported: \"linear\"" },
        { EULER ",\"sigma_min\":0}", { .steps = 3 }, QS_ERROR_MODEL, "sigma_min" },
        { EULER ",\"sigma_min\":null,\"sigma_max\":null}", { .steps = 3 }, QS_OK, "" },
        { EULER ",\"num_train_timesteps\":2,\"trained_betas\":[0,0.2]}",
          { .steps = 2 },
          QS_ERROR_MODEL,
          "divides by zero" },
        { ANCESTRAL ",\"prediction_type\":\"sample\"}",
          { .steps = 3 },
          QS_ERROR_MODEL,
          "supported: \"epsilon\", \"v_prediction\"" },
        { DPMSOLVER ",\"solver_order\":3}",
          { .steps = 3 },
          QS_ERROR_MODEL,
          "\"solver_order\" is 3, supported: 1 to 2" },
        { DPMSOLVER ",\"algorithm_type\":\"sde-dpmsolver++\"}",
          { .steps = 3 },
          QS_ERROR_MODEL,
          "\"algorithm_type\" is \"sde-dpmsolver++\", supported: \"dpmsolver++\"" },
        { DPMSOLVER ",\"solver_type\":\"heun\"}", { .steps = 3 }, QS_ERROR_MODEL, "\"heun\"" },
        { DPMSOLVER ",\"use_flow_sigmas\":true}", { .steps = 3 }, QS_ERROR_MODEL, "flow" },
        { DPMSOLVER ",\"use_lu_lambdas\":true}", { .steps = 3 }, QS_ERROR_MODEL, "lu_lambdas" },
        { DPMSOLVER ",\"use_dynamic_shifting\":true}", { .steps = 3 }, QS_ERROR_MODEL, "dynamic" },
        { DPMSOLVER ",\"variance_type\":\"learned_range\"}",
          { .steps = 3 },
          QS_ERROR_MODEL,
          "learned_range" },
        { DPMSOLVER ",\"variance_type\":\"fixed_small\"}", { .steps = 3 }, QS_OK, "" },
        { DPMSOLVER ",\"lambda_min_clipped\":-1.5}",
          { .steps = 3 },
          QS_ERROR_MODEL,
          "\"lambda_min_clipped\" is -1.5, supported: at most -5" },
        { DPMSOLVER ",\"thresholding\":true}", { .steps = 3 }, QS_ERROR_MODEL, "thresholding" },
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
