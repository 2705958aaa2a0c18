/*
 * The driver's arithmetic against what Vulkan demands of it ("Precision of core SPIR-V
 * Instructions" in the specification's appendix, and "... of GLSL.std.450"). The ops' limits are
 * the same on every driver; one that computes less precisely than it must is named here.
 */
#include "selftest/suite.h"

#include "lib/args.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double sum(double x, double y)
{
    return x + y;
}

static double product(double x, double y)
{
    return x * y;
}

static double quotient(double x, double y)
{
    return x / y;
}

static double square_root(double x, double y)
{
    (void)y;
    return sqrt(x);
}

static double inverse_square_root(double x, double y)
{
    (void)y;
    return 1 / sqrt(x);
}

static double exponential(double x, double y)
{
    (void)y;
    return exp(x);
}

static double power_of_two(double x, double y)
{
    (void)y;
    return exp2(x);
}

static double logarithm(double x, double y)
{
    (void)y;
    return log(x);
}

static double sine(double x, double y)
{
    (void)y;
    return sin(x);
}

static double cosine(double x, double y)
{
    (void)y;
    return cos(x);
}

/* Arguments are drawn from low to high. Allowed: (ulps + slope |x|) units in the last place of the
 * exact value, or so much in all. Correctly rounded is less than one unit, since the direction is
 * the device's. sqrt is 1 / inversesqrt: two units, at most four of the result, and a division's.
 */
static const struct function {
    const char *name;
    double low, high;
    double (*exact)(double x, double y);
    double ulps, slope, absolute;
} functions[PRECISION_FUNCTIONS] = {
    [PRECISION_ADD] = { "x + y", -1e3, 1e3, sum, 1, 0, 0 },
    [PRECISION_MULTIPLY] = { "x * y", -1e3, 1e3, product, 1, 0, 0 },
    [PRECISION_DIVIDE] = { "x / y", -1e3, 1e3, quotient, 2.5, 0, 0 },
    [PRECISION_SQRT] = { "sqrt(x)", 1e-6, 1e3, square_root, 6.5, 0, 0 },
    [PRECISION_INVERSESQRT] = { "inversesqrt(x)", 1e-6, 1e3, inverse_square_root, 2, 0, 0 },
    [PRECISION_EXP] = { "exp(x)", -80, 80, exponential, 3, 2, 0 },
    [PRECISION_EXP2] = { "exp2(x)", -120, 120, power_of_two, 3, 2, 0 },
    [PRECISION_LOG] = { "log(x)", 2, 1e4, logarithm, 3, 0, 0 },
    [PRECISION_LOG_NEAR_1] = { "log(x) near 1", 0.5, 2, logarithm, 0, 0, 0x1p-21 },
    [PRECISION_SIN] = { "sin(x)", -3.1415925, 3.1415925, sine, 0, 0, 0x1p-11 },
    [PRECISION_COS] = { "cos(x)", -3.1415925, 3.1415925, cosine, 0, 0, 0x1p-11 },
};

enum { VALUES = PRECISION_FUNCTIONS * PRECISION_VALUES };
static const uint64_t BYTES = VALUES * sizeof(float);

/* ---- on the device --------------------------------------------------------------------------- */

static void draw_arguments(float *x, float *y)
{
    dice d = { 1 };
    for (uint32_t i = 0; i < VALUES; i++) {
        const struct function *f = &functions[i / PRECISION_VALUES];
        x[i] = (float)(f->low + dice_uniform(&d) * (f->high - f->low));
        y[i] = (float)(f->low + dice_uniform(&d) * (f->high - f->low));
    }
}

static qs_status run(selftest *suite)
{
    qs_status status = QS_OK;
    gpu_commands *commands = NULL;
    const gpu_pipeline *pipeline;
    gpu_slice slices[3];
    TRY(suite_reserve(suite, 3 * BYTES));
    for (uint32_t i = 0; i < 3; i++)
        slices[i] = (gpu_slice){ &suite->buffer, i * BYTES, BYTES };
    float *memory = suite->buffer.mapped;
    draw_arguments(memory, memory + VALUES);
    memset(memory + 2 * VALUES, 0xff, BYTES); /* NaN */
    TRY(gpu_pipeline_get(suite->device, SHADER_precision, NULL, 0, &pipeline));
    TRY(gpu_commands_create(suite->device, "precision", 0, &commands));
    TRY(gpu_record_begin(commands));
    gpu_record_dispatch(commands,
                        &(gpu_dispatch){ .pipeline = pipeline,
                                         .label = "precision",
                                         .bindings = slices,
                                         .binding_count = 3,
                                         .groups = { PRECISION_VALUES / PRECISION_WORKGROUP,
                                                     PRECISION_FUNCTIONS, 1 } });
    TRY(gpu_record_end(commands));
    TRY(gpu_run(suite->device, commands));
fail:
    gpu_commands_destroy(suite->device, commands);
    return status;
}

/* ---- the judgement --------------------------------------------------------------------------- */

static double allowed(const struct function *f, double x, double exact)
{
    const double ulp = ldexp(1, ilogb(exact) - 23);
    return fmax((f->ulps + f->slope * fabs(x)) * ulp, f->absolute);
}

/* x, y, z: of this function. The worst of them speaks; of a NaN nothing is worse. */
static qs_selftest_result judge(const struct function *f, const float *x, const float *y,
                                const float *z, char message[256])
{
    qs_selftest_result result = { .passed = true, .message = message };
    double worst = 0;
    for (uint32_t i = 0; i < PRECISION_VALUES; i++) {
        const double exact = f->exact(x[i], y[i]), limit = allowed(f, x[i], exact);
        const double error = fabs(z[i] - exact);
        if (exact == 0 || error / limit <= worst)
            continue;
        worst = isnan(error) ? INFINITY : error / limit;
        result.error = error * error / (exact * exact);
        result.limit = limit * limit / (exact * exact);
        result.passed = worst <= 1;
        if (!result.passed)
            snprintf(message, 256,
                     "this driver computes less precisely than Vulkan demands: %s is %.9g of x = "
                     "%.9g, y = %.9g, should be %.9g (off by %.3g, allowed are %.3g)",
                     f->name, z[i], x[i], y[i], exact, error, limit);
    }
    return result;
}

void cases_precision(selftest *suite)
{
    bool done = false;
    for (uint32_t f = 0; f < PRECISION_FUNCTIONS; f++) {
        char name[64], message[256] = "";
        snprintf(name, sizeof name, "precision f32 %s", functions[f].name);
        if (suite->variant_filter || (suite->filter && !strstr(name, suite->filter)))
            continue;
        qs_selftest_result result = { .message = "" };
        if (!done && run(suite) != QS_OK) {
            snprintf(message, sizeof message, "%s", qs_last_error());
            result.message = message;
        } else {
            const float *x = (const float *)suite->buffer.mapped + f * PRECISION_VALUES;
            result = judge(&functions[f], x, x + VALUES, x + 2 * VALUES, message);
            done = true;
        }
        result.name = name;
        suite_report(suite, &result);
    }
}
