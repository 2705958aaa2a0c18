#include "tuner/measure.h"

#include "core/clock.h"
#include "plan/lower.h"
#include "plan/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

qs_status measure_commands(qs_device *device, const gpu_commands *commands, double *ms)
{
    qs_status status = QS_OK;
    uint64_t ticket = 0;
    const double start = clock_ms();
    TRY(gpu_submit(device, commands, &ticket));
    TRY(gpu_wait(device, ticket, UINT32_MAX));
    *ms = clock_ms() - start;
    if (gpu_device_limits(device)->timestamps) {
        double ns[2];
        TRY(gpu_commands_timestamps(device, commands, ns));
        *ms = (ns[1] - ns[0]) * 1e-6;
    }
fail:
    return status;
}

/* ---- a variant ------------------------------------------------------------------------------- */

enum { WARM_TURNS = 3, TURNS = 5, TIMES_MAX = 64 };
static const double TURN_MS = 1, HOPELESS = 3; /* of a turn; times the fastest one's warm-up */

typedef struct candidate {
    const choice *choice;
    uint32_t variant;
    struct chooser chooser;
    graph graph;
    uint64_t *offsets, bytes;
    gpu_commands *commands;
    uint32_t times; /* of the op in the commands */
} candidate;

static uint32_t choose_candidate(void *user, graph *g, const choice *c)
{
    const candidate *candidate = user;
    (void)g;
    return strcmp(c->key, candidate->choice->key) == 0 ? candidate->variant : 0;
}

static qs_status build(qs_device *device, dtype storage, candidate *v)
{
    graph *g = &v->graph;
    graph_init(g, gpu_device_limits(device), storage);
    v->chooser = (struct chooser){ choose_candidate, v };
    g->chooser = &v->chooser;
    v->choice->build(g, v->choice->params);
    if (graph_status(g) != QS_OK)
        return graph_status(g);
    v->offsets = calloc(g->tensor_count + 1, sizeof *v->offsets);
    if (!v->offsets)
        return qs_error(QS_ERROR_MEMORY, "no host memory for %u tensors", g->tensor_count);
    v->bytes = lower_place(g, 0, v->offsets);
    return QS_OK;
}

static qs_status record(qs_device *device, const gpu_buffer *memory, uint32_t times, candidate *v)
{
    qs_status status = QS_OK;
    gpu_commands_destroy(device, v->commands);
    v->commands = NULL;
    v->times = times;
    TRY(gpu_commands_create(device, "measure", 2, &v->commands));
    TRY(gpu_record_begin(v->commands));
    gpu_record_timestamp(v->commands, 0);
    TRY(lower_record(device, &v->graph, memory, v->offsets, 0, times, v->commands));
    gpu_record_timestamp(v->commands, 1);
    TRY(gpu_record_end(v->commands));
fail:
    return status;
}

static qs_status take_turn(qs_device *device, const candidate *v, double *ms)
{
    const qs_status status = measure_commands(device, v->commands, ms);
    *ms /= v->times;
    return status;
}

/* ---- all of a choice ------------------------------------------------------------------------- */

static qs_status prepare_pipelines(qs_device *device, const candidate *all, uint32_t count)
{
    uint32_t used = 0, node_count = 0;
    for (uint32_t i = 0; i < count; ++i)
        node_count += all[i].graph.node_count;
    gpu_pipeline_key *keys = calloc(node_count + 1, sizeof *keys);
    if (!keys)
        return qs_error(QS_ERROR_MEMORY, "no host memory for %u pipelines", node_count);
    for (uint32_t i = 0; i < count; ++i)
        for (uint32_t n = 0; n < all[i].graph.node_count; ++n) {
            const op_dispatch d = lower_dispatch(&all[i].graph, &all[i].graph.nodes[n]);
            keys[used++] = record_key(&d);
        }
    gpu_pipeline_batch *batch = NULL;
    const qs_status status = gpu_pipelines_begin(device, keys, used, &batch);
    free(keys);
    return status == QS_OK ? gpu_pipelines_end(device, batch) : status;
}

/* Small numbers: neither zeros nor NaN, which may be faster or slower. */
static qs_status fill(qs_device *device, const gpu_buffer *memory, dtype storage)
{
    qs_status status = QS_OK;
    gpu_commands *commands = NULL;
    uint64_t ticket = 0;
    TRY(gpu_commands_create(device, "fill", 0, &commands));
    TRY(gpu_record_begin(commands));
    gpu_record_fill(commands, &(gpu_slice){ memory, 0, memory->size },
                    storage == DTYPE_F16 ? 0x2e662e66 : 0x3dcccccd); /* 0.1 */
    TRY(gpu_record_end(commands));
    TRY(gpu_submit(device, commands, &ticket));
    TRY(gpu_wait(device, ticket, UINT32_MAX));
fail:
    gpu_commands_destroy(device, commands);
    return status;
}

/* Once to compile, then to see how long it takes: *ms, the shortest, because a busy machine makes
 * single ones far too long. Then recorded as often as fills a turn. */
static qs_status warm_up(qs_device *device, const gpu_buffer *memory, candidate *v, double *ms)
{
    qs_status status = QS_OK;
    double now;
    TRY(record(device, memory, 1, v));
    TRY(take_turn(device, v, &now));
    *ms = INFINITY;
    for (uint32_t turn = 0; turn < WARM_TURNS; ++turn) {
        TRY(take_turn(device, v, &now));
        *ms = fmin(*ms, now);
    }
    const double times = TURN_MS / fmax(*ms, TURN_MS / TIMES_MAX);
    if (times >= 2)
        TRY(record(device, memory, (uint32_t)times, v));
fail:
    return status;
}

static qs_status measure_all(qs_device *device, const gpu_buffer *memory, candidate *all,
                             uint32_t count, double end_ms, double *ms, bool *complete)
{
    qs_status status = QS_OK;
    double fastest = INFINITY;
    for (uint32_t i = 0; i < count; ++i) {
        if (clock_ms() > end_ms)
            return QS_OK;
        TRY(warm_up(device, memory, &all[i], &ms[i]));
        fastest = fmin(fastest, ms[i]);
    }
    for (uint32_t turn = 0; turn < TURNS; ++turn)
        for (uint32_t i = 0; i < count; ++i) {
            double now;
            if (ms[i] > HOPELESS * fastest)
                continue;
            if (clock_ms() > end_ms)
                return QS_OK;
            TRY(take_turn(device, &all[i], &now));
            ms[i] = fmin(ms[i], now);
        }
    *complete = true;
fail:
    return status;
}

qs_status measure_variants(qs_device *device, const choice *c, dtype storage, double end_ms,
                           double *ms, bool *complete)
{
    qs_status status = QS_OK;
    candidate all[CHOICE_VARIANTS_MAX] = { 0 };
    gpu_buffer memory = { 0 };
    uint64_t bytes = 0;
    *complete = false;
    for (uint32_t i = 0; i < c->variant_count; ++i) {
        all[i].choice = c;
        all[i].variant = i;
        TRY(build(device, storage, &all[i]));
        bytes = all[i].bytes > bytes ? all[i].bytes : bytes;
    }
    TRY(prepare_pipelines(device, all, c->variant_count));
    TRY(gpu_buffer_create(device, GPU_DEVICE, bytes, "measured ops", &memory));
    TRY(fill(device, &memory, storage));
    TRY(measure_all(device, &memory, all, c->variant_count, end_ms, ms, complete));
fail:
    for (uint32_t i = 0; i < c->variant_count; ++i) {
        gpu_commands_destroy(device, all[i].commands);
        free(all[i].offsets);
        graph_finish(&all[i].graph);
    }
    gpu_buffer_destroy(device, &memory);
    return status;
}
