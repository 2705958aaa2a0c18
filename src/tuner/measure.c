#include "tuner/measure.h"

#include "core/clock.h"
#include "core/log.h"
#include "plan/lower.h"
#include "plan/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

qs_status measure_begin(qs_device *device, const char *name, gpu_commands **commands)
{
    qs_status status = QS_OK;
    const bool timestamps = gpu_device_limits(device)->timestamps;
    gpu_commands_destroy(device, *commands);
    TRY(gpu_commands_create(device, name, timestamps ? 2 : 0, commands));
    TRY(gpu_record_begin(*commands));
    if (timestamps)
        gpu_record_timestamp(*commands, 0);
fail:
    return status;
}

void measure_end(qs_device *device, gpu_commands *commands)
{
    if (gpu_device_limits(device)->timestamps)
        gpu_record_timestamp(commands, 1);
}

qs_status measure_commands(qs_device *device, const gpu_commands *commands, double *ms)
{
    qs_status status = QS_OK;
    const double start = clock_ms();
    TRY(gpu_run(device, commands));
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
    v->times = times;
    TRY(measure_begin(device, "measure", &v->commands));
    TRY(lower_record(device, &v->graph, memory, v->offsets, 0, times, v->commands));
    measure_end(device, v->commands);
    TRY(gpu_record_end(v->commands));
fail:
    return status;
}

static qs_status take_turn(qs_device *device, const candidate *v, double *ms)
{
    const qs_status status = measure_commands(device, v->commands, ms);
    if (status == QS_OK)
        *ms /= v->times;
    return status;
}

/* ---- all of a choice ------------------------------------------------------------------------- */

/* Only a variant's: not of the device, and not for want of memory. */
static bool is_its_own_trouble(qs_status status)
{
    return status != QS_OK && status != QS_ERROR_DEVICE_LOST && status != QS_ERROR_MEMORY;
}

/* Pipelines that cannot be made are asked for again, and missed, when their variant is recorded. */
static qs_status prepare_pipelines(qs_device *device, const candidate *all, uint32_t count)
{
    const graph *graphs[CHOICE_VARIANTS_MAX];
    for (uint32_t i = 0; i < count; ++i)
        graphs[i] = &all[i].graph;
    gpu_pipeline_batch *batch = NULL;
    qs_status status = record_begin_pipelines(device, graphs, count, &batch);
    if (status == QS_OK)
        status = gpu_pipelines_end(device, batch);
    return is_its_own_trouble(status) ? QS_OK : status;
}

/* Small numbers: neither zeros nor NaN, which may be faster or slower. */
static qs_status fill(qs_device *device, const gpu_buffer *memory, dtype storage)
{
    qs_status status = QS_OK;
    gpu_commands *commands = NULL;
    TRY(gpu_commands_create(device, "fill", 0, &commands));
    TRY(gpu_record_begin(commands));
    gpu_record_fill(commands, &(gpu_slice){ memory, 0, memory->size },
                    storage == DTYPE_F16 ? 0x2e662e66 : 0x3dcccccd); /* 0.1 */
    TRY(gpu_record_end(commands));
    TRY(gpu_run(device, commands));
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
        const qs_status warm = warm_up(device, memory, &all[i], &ms[i]);
        if (is_its_own_trouble(warm)) {
            const choice *c = all[i].choice;
            log_line(QS_LOG_WARNING, "%s: no %s: %s", c->key, c->variants[i], qs_last_error());
            ms[i] = INFINITY;
            continue;
        }
        TRY(warm);
        fastest = fmin(fastest, ms[i]);
    }
    for (uint32_t turn = 0; turn < TURNS; ++turn)
        for (uint32_t i = 0; i < count; ++i) {
            double now;
            if (isinf(ms[i]) || ms[i] > HOPELESS * fastest)
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
    TRY(gpu_buffer_create(device, GPU_DEVICE, bytes, "measured ops", &memory));
    TRY(prepare_pipelines(device, all, c->variant_count));
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
