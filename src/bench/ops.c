/* qs_bench_ops: single ops on fixed shapes. Several runs of the op are recorded one after another,
 * so that what a submission costs is shared; the medians are over submissions. */
#include "plan/lower.h"

#include "core/clock.h"
#include "core/half.h"
#include "tuner/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OP_MS_MAX = 3000 };

typedef enum bench_kind { CONV3, DOWN3, CONV1, NORM_SILU, ATTENTION } bench_kind;

/* CONV3, CONV1: c -> to channels, 0 as many, on size x size pixels; DOWN3: with stride 2.
 * ATTENTION: c heads of `to` channels, size^2 tokens. */
typedef struct bench_shape {
    bench_kind kind;
    uint32_t c, size, to;
} bench_shape;

static const bench_shape shapes[] = {
    /* what is known of other programs */
    { CONV3, 128, 32 },
    { CONV3, 256, 16 },
    { CONV3, 192, 64 },
    { CONV3, 384, 32 },
    { CONV3, 512, 8 },
    { CONV1, 128, 32 },
    { CONV1, 256, 16 },
    { CONV1, 512, 8 },
    { CONV1, 1024, 32 }, /* a product of 1024^3 */
    { NORM_SILU, 128, 32 },
    { NORM_SILU, 256, 16 },
    { NORM_SILU, 192, 64 },
    { NORM_SILU, 384, 32 },
    { NORM_SILU, 512, 8 },
    { ATTENTION, 4, 16, 64 },
    { ATTENTION, 8, 16, 64 },
    { ATTENTION, 4, 32, 64 },
    { ATTENTION, 8, 32, 64 },
    /* the shipped networks, and others as small */
    { CONV3, 32, 32 },
    { CONV3, 64, 32 },
    { CONV3, 64, 32, 32 },
    { CONV3, 96, 32 },
    { CONV3, 64, 16 },
    { CONV3, 96, 16, 32 },
    { CONV3, 128, 16 },
    { CONV3, 16, 64 },
    { CONV3, 96, 8 },
    { CONV3, 128, 8 },
    { CONV3, 192, 8, 64 },
    { CONV3, 128, 4 },
    { CONV3, 256, 4, 128 },
    { CONV3, 160, 4 },
    { DOWN3, 32, 32 },
    { DOWN3, 64, 8 },
    { CONV1, 192, 8, 64 },
    { NORM_SILU, 32, 32 },
    { NORM_SILU, 64, 32 },
    { NORM_SILU, 64, 16 },
    { NORM_SILU, 128, 16 },
    { NORM_SILU, 128, 8 },
    { NORM_SILU, 32, 64 },
    { ATTENTION, 2, 8, 32 },
    { ATTENTION, 4, 4, 32 },
    { ATTENTION, 2, 16, 32 },
    { ATTENTION, 1, 16, 64 },
    { ATTENTION, 2, 16, 64 },
    { ATTENTION, 2, 8, 64 },
    /* published networks: cd_imagenet64, ddpm-cifar10-32, and those of 256 pixels */
    { CONV3, 384, 64, 192 },
    { CONV3, 768, 32, 384 },
    { CONV3, 576, 16 },
    { CONV3, 1152, 16, 576 },
    { CONV3, 768, 8 },
    { CONV3, 1536, 8, 768 },
    { CONV3, 256, 32, 128 },
    { CONV3, 128, 256 },
    { CONV3, 256, 128 },
    { CONV3, 512, 64 },
    { CONV3, 1024, 16 },
    { DOWN3, 128, 256 },
    { CONV1, 384, 32, 1152 },
    { CONV1, 768, 8, 2304 },
    { NORM_SILU, 128, 256 },
    { NORM_SILU, 768, 8 },
    { ATTENTION, 6, 32, 64 },
    { ATTENTION, 9, 16, 64 },
    { ATTENTION, 12, 8, 64 },
    { ATTENTION, 1, 16, 256 },
};

typedef struct bench {
    qs_device *device;
    graph graph;
    char name[96];
    gpu_buffer buffer;
    uint64_t *offsets;
    gpu_commands *commands;
} bench;

/* ---- the op -------------------------------------------------------------------------------- */

static void build(bench *b, const bench_shape *s, dtype storage)
{
    graph *g = &b->graph;
    const char *type = storage == DTYPE_F16 ? "f16" : "f32";
    const uint32_t c = s->c, to = s->to ? s->to : c, tokens = s->size * s->size;
    if (s->kind == ATTENTION) {
        snprintf(b->name, sizeof b->name, "attention %s %u x %u @ %u tokens", type, c, to, tokens);
        const tensor_id qkv = graph_activation(g, "x", storage, 1, s->size, s->size, 3 * to * c);
        op_attention(g, "op", &(attention_params){ qkv, c, 1.0f / sqrtf((float)to) });
        return;
    }
    const tensor_id x = graph_activation(g, "x", storage, 1, s->size, s->size, c);
    if (s->kind == NORM_SILU) {
        snprintf(b->name, sizeof b->name, "group_norm silu %s %u @ %ux%u", type, c, s->size,
                 s->size);
        op_group_norm(g, "op",
                      &(group_norm_params){ .x = x,
                                            .weight = "w",
                                            .bias = "b",
                                            .scale_shift = NO_TENSOR,
                                            .groups = 32,
                                            .eps = 1e-5f,
                                            .activation = ACTIVATION_SILU });
        return;
    }
    const uint32_t kernel = s->kind == CONV1 ? 1 : 3;
    snprintf(b->name, sizeof b->name, "conv2d %ux%u%s %s %u -> %u @ %ux%u", kernel, kernel,
             s->kind == DOWN3 ? " s2" : "", type, c, to, s->size, s->size);
    conv2d_params p = conv2d_same(x, "w", "b", to, kernel);
    p.stride = s->kind == DOWN3 ? 2 : 1;
    op_conv2d(g, "op", &p);
}

/* ---- memory -------------------------------------------------------------------------------- */

/* Small numbers of both signs: neither zeros nor NaN, which may be faster or slower. */
static qs_status fill(const bench *b, const tensor *t, uint64_t offset)
{
    uint8_t *bytes = malloc(t->bytes);
    if (!bytes)
        return qs_error(QS_ERROR_MEMORY, "no host memory for the benchmark");
    uint32_t random = 12345;
    for (uint64_t i = 0; i < t->bytes / dtype_bytes(t->type); ++i) {
        random = random * 1664525u + 1013904223u;
        const float value = ((float)(random >> 8) * 0x1p-23f - 1.0f) * 0.1f;
        const uint16_t half = half_from_float(value);
        memcpy(bytes + i * dtype_bytes(t->type),
               t->type == DTYPE_F16 ? (const void *)&half : &value, dtype_bytes(t->type));
    }
    const qs_status status =
        gpu_upload(b->device, &(gpu_slice){ &b->buffer, offset, t->bytes }, bytes);
    free(bytes);
    return status;
}

static qs_status prepare(bench *b)
{
    qs_status status = QS_OK;
    TRY(graph_status(&b->graph));
    b->offsets = calloc(b->graph.tensor_count, sizeof *b->offsets);
    if (!b->offsets)
        return qs_error(QS_ERROR_MEMORY, "no host memory for the benchmark");
    const uint64_t size = lower_place(&b->graph, 0, b->offsets);
    TRY(gpu_buffer_create(b->device, GPU_DEVICE, size, "benchmark", &b->buffer));
    for (tensor_id id = 0; id < b->graph.tensor_count; ++id)
        if (graph_tensor(&b->graph, id)->parent == NO_TENSOR)
            TRY(fill(b, graph_tensor(&b->graph, id), b->offsets[id]));
    TRY(gpu_upload_finish(b->device));
fail:
    return status;
}

static double bytes_moved(const graph *g)
{
    double bytes = 0;
    for (tensor_id id = 0; id < g->tensor_count; ++id) {
        bool intermediate = false, written = false;
        for (uint32_t i = 0; i < g->node_count; ++i) {
            written |= g->nodes[i].out == id;
            for (uint32_t k = 0; k < g->nodes[i].in_count; ++k)
                intermediate |= g->nodes[i].in[k] == id;
        }
        bytes += written && intermediate ? 0 : (double)graph_tensor(g, id)->bytes;
    }
    return bytes;
}

/* Of a convolution: of its definition, whatever its variant does instead. */
static double op_flops(const graph *g, const bench_shape *s)
{
    double flops = 0;
    for (uint32_t i = 0; i < g->node_count; ++i)
        flops += g->nodes[i].flops;
    if (s->kind == NORM_SILU || s->kind == ATTENTION)
        return flops;
    const double side = s->kind == DOWN3 ? s->size / 2 : s->size, taps = s->kind == CONV1 ? 1 : 9;
    return 2 * side * side * taps * s->c * (s->to ? s->to : s->c);
}

/* ---- time ---------------------------------------------------------------------------------- */

static qs_status record(bench *b, uint32_t times)
{
    qs_status status = QS_OK;
    TRY(measure_begin(b->device, b->name, &b->commands));
    TRY(lower_record(b->device, &b->graph, &b->buffer, b->offsets, 0, times, b->commands));
    measure_end(b->device, b->commands);
    TRY(gpu_record_end(b->commands));
fail:
    return status;
}

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* *count: in, the samples wanted; out, those taken, in ascending order. */
static qs_status time_op(bench *b, uint32_t *count, double *samples)
{
    qs_status status = QS_OK;
    double once = 0;
    TRY(record(b, 1));
    TRY(measure_commands(b->device, b->commands, &once)); /* the driver compiles now */
    TRY(measure_commands(b->device, b->commands, &once));
    const double wanted = 20 / (once > 0.01 ? once : 0.01);
    const uint32_t times = wanted < 1 ? 1 : wanted > 256 ? 256 : (uint32_t)wanted;
    TRY(record(b, times));
    TRY(measure_commands(b->device, b->commands, &once));
    const double end_ms = clock_ms() + OP_MS_MAX;
    uint32_t done = 0;
    do {
        TRY(measure_commands(b->device, b->commands, &samples[done]));
        samples[done++] /= times;
    } while (done < *count && clock_ms() < end_ms);
    *count = done;
    qsort(samples, done, sizeof *samples, compare_doubles);
fail:
    return status;
}

static qs_status bench_one(qs_device *device, const bench_shape *shape, dtype storage,
                           const char *filter, uint32_t repeats, double *samples,
                           qs_bench_fn report, void *user)
{
    bench b = { .device = device };
    qs_status status = QS_OK;
    graph_init(&b.graph, gpu_device_limits(device), storage);
    build(&b, shape, storage);
    if (filter && !strstr(b.name, filter))
        goto fail;
    TRY(prepare(&b));
    TRY(time_op(&b, &repeats, samples));
    const double median = samples[repeats / 2];
    report(user, &(qs_bench_result){ .name = b.name,
                                     .median_ms = median,
                                     .p95_ms = samples[(uint32_t)(0.95 * (repeats - 1) + 0.5)],
                                     .gflops = op_flops(&b.graph, shape) / (median * 1e6),
                                     .gbytes_per_s = bytes_moved(&b.graph) / (median * 1e6),
                                     .repeats = repeats });
fail:
    gpu_commands_destroy(device, b.commands);
    gpu_buffer_destroy(device, &b.buffer);
    free(b.offsets);
    graph_finish(&b.graph);
    return status;
}

qs_status qs_bench_ops(qs_device *device, const char *filter, uint32_t repeats, qs_bench_fn report,
                       void *user)
{
    if (!device || !report || repeats == 0)
        return qs_error(QS_ERROR_USAGE, "qs_bench_ops: device or report is NULL, or no repeats");
    double *samples = calloc(repeats, sizeof *samples);
    if (!samples)
        return qs_error(QS_ERROR_MEMORY, "no host memory for %u samples", repeats);
    const dtype last = gpu_device_limits(device)->f16 ? DTYPE_F16 : DTYPE_F32;
    qs_status status = QS_OK;
    for (dtype storage = DTYPE_F32; storage <= last && status == QS_OK; ++storage)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes && status == QS_OK; ++i)
            status = bench_one(device, &shapes[i], storage, filter, repeats, samples, report, user);
    free(samples);
    return status;
}
