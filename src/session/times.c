/* How long the ops of a step and of a decode took. */
#include "session/session.h"

#include <stdlib.h>

static double bytes_moved(const graph *g, const node *n)
{
    double bytes = 0;
    for (uint32_t i = 0; i <= n->in_count; ++i) {
        const tensor_id id = i < n->in_count ? n->in[i] : n->out;
        if (id == NO_TENSOR)
            continue;
        const tensor *t = graph_tensor(g, id);
        bytes += (double)t->n * t->h * t->w * t->c * dtype_bytes(t->type);
    }
    return bytes;
}

/* ticket 0: it has not run yet. */
static qs_status read_times(qs_session *s, const char *what, session_program program,
                            uint32_t recording, uint64_t ticket, qs_op_time *times, size_t *count)
{
    const graph *g = &s->programs.programs[program].graph;
    const gpu_commands *commands = s->programs.programs[program].commands[recording];
    if (!s->options.profile)
        return qs_error(QS_ERROR_USAGE, "times per op need a session with options.profile");
    if (times && ticket == 0)
        return qs_error(QS_ERROR_USAGE, "times per op come after the first %s", what);
    const size_t room = times ? *count : 0;
    *count = g->node_count;
    if (room == 0)
        return QS_OK;
    qs_status status = QS_OK;
    double *ns = calloc(g->node_count + 1, sizeof *ns);
    if (!ns)
        return qs_error(QS_ERROR_MEMORY, "no host memory for %u times", g->node_count);
    TRY(gpu_wait(s->device, ticket, UINT32_MAX));
    TRY(gpu_commands_timestamps(s->device, commands, ns));
    for (uint32_t i = 0; i < g->node_count && i < room; ++i)
        times[i] = (qs_op_time){ .name = g->nodes[i].name,
                                 .op = g->nodes[i].op->name,
                                 .ms = (ns[i + 1] - ns[i]) * 1e-6,
                                 .flops = g->nodes[i].flops,
                                 .bytes = bytes_moved(g, &g->nodes[i]) };
fail:
    free(ns);
    return status;
}

qs_status qs_session_op_times(qs_session *s, qs_op_time *times, size_t *count)
{
    if (!s || !count)
        return qs_error(QS_ERROR_USAGE, "qs_session_op_times: session and count must not be NULL");
    return read_times(s, "step", PROGRAM_STEP, 0, s->step_ticket, times, count);
}

qs_status qs_session_decode_times(qs_session *s, qs_op_time *times, size_t *count)
{
    if (!s || !count)
        return qs_error(QS_ERROR_USAGE,
                        "qs_session_decode_times: session and count must not be NULL");
    const int newest = frames_newest(s);
    return read_times(s, "picture", PROGRAM_DECODE, newest >= 0 ? (uint32_t)newest : 0,
                      newest >= 0 ? s->frames.slots[newest].ticket : 0, times, count);
}
