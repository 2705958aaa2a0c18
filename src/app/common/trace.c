#include "common/trace.h"

#include "common/output.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Whole nanoseconds, so that what is within something ends with it and not a rounding later. */
typedef struct timeline {
    json_t *events;
    int64_t now_ns;
    int failed;
} timeline;

static int64_t op_ns(const qs_op_time *op)
{
    return llround(op->ms * 1e6);
}

static int64_t ops_ns(const qs_op_time *ops, size_t count)
{
    int64_t ns = 0;
    for (size_t i = 0; i < count; i++)
        ns += op_ns(&ops[i]);
    return ns;
}

/* Takes args, NULL: none. */
static void add(timeline *t, const char *name, size_t name_length, const char *kind, int64_t ns,
                json_t *args)
{
    t->failed |= json_array_append_new(
        t->events, json_pack("{s:s%, s:s, s:s, s:i, s:i, s:f, s:f, s:o*}", "name", name,
                             name_length, "cat", kind, "ph", "X", "pid", 1, "tid", 1, "ts",
                             (double)t->now_ns * 1e-3, "dur", (double)ns * 1e-3, "args", args));
}

static void add_op(timeline *t, const qs_op_time *op)
{
    const int64_t ns = op_ns(op);
    const double per_ns = ns > 0 ? 1 / (double)ns : 0;
    add(t, op->name, strlen(op->name), op->op, ns,
        json_pack("{s:f, s:f}", "GFLOP/s", op->flops * per_ns, "GB/s", op->bytes * per_ns));
    t->now_ns += ns;
}

/* A module's ops run one after another. `inside`: so much of their names is the module that they
 * are in. */
static void add_ops(timeline *t, const qs_op_time *ops, size_t count, size_t inside)
{
    size_t same;
    for (size_t i = 0; i < count; i += same) {
        const char *name = ops[i].name, *dot = strchr(name + inside, '.');
        const size_t length = dot ? (size_t)(dot - name) : strlen(name);
        for (same = 1; dot && i + same < count; same++)
            if (strncmp(ops[i + same].name, name, length + 1) != 0)
                break;
        if (same == 1) {
            add_op(t, &ops[i]);
            continue;
        }
        if (same < count || inside == 0) /* otherwise it is the module around it by another name */
            add(t, name, length, "module", ops_ns(ops + i, same), NULL);
        add_ops(t, ops + i, same, length + 1);
    }
}

static void add_name(timeline *t, const char *what, const char *name)
{
    t->failed |= json_array_append_new(t->events, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name",
                                                            what, "ph", "M", "pid", 1, "tid", 1,
                                                            "args", "name", name));
}

qs_status app_trace_write(const char *path, const char *device, const char *title,
                          const app_trace_span *spans, size_t span_count)
{
    timeline t = { .events = json_array() };
    add_name(&t, "process_name", device);
    add_name(&t, "thread_name", title);
    for (size_t i = 0; i < span_count; i++) {
        const app_trace_span *s = &spans[i];
        add(&t, s->name, strlen(s->name), "program", ops_ns(s->ops, s->op_count), NULL);
        add_ops(&t, s->ops, s->op_count, 0);
    }
    json_t *root = json_pack("{s:s, s:o}", "displayTimeUnit", "ms", "traceEvents", t.events);
    char *text = t.failed ? NULL : json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    const qs_status status = text ? app_output_write(path, text, strlen(text))
                                  : app_error(QS_ERROR_MEMORY, "no memory for a timeline");
    free(text);
    json_decref(root);
    return status;
}
