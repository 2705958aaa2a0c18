/*
 * A shipped model against PyTorch on the same noise (tests/golden/NAME, made by
 * tools/train/golden.py): the network once, then whole pictures at 1, 2, 4, 8 and 64 steps.
 *
 *     test_shipped NAME
 */
#include <quickstep/quickstep.h>
#include <quickstep/safetensors.h>

#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../harness/device.h"
#include "../harness/source.h"
#include "../harness/status.h" /* wants cmocka.h */

static const char *name_of_model;
static qs_model *model;
static qs_safetensors *golden;

static int open_all(void **state)
{
    const char *folder = source_path("assets/models/%s", name_of_model);
    const char *path = source_path("tests/golden/%s/golden.safetensors", name_of_model);
    if (open_device(state) != 0)
        return -1;
    if (qs_model_open(folder, &model) == QS_OK && qs_safetensors_open(path, &golden) == QS_OK)
        return 0;
    fprintf(stderr, "# %s\n", qs_last_error());
    return -1;
}

static int close_all(void **state)
{
    qs_safetensors_close(golden);
    qs_model_destroy(model);
    return close_device(state);
}

/* A golden tensor as floats, caller frees; *count elements, *n its first dimension. */
static float *read_golden(const char *name, size_t *count, uint32_t *n)
{
    const qs_tensor *t = qs_safetensors_find(golden, name);
    if (!t)
        fail_msg("the golden file has no %s", name);
    *count = 1;
    for (uint32_t i = 0; i < t->rank; ++i)
        *count *= (size_t)t->shape[i];
    *n = (uint32_t)t->shape[0];
    float *values = malloc(*count * sizeof *values);
    assert_non_null(values);
    ok(qs_safetensors_read_floats(golden, t, values));
    return values;
}

static int32_t *read_labels(const char *name, size_t *count, uint32_t *n)
{
    float *values = read_golden(name, count, n);
    int32_t *labels = malloc(*count * sizeof *labels);
    assert_non_null(labels);
    for (size_t i = 0; i < *count; ++i)
        labels[i] = (int32_t)values[i];
    free(values);
    return labels;
}

/* What the network is told of n pictures: labels, or prompts with a guidance scale each. */
typedef struct told {
    uint32_t n, together; /* pictures, and how many of them in one batch: one where scales differ */
    int32_t *labels;
    char *text; /* the prompts' */
    const char *prompts[4];
    float *guidance;
} told;

/* The file's prompts are of its four pictures; its two forward calls have the second and the last.
 */
static told read_told(const char *prefix)
{
    told t = { 0 };
    char name[64];
    size_t count;
    const char *prompts = qs_safetensors_metadata(golden, "prompts");
    snprintf(name, sizeof name, "%s%s", prefix, prompts ? "guidance" : "labels");
    if (!prompts) {
        t.labels = read_labels(name, &count, &t.n);
        t.together = t.n;
        return t;
    }
    t.guidance = read_golden(name, &count, &t.n);
    t.together = 1;
    t.text = strdup(prompts);
    char *rest = t.text, *all[4];
    for (int i = 0; i < 4; ++i)
        assert_non_null(all[i] = strsep(&rest, "\n"));
    for (uint32_t i = 0; i < t.n; ++i)
        t.prompts[i] = all[t.n == 4 ? i : 1 + 2 * i];
    return t;
}

static void free_told(told *t)
{
    free(t->labels);
    free(t->text);
    free(t->guidance);
}

static qs_session *make_session(uint32_t batch, qs_precision precision)
{
    qs_session *session = NULL;
    ok(qs_session_create(
        device, model, &(qs_session_options){ .batch = batch, .precision = precision }, &session));
    return session;
}

/* ---- the network once ------------------------------------------------------------------- */

static double relative_error(const float *a, const float *b, size_t count)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; ++i) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return sqrt(difference / size);
}

static void check_forward(qs_precision precision, double limit)
{
    size_t count, small;
    uint32_t n;
    float *timestep = read_golden("forward_timestep", &small, &n);
    float *segment = read_golden("forward_segment", &small, &n);
    told t = read_told("forward_");
    float *sample = read_golden("forward_sample", &count, &n);
    float *expected = read_golden("forward_output", &count, &n);
    float *output = calloc(count, sizeof *output);
    qs_session *session = make_session(t.together, precision);
    const size_t elements = count / n;
    for (uint32_t i = 0; i < n; i += t.together)
        ok(qs_session_forward(session,
                              &(qs_network_input){ .sample = sample + i * elements,
                                                   .timestep = timestep + i,
                                                   .segment = segment + i,
                                                   .labels = t.labels,
                                                   .prompts = t.guidance ? &t.prompts[i] : NULL,
                                                   .guidance = t.guidance ? t.guidance[i] : 0 },
                              output + i * elements));
    const double error = relative_error(output, expected, count);
    fprintf(stderr, "# forward %s: relative L2 %.2e, limit %.0e\n",
            precision == QS_F16 ? "f16" : "f32", error, limit);
    assert_true(error <= limit);
    qs_session_destroy(session);
    free(timestep);
    free(segment);
    free_told(&t);
    free(sample);
    free(expected);
    free(output);
    assert_int_equal(qs_device_validation_messages(device), 0);
}

static void forward_f32(void **state)
{
    (void)state;
    check_forward(QS_F32, 1e-5);
}

static void forward_f16(void **state)
{
    (void)state;
    check_forward(QS_F16, 1e-2);
}

/* ---- whole pictures --------------------------------------------------------------------- */

/* Largest difference in units of 1/255 of the pixel range [-1, 1]. */
static double largest_255(const float *a, const float *b, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; ++i)
        largest = fmax(largest, fabs((double)a[i] - b[i]) * 0.5 * 255.0);
    return largest;
}

static double psnr(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; ++i)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]) * 0.25;
    return 10 * log10((double)count / fmax(sum, 1e-20));
}

static void render(qs_precision precision, uint32_t steps, qs_sampler sampler, double *largest,
                   double *similarity)
{
    char name[32];
    size_t count, small;
    uint32_t n;
    snprintf(name, sizeof name, "sample_%u", steps);
    float *noise = read_golden("noise", &small, &n);
    const size_t latent = small / n;
    told t = read_told("");
    float *expected = read_golden(name, &count, &n);
    float *sample = calloc(count, sizeof *sample);
    qs_session *session = make_session(t.together, precision);
    for (uint32_t i = 0; i < n; i += t.together) {
        const qs_recipe recipe = { .steps = steps,
                                   .sampler = sampler,
                                   .noise = noise + i * latent,
                                   .labels = t.labels,
                                   .prompt = t.prompts[i],
                                   .guidance = t.guidance ? t.guidance[i] : 0 };
        ok(qs_session_render(session, &recipe, NULL, NULL, NULL, sample + i * (count / n)));
    }
    *largest = largest_255(sample, expected, count);
    *similarity = psnr(sample, expected, count);
    fprintf(stderr, "# %2u steps %s: max %.4f / 255, PSNR %.1f dB\n", steps,
            precision == QS_F16 ? "f16" : "f32", *largest, *similarity);
    qs_session_destroy(session);
    free(noise);
    free_told(&t);
    free(expected);
    free(sample);
    assert_int_equal(qs_device_validation_messages(device), 0);
}

static void pictures_f32(void **state)
{
    (void)state;
    double largest, similarity;
    for (uint32_t steps = 1; steps <= 8; steps *= 2) {
        render(QS_F32, steps, QS_SAMPLER_MULTISTEP, &largest, &similarity);
        assert_true(largest <= 2.0);
    }
}

static void pictures_f16(void **state)
{
    (void)state;
    double largest, similarity;
    for (uint32_t steps = 1; steps <= 8; steps *= 2) {
        render(QS_F16, steps, QS_SAMPLER_MULTISTEP, &largest, &similarity);
        assert_true(similarity >= 35.0);
    }
}

static void diffusion_limit_f32(void **state)
{
    (void)state;
    double largest, similarity;
    render(QS_F32, 64, QS_SAMPLER_DDIM, &largest, &similarity);
    assert_true(largest <= 2.0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_f32),         cmocka_unit_test(forward_f16),
        cmocka_unit_test(pictures_f32),        cmocka_unit_test(pictures_f16),
        cmocka_unit_test(diffusion_limit_f32),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: test_shipped NAME, of a folder in assets/models\n");
        return 2;
    }
    name_of_model = argv[1];
    return cmocka_run_group_tests(tests, open_all, close_all);
}
