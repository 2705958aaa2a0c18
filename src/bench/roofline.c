/* qs_bench_roofline: the device's ceilings, measured by shaders that do nothing else. Each
 * leaves a result that shows that it did all of its work. */
#include "core/clock.h"
#include "tuner/measure.h"

#include "lib/args.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLES = 8, /* the best counts: a ceiling is what the device can do, not what it mostly does */
    FMA_GROUPS = 8192,
    FMA_PER_ROUND = 8 * 12, /* of a lane */
    FMA_ROUNDS_MAX = 1 << 16,
    MATRIX_GROUPS = 1024,
    MATRIX_SUBGROUPS = 4, /* of a group */
    COPY_GROUP_BYTES = ROOFLINE_WORKGROUP * ROOFLINE_COPY_PER_LANE * 16,
    SAMPLE_MS = 20,
};
static const uint64_t COPY_BYTES_MAX = 64 << 20; /* more than most caches hold */

typedef struct roofline {
    qs_device *device;
    gpu_buffer from, to, result; /* result: what the host looks at */
    uint64_t copy_bytes;
    gpu_commands *commands;
} roofline;

/* ---- one sample ---------------------------------------------------------------------------- */

static qs_status record(roofline *r, enum shader_id shader, const uint32_t *constants,
                        uint32_t constant_count, gpu_dispatch dispatch)
{
    qs_status status = QS_OK;
    TRY(gpu_pipeline_get(r->device, shader, constants, constant_count, &dispatch.pipeline));
    TRY(measure_begin(r->device, "roofline", &r->commands));
    gpu_record_dispatch(r->commands, &dispatch);
    gpu_record_barrier(r->commands);
    measure_end(r->device, r->commands);
    const uint64_t end = dispatch.bindings[dispatch.binding_count - 1].size - r->result.size;
    gpu_record_copy(r->commands, &(gpu_slice){ &r->to, end, r->result.size },
                    &(gpu_slice){ &r->result, 0, r->result.size });
    TRY(gpu_record_end(r->commands));
fail:
    return status;
}

/* After a warm-up that compiles. The last values that the shader wrote must be `expected`. */
static qs_status best_of(roofline *r, uint32_t samples, float expected, double *best_ms)
{
    qs_status status = QS_OK;
    double ms;
    TRY(measure_commands(r->device, r->commands, &ms));
    *best_ms = INFINITY;
    for (uint32_t i = 0; i < samples; ++i) {
        TRY(measure_commands(r->device, r->commands, &ms));
        *best_ms = fmin(*best_ms, ms);
    }
    const float *values = r->result.mapped;
    for (uint32_t i = 0; i < r->result.size / sizeof *values; ++i)
        if (values[i] != expected)
            return qs_error(QS_ERROR_OTHER,
                            "the roofline's shader computed %g instead of %g: the driver is broken",
                            values[i], expected);
fail:
    return status;
}

/* ---- the ceilings -------------------------------------------------------------------------- */

static qs_status time_fma(roofline *r, uint32_t rounds, uint32_t samples, double *ms)
{
    qs_status status = QS_OK;
    const roofline_fma_args args = { .rounds = rounds, .a = 1, .b = 1 };
    const gpu_slice y = { &r->to, 0, FMA_GROUPS * ROOFLINE_WORKGROUP * sizeof(float) };
    TRY(record(r, SHADER_roofline_fma, NULL, 0,
               (gpu_dispatch){ .label = "roofline fma",
                               .push = &args,
                               .push_bytes = sizeof args,
                               .bindings = &y,
                               .binding_count = 1,
                               .groups = { FMA_GROUPS, 1, 1 } }));
    const float starts = 66; /* 0 + 1 + ... + 11 */
    TRY(best_of(r, samples, starts + (float)rounds * FMA_PER_ROUND, ms));
fail:
    return status;
}

static qs_status measure_fma(roofline *r, double *gflops)
{
    qs_status status = QS_OK;
    double ms;
    TRY(time_fma(r, 1, 1, &ms));
    const double wanted = SAMPLE_MS / fmax(ms, 1e-3);
    const uint32_t rounds = (uint32_t)fmin(fmax(wanted, 1), FMA_ROUNDS_MAX);
    TRY(time_fma(r, rounds, SAMPLES, &ms));
    const double lanes = (double)FMA_GROUPS * ROOFLINE_WORKGROUP;
    *gflops = 2.0 * lanes * FMA_PER_ROUND * rounds / (ms * 1e6);
fail:
    return status;
}

#if SHADERS_WITH_MATRICES
static qs_status time_matrix(roofline *r, uint32_t rounds, uint32_t samples, double *ms)
{
    qs_status status = QS_OK;
    const gpu_matrix *m = &gpu_device_limits(r->device)->matrix;
    const uint32_t constants[] = { MATRIX_SUBGROUPS * m->lanes, m->m, m->n, m->k };
    const roofline_fma_args args = { .rounds = rounds, .a = 1, .b = 1 };
    const gpu_slice y = {
        &r->to, 0, (uint64_t)MATRIX_GROUPS * MATRIX_SUBGROUPS * m->m * m->n * sizeof(float)
    };
    TRY(record(r, SHADER_roofline_matrix_f16, constants, sizeof constants / sizeof *constants,
               (gpu_dispatch){ .label = "roofline matrix",
                               .push = &args,
                               .push_bytes = sizeof args,
                               .bindings = &y,
                               .binding_count = 1,
                               .groups = { MATRIX_GROUPS, 1, 1 } }));
    TRY(best_of(r, samples, (float)rounds * ROOFLINE_MATRIX_PRODUCTS * (float)m->k, ms));
fail:
    return status;
}

static qs_status measure_matrix(roofline *r, double *gflops)
{
    qs_status status = QS_OK;
    const gpu_matrix *m = &gpu_device_limits(r->device)->matrix;
    double ms;
    if (m->m == 0 || gpu_device_limits(r->device)->cpu)
        return QS_OK;
    TRY(time_matrix(r, 1, 1, &ms));
    const uint32_t exact = (1 << 24) / (ROOFLINE_MATRIX_PRODUCTS * m->k);
    const double wanted = SAMPLE_MS / fmax(ms, 1e-3);
    const uint32_t rounds = (uint32_t)fmin(fmax(wanted, 1), exact);
    TRY(time_matrix(r, rounds, SAMPLES, &ms));
    const double products = (double)MATRIX_GROUPS * MATRIX_SUBGROUPS * ROOFLINE_MATRIX_PRODUCTS;
    *gflops = 2.0 * products * m->m * m->n * m->k * rounds / (ms * 1e6);
fail:
    return status;
}
#else
static qs_status measure_matrix(roofline *r, double *gflops)
{
    (void)r;
    (void)gflops;
    return QS_OK;
}
#endif

static qs_status measure_copy(roofline *r, double *gbytes_per_s)
{
    qs_status status = QS_OK;
    double ms;
    const gpu_limits *limits = gpu_device_limits(r->device);
    /* as the ops read: op_support.c */
    const bool texel = limits->cpu && r->copy_bytes / 16 <= limits->texel_elements;
    const gpu_slice slices[] = { { &r->from, 0, r->copy_bytes }, { &r->to, 0, r->copy_bytes } };
    TRY(record(r, texel ? SHADER_roofline_copy_texel : SHADER_roofline_copy, NULL, 0,
               (gpu_dispatch){ .label = "roofline copy",
                               .bindings = slices,
                               .binding_count = 2,
                               .groups = { (uint32_t)(r->copy_bytes / COPY_GROUP_BYTES), 1, 1 } }));
    TRY(best_of(r, SAMPLES, 1.0f, &ms));
    *gbytes_per_s = 2.0 * (double)r->copy_bytes / (ms * 1e6);
fail:
    return status;
}

/* ---- what a dispatch, a barrier and a submission cost -----------------------------------------
 */

enum { COST_DISPATCHES = 256, COST_SAMPLES = 15 };

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* By the wall clock: a software device's time stamps wait for the work, which costs, too. */
static qs_status median_run_us(roofline *r, double *us)
{
    qs_status status = QS_OK;
    double samples[COST_SAMPLES];
    TRY(gpu_run(r->device, r->commands)); /* compiles */
    for (uint32_t i = 0; i < COST_SAMPLES; ++i) {
        const double start_ms = clock_ms();
        TRY(gpu_run(r->device, r->commands));
        samples[i] = (clock_ms() - start_ms) * 1e3;
    }
    qsort(samples, COST_SAMPLES, sizeof *samples, by_value);
    *us = samples[COST_SAMPLES / 2];
fail:
    return status;
}

/* Of `count` dispatches that each write 64 floats of their own. */
static qs_status time_dispatches(roofline *r, uint32_t count, bool barriers, double *us)
{
    qs_status status = QS_OK;
    const roofline_fma_args args = { .rounds = 1, .a = 1, .b = 1 };
    gpu_slice y = { &r->to, 0, ROOFLINE_WORKGROUP * sizeof(float) };
    gpu_dispatch dispatch = { .label = "roofline dispatch",
                              .push = &args,
                              .push_bytes = sizeof args,
                              .bindings = &y,
                              .binding_count = 1,
                              .groups = { 1, 1, 1 } };
    TRY(gpu_pipeline_get(r->device, SHADER_roofline_fma, NULL, 0, &dispatch.pipeline));
    gpu_commands_destroy(r->device, r->commands);
    TRY(gpu_commands_create(r->device, "roofline costs", 0, &r->commands));
    TRY(gpu_record_begin(r->commands));
    for (uint32_t i = 0; i < count; ++i) {
        y.offset = i * gpu_align(y.size);
        gpu_record_dispatch(r->commands, &dispatch);
        if (barriers)
            gpu_record_barrier(r->commands);
    }
    TRY(gpu_record_end(r->commands));
    TRY(median_run_us(r, us));
fail:
    return status;
}

static qs_status measure_costs(roofline *r, qs_roofline *result)
{
    qs_status status = QS_OK;
    double apart_us, behind_us;
    TRY(time_dispatches(r, 0, false, &result->submit_us));
    TRY(time_dispatches(r, COST_DISPATCHES, false, &apart_us));
    TRY(time_dispatches(r, COST_DISPATCHES, true, &behind_us));
    result->dispatch_us = fmax(apart_us - result->submit_us, 0) / COST_DISPATCHES;
    result->barrier_us = fmax(behind_us - apart_us, 0) / COST_DISPATCHES;
fail:
    return status;
}

/* ---- memory -------------------------------------------------------------------------------- */

static qs_status prepare(roofline *r)
{
    qs_status status = QS_OK;
    const gpu_limits *limits = gpu_device_limits(r->device);
    uint64_t bytes = COPY_BYTES_MAX;
    if (bytes > limits->storage_range_bytes)
        bytes = limits->storage_range_bytes;
    if (bytes > limits->memory_bytes / 8) /* two of them, beside what else is there */
        bytes = limits->memory_bytes / 8;
    r->copy_bytes = bytes - bytes % COPY_GROUP_BYTES;
    TRY(gpu_buffer_create(r->device, GPU_DEVICE, r->copy_bytes, "roofline", &r->from));
    TRY(gpu_buffer_create(r->device, GPU_DEVICE, r->copy_bytes, "roofline", &r->to));
    TRY(gpu_buffer_create(r->device, GPU_READBACK, GPU_ALIGNMENT, "roofline result", &r->result));
    const float one = 1;
    uint32_t bits;
    memcpy(&bits, &one, sizeof bits);
    TRY(measure_begin(r->device, "roofline fill", &r->commands));
    gpu_record_fill(r->commands, &(gpu_slice){ &r->from, 0, r->copy_bytes }, bits);
    gpu_record_fill(r->commands, &(gpu_slice){ &r->to, 0, r->copy_bytes }, 0);
    measure_end(r->device, r->commands);
    TRY(gpu_record_end(r->commands));
    double unused;
    TRY(measure_commands(r->device, r->commands, &unused));
fail:
    return status;
}

qs_status qs_bench_roofline(qs_device *device, qs_roofline *result)
{
    if (!device || !result)
        return qs_error(QS_ERROR_USAGE, "qs_bench_roofline: device or roofline is NULL");
    qs_status status = QS_OK;
    roofline r = { .device = device };
    TRY(prepare(&r));
    TRY(measure_copy(&r, &result->gbytes_per_s)); /* first: the other one writes in `to`, too */
    TRY(measure_fma(&r, &result->gflops));
    result->matrix_gflops = 0;
    TRY(measure_matrix(&r, &result->matrix_gflops));
    TRY(measure_costs(&r, result));
fail:
    gpu_commands_destroy(device, r.commands);
    gpu_buffer_destroy(device, &r.from);
    gpu_buffer_destroy(device, &r.to);
    gpu_buffer_destroy(device, &r.result);
    return status;
}
