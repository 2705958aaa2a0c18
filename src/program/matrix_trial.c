#include "program/matrix_trial.h"

#include "core/half.h"
#include "core/log.h"
#include "graph/choice.h"
#include "ops/conv2d_staged.h"
#include "plan/plan.h"
#include "plan/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tails everywhere, and enough terms to be split: 99 pixels, 72 channels, 9 * 60 terms. */
enum { HEIGHT = 9, WIDTH = 11, CI = 60, CO = 72, TILES = 3 };

/* Of attention too: 143 keys. */
enum { TOKENS = 143, HEADS = 2, HEAD_WIDTH = 32, TRIES = TILES + 2 };

typedef struct attempt {
    tensor_id plain, tried; /* without matrix units and with them */
    float size;             /* of what is rounded, besides the result itself */
} attempt;

typedef struct trial {
    graph graph;
    plan plan;
    gpu_slice *slices;
    gpu_buffer memory; /* activations, then weights */
    gpu_commands *commands;
    tensor_id x, qkv;
    attempt attempts[TRIES];
} trial;

/* ---- the graph ------------------------------------------------------------------------------ */

static uint32_t choose_direct(void *user, graph *g, const choice *c)
{
    (void)user;
    (void)g;
    for (uint32_t i = 0; i < c->variant_count; ++i)
        if (strncmp(c->variants[i], "direct", 6) == 0)
            return i;
    return 0;
}

/* user: whether the keys are split; the largest tile that does, or the smallest that does not. */
static uint32_t choose_matrix(void *user, graph *g, const choice *c)
{
    const bool split = *(const bool *)user;
    uint32_t chosen = choose_direct(NULL, g, c); /* where no tile fits */
    for (uint32_t i = 0; i < c->variant_count; ++i) {
        if (strncmp(c->variants[i], "matrix", 6) != 0 ||
            (strstr(c->variants[i], " split") != NULL) != split)
            continue;
        chosen = i;
        if (split)
            break;
    }
    return chosen;
}

static uint32_t area(const staged_tile *t)
{
    return t->pixels * t->channels;
}

/* The largest tile, the smallest, and the first that splits its sums. */
static void pick_tiles(const staged_tile *tiles, uint32_t count, staged_tile picked[TILES])
{
    for (uint32_t i = 0; i < TILES; ++i)
        picked[i] = tiles[0];
    for (uint32_t i = 1; i < count; ++i) {
        if (area(&tiles[i]) > area(&picked[0]))
            picked[0] = tiles[i];
        if (area(&tiles[i]) < area(&picked[1]))
            picked[1] = tiles[i];
        if (tiles[i].splits > 1 && picked[2].splits == 1)
            picked[2] = tiles[i];
    }
}

static void build_convolution(trial *t)
{
    static const char *const names[TILES] = { "largest", "smallest", "split" };
    static const char *const weight_key = "weight";
    struct chooser direct = { choose_direct, NULL };
    graph *g = &t->graph;
    t->x = graph_activation(g, "x", DTYPE_F16, 1, HEIGHT, WIDTH, CI);
    const conv2d_params p = conv2d_same(t->x, weight_key, NULL, CO, 3);
    const weight source = {
        .keys = &weight_key, .key_count = 1, .rank = 4, .shape = { CO, CI, 3, 3 }
    };
    staged_tile tiles[STAGED_TILES_MAX], picked[TILES];
    g->chooser = &direct;
    const tensor_id plain = op_conv2d(g, "plain", &p);
    if (graph_status(g) != QS_OK)
        return;
    const uint32_t count = conv2d_staged_tiles(g, STAGED_MATRIX, &p, graph_tensor(g, plain), tiles);
    if (count == 0) { /* none fits: no convolution will use them */
        for (uint32_t i = 0; i < TILES; ++i)
            t->attempts[i] = (attempt){ plain, plain, 0 };
        return;
    }
    pick_tiles(tiles, count, picked);
    const tensor_id packed = conv2d_matrix_weight(g, &p, &source);
    for (uint32_t i = 0; i < TILES; ++i) {
        const tensor_id y = graph_activation(g, names[i], DTYPE_F16, 1, HEIGHT, WIDTH, CO);
        conv2d_staged_append(g, false, names[i], &p, packed, NO_TENSOR, y, picked[i]);
        t->attempts[i] = (attempt){ plain, y, 0.125f };
    }
}

/* Scores of some size, so that single keys matter. */
static void build_attention(trial *t)
{
    static const char *const names[] = { "attention.whole", "attention.split" };
    struct chooser direct = { choose_direct, NULL };
    graph *g = &t->graph;
    t->qkv = graph_activation(g, "qkv", DTYPE_F16, 1, TOKENS, 1, 3 * HEADS * HEAD_WIDTH);
    const attention_params p = { t->qkv, HEADS, 1 };
    g->chooser = &direct;
    const tensor_id plain = op_attention(g, "attention", &p);
    for (uint32_t i = 0; i < 2; ++i) {
        bool split = i == 1;
        struct chooser matrix = { choose_matrix, &split };
        g->chooser = &matrix;
        t->attempts[TILES + i] = (attempt){ plain, op_attention(g, names[i], &p), 1 };
    }
    g->chooser = NULL;
}

/* ---- the run -------------------------------------------------------------------------------- */

/* Numbers in [-1, 1) that are the same everywhere. */
static float next_number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) * 0x1p-23f - 1;
}

/* Halves that follow each other: channels are a multiple of four. */
static uint8_t *values_of(const trial *t, tensor_id id, size_t *count)
{
    *count = graph_tensor(&t->graph, id)->bytes / 2;
    return (uint8_t *)t->memory.mapped + t->slices[id].offset;
}

static void fill_input(const trial *t, tensor_id id, uint32_t *state)
{
    size_t count;
    uint8_t *values = values_of(t, id, &count);
    for (size_t i = 0; i < count; ++i)
        store_float(values, i, true, next_number(state));
}

static qs_status fill(const trial *t)
{
    const graph *g = &t->graph;
    const size_t count = (size_t)CO * CI * 9;
    float *values = malloc(count * sizeof *values);
    uint32_t state = 1;
    if (!values)
        return qs_error(QS_ERROR_MEMORY, "no host memory to try the matrix units");
    uint8_t *memory = t->memory.mapped;
    memset(memory, 0, t->memory.size);
    for (size_t i = 0; i < count; ++i)
        values[i] = next_number(&state) / 16;
    for (tensor_id id = 0; id < g->tensor_count; ++id)
        if (g->tensors[id].weight)
            g->tensors[id].weight->pack(g->tensors[id].weight, 0, values,
                                        memory + t->slices[id].offset);
    fill_input(t, t->x, &state);
    fill_input(t, t->qkv, &state);
    free(values);
    return QS_OK;
}

static qs_status run(qs_device *device, trial *t)
{
    const graph *graph = &t->graph;
    gpu_pipeline_batch *batch = NULL;
    qs_status status = QS_OK;
    TRY(plan_create(&t->graph, true, &t->plan));
    t->slices = calloc(t->graph.tensor_count, sizeof *t->slices);
    if (!t->slices)
        TRY(qs_error(QS_ERROR_MEMORY, "no host memory to try the matrix units"));
    record_place_arena(&t->plan, &t->memory, t->slices);
    uint64_t bytes = gpu_align(t->plan.arena_bytes);
    for (tensor_id id = 0; id < t->graph.tensor_count; ++id)
        if (t->graph.tensors[id].weight) {
            t->slices[id] = (gpu_slice){ &t->memory, bytes, t->graph.tensors[id].bytes };
            bytes = gpu_align(bytes + t->graph.tensors[id].bytes);
        }
    TRY(gpu_buffer_create(device, GPU_READBACK, bytes, "matrix trial", &t->memory));
    TRY(fill(t));
    TRY(record_begin_pipelines(device, &graph, 1, &batch));
    TRY(gpu_pipelines_end(device, batch));
    TRY(gpu_commands_create(device, "matrix trial", 0, &t->commands));
    TRY(gpu_record_begin(t->commands));
    TRY(record_plan(device, &t->plan, t->slices, t->commands, false));
    TRY(gpu_record_end(t->commands));
    TRY(gpu_run(device, t->commands));
fail:
    return status;
}

/* Both are rounded to float16 (2^-11 each). A convolution's sums of 540 terms of at most 1/16 are
 * float, whose roundings are smaller still. Attention's weights are rounded to float16 as well, and
 * a mean of values below 1 in size moves by up to 2^-10 with them. */
static bool same(const trial *t, const attempt *a)
{
    size_t count;
    const uint8_t *plain = values_of(t, a->plain, &count), *tried = values_of(t, a->tried, &count);
    for (size_t i = 0; i < count; ++i) {
        const float x = load_float(plain, i, true), y = load_float(tried, i, true);
        if (!(fabsf(x - y) <= 0x1p-9f * (fabsf(x) + a->size)))
            return false;
    }
    return true;
}

qs_status matrix_trial(qs_device *device)
{
    if (!gpu_matrices_untried(device) || gpu_device_limits(device)->cpu)
        return QS_OK;
    qs_status status = QS_OK;
    trial t = { 0 };
    graph_init(&t.graph, gpu_device_limits(device), DTYPE_F16);
    build_convolution(&t);
    build_attention(&t);
    status = run(device, &t);
    if (status == QS_ERROR_MEMORY || status == QS_ERROR_DEVICE_LOST)
        goto fail;
    bool right = status == QS_OK;
    for (uint32_t i = 0; i < TRIES && right; ++i)
        right = same(&t, &t.attempts[i]);
    if (!right)
        log_line(QS_LOG_WARNING, "this device's matrix units are not used, by a driver's fault: %s",
                 status == QS_OK ? "they give wrong results" : qs_last_error());
    gpu_matrices_judge(device, right);
    status = QS_OK;
fail:
    gpu_commands_destroy(device, t.commands);
    gpu_buffer_destroy(device, &t.memory);
    free(t.slices);
    plan_finish(&t.plan);
    graph_finish(&t.graph);
    return status;
}
