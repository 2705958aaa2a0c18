/* QUICKSTEP_DEBUG=check,dump=DIR,time: a look at every activation of a step and of a decode, and at
 * its time. */
#include "core/debug.h"
#include "core/half.h"
#include "core/log.h"
#include "session/session.h"

#include <math.h>
#include <quickstep/safetensors.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static float *read_output(const qs_session *s, session_program program, tensor_id out,
                          size_t *count)
{
    const tensor *t = graph_tensor(&s->programs.programs[program].graph, out);
    *count = (size_t)t->n * t->c * t->h * t->w;
    float *values = malloc(*count * sizeof *values);
    if (values)
        program_read_activation(&s->programs, program, out, values);
    return values;
}

static qs_status dump(const char *folder, const node *n, const tensor *t, const float *values,
                      size_t count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", debug_get()->dump_dir, folder);
    mkdir(debug_get()->dump_dir, 0777);
    mkdir(path, 0777); /* what is missing shows when the file is written */
    snprintf(path, sizeof path, "%s/%s/%s.safetensors", debug_get()->dump_dir, folder, n->name);
    const qs_tensor out = { .name = "output",
                            .dtype = QS_DTYPE_F32,
                            .rank = 4,
                            .shape = { t->n, t->c, t->h, t->w },
                            .data = values,
                            .size_bytes = count * sizeof *values };
    return qs_safetensors_write(path, &out, 1, NULL);
}

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        if (!isfinite(values[i]))
            return false;
    return true;
}

qs_status session_inspect(qs_session *s, session_program program)
{
    const graph *g = &s->programs.programs[program].graph;
    qs_status status = QS_OK;
    bool clean = true;
    char name[32] = "decode";
    if (program == PROGRAM_STEP)
        snprintf(name, sizeof name, "step-%04u", s->picture.steps_submitted);
    TRY(flights_drain(s));
    TRY(program_set_read_arena(&s->programs));
    for (uint32_t i = 0; i < g->node_count; ++i) {
        const node *n = &g->nodes[i];
        const tensor_id out = graph_whole(g, n->out);
        const tensor *t = graph_tensor(g, out);
        size_t count = 0;
        if (t->kind != TENSOR_ACTIVATION)
            continue;
        float *values = read_output(s, program, out, &count);
        if (!values)
            return qs_error(QS_ERROR_MEMORY, "no host memory to inspect %s", n->name);
        if (debug_get()->check && clean && !all_finite(values, count)) {
            clean = false;
            log_line(QS_LOG_WARNING, "%s: %s is the first op with NaN or Inf", name, n->name);
        }
        status = debug_get()->dump_dir ? dump(name, n, t, values, count) : QS_OK;
        free(values);
        TRY(status);
    }
fail:
    return status;
}

static qs_status log_times(qs_session *s,
                           qs_status (*get)(qs_session *s, qs_op_time *times, size_t *count))
{
    size_t count = 0;
    qs_status status = QS_OK;
    qs_op_time *times = NULL;
    TRY(get(s, NULL, &count));
    times = calloc(count + 1, sizeof *times);
    if (!times)
        return qs_error(QS_ERROR_MEMORY, "no host memory for %zu times", count);
    TRY(get(s, times, &count));
    for (size_t i = 0; i < count; ++i)
        log_line(QS_LOG_INFO, "%8.3f ms %7.2f GFLOP/s  %-18s %s", times[i].ms,
                 times[i].ms > 0 ? times[i].flops / times[i].ms * 1e-6 : 0, times[i].op,
                 times[i].name);
fail:
    free(times);
    return status;
}

qs_status session_log_times(qs_session *s)
{
    const qs_status status = log_times(s, qs_session_op_times);
    return status == QS_OK ? log_times(s, qs_session_decode_times) : status;
}
