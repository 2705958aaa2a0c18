/* The running of a case: memory, dispatches, comparison. Making one: case.c, values.c. */
#include "plan/lower.h"
#include "selftest/suite.h"

#include "core/half.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SENTINEL_BYTES = 1024 * 4, SENTINEL = 0xa5 };

typedef struct outcome {
    bool passed;
    double error, limit; /* normalised mean square, of the worst tensor */
    char message[512];
} outcome;

static void fail(outcome *o, const char *format, ...) QS_PRINTF(2, 3);

static void fail(outcome *o, const char *format, ...)
{
    if (!o->passed)
        return; /* the first failure says most */
    o->passed = false;
    va_list args;
    va_start(args, format);
    vsnprintf(o->message, sizeof o->message, format, args);
    va_end(args);
}

/* ---- where an element is ------------------------------------------------------------------- */

static uint32_t lane_count(const tensor *s) /* of a pixel, with its pad lanes */
{
    return s->stride < ceil4(s->c) ? s->c : ceil4(s->c);
}

static uint64_t element_offset(const test *t, tensor_id id, size_t pixel, uint32_t lane)
{
    const tensor *s = graph_tensor(&t->graph, id);
    return t->offsets[graph_root(&t->graph, id)] +
           (s->offset + (uint64_t)pixel * s->stride + lane) * dtype_bytes(s->type);
}

static size_t pixel_count(const tensor *s)
{
    return (size_t)s->n * s->h * s->w;
}

static double load_value(const void *at, dtype type)
{
    if (type == DTYPE_F16) {
        uint16_t half;
        memcpy(&half, at, sizeof half);
        return float_from_half(half);
    }
    uint32_t bits;
    memcpy(&bits, at, sizeof bits);
    return type == DTYPE_U32 ? (double)bits : (double)float_from_bits(bits);
}

static void store_value(void *at, dtype type, const void *values, size_t i)
{
    if (type == DTYPE_F16) {
        const uint16_t half = half_from_float(((const float *)values)[i]);
        memcpy(at, &half, sizeof half);
    } else {
        memcpy(at, (const uint32_t *)values + i, sizeof(uint32_t));
    }
}

const void *test_result_bytes(const test *t, tensor_id id)
{
    return (const uint8_t *)t->suite->buffer.mapped + t->offsets[graph_root(&t->graph, id)];
}

double test_result(const test *t, tensor_id id, uint32_t n, uint32_t y, uint32_t x, uint32_t c)
{
    const tensor *s = graph_tensor(&t->graph, id);
    const size_t pixel = ((size_t)n * s->h + y) * s->w + x;
    return load_value((const uint8_t *)t->suite->buffer.mapped + element_offset(t, id, pixel, c),
                      s->type);
}

/* ---- before the run ------------------------------------------------------------------------ */

static void fill_nan(uint8_t *at, uint64_t bytes, dtype type)
{
    const uint32_t word = type == DTYPE_F16 ? 0x7e007e00u : type == DTYPE_F32 ? 0x7fc00000u : ~0u;
    for (uint64_t i = 0; i < bytes; ++i)
        at[i] = (uint8_t)(word >> 8 * (i % 4));
}

static bool fill_weight(test *t, const tensor *s, void *packed, outcome *o)
{
    const weight *w = s->weight;
    memset(packed, 0, w->packed_bytes);
    for (uint32_t k = 0; k < w->key_count; ++k) {
        const size_t wanted = weight_rows(w, k) * weight_row_elements(w);
        bool found = false;
        for (uint32_t i = 0; i < t->weight_count && !found; ++i)
            if (strcmp(t->weights[i].key, w->keys[k]) == 0 && t->weights[i].count == wanted) {
                w->pack(w, k, t->weights[i].values, packed);
                found = true;
            }
        if (!found) {
            fail(o, "the case has no weight \"%s\" of %zu values", w->keys[k], wanted);
            return false;
        }
    }
    if (w->key_count == 0)
        w->pack(w, 0, NULL, packed);
    return true;
}

static void fill_values(const test *t, tensor_id id, uint8_t *memory)
{
    const tensor *s = graph_tensor(&t->graph, id);
    for (size_t pixel = 0; pixel < pixel_count(s); ++pixel)
        for (uint32_t lane = 0; lane < lane_count(s); ++lane) {
            uint8_t *at = memory + element_offset(t, id, pixel, lane);
            if (lane < s->c)
                store_value(at, s->type, t->tensors[id].values, pixel * s->c + lane);
            else
                memset(at, 0, dtype_bytes(s->type));
        }
}

static bool fill_memory(test *t, uint8_t *memory, uint64_t size, outcome *o)
{
    const graph *g = &t->graph;
    memset(memory, SENTINEL, size);
    for (tensor_id id = 0; id < g->tensor_count; ++id) {
        const tensor *s = graph_tensor(g, id);
        if (s->parent != NO_TENSOR)
            continue;
        fill_nan(memory + t->offsets[id], s->bytes, s->type);
        if (s->kind == TENSOR_WEIGHT && !fill_weight(t, s, memory + t->offsets[id], o))
            return false;
        if (t->tensors[id].bytes)
            memcpy(memory + t->offsets[id], t->tensors[id].bytes, t->tensors[id].byte_count);
    }
    for (tensor_id id = 0; id < g->tensor_count; ++id)
        if (t->tensors[id].values)
            fill_values(t, id, memory);
    return true;
}

/* What some dispatch says that it writes. */
static void mark_writable(const test *t, uint8_t *writable, uint64_t size)
{
    const graph *g = &t->graph;
    memset(writable, 0, size);
    for (uint32_t i = 0; i < g->node_count; ++i) {
        const op_dispatch d = op_lower(g, &g->nodes[i]);
        for (uint32_t b = 0; b < d.binding_count; ++b) {
            const tensor_id id = d.bindings[b].tensor;
            const tensor *s = graph_tensor(g, id);
            if (!(d.bindings[b].access & ACCESS_WRITE))
                continue;
            for (size_t pixel = 0; pixel < pixel_count(s); ++pixel)
                memset(writable + element_offset(t, id, pixel, 0), 1,
                       (size_t)lane_count(s) * dtype_bytes(s->type));
        }
    }
}

static void check_bindings(const test *t, outcome *o)
{
    const graph *g = &t->graph;
    for (uint32_t i = 0; i < g->node_count; ++i) {
        const op_dispatch d = op_lower(g, &g->nodes[i]);
        for (uint32_t b = 0; b < d.binding_count; ++b) {
            const tensor *s = graph_tensor(g, d.bindings[b].tensor);
            const uint64_t bytes = graph_range(g, d.bindings[b].tensor).bytes;
            if (s->kind == TENSOR_ACTIVATION && bytes > g->limits->storage_range_bytes)
                fail(o, "%s binds %llu bytes of \"%s\", more than %llu", g->nodes[i].name,
                     (unsigned long long)bytes, s->name,
                     (unsigned long long)g->limits->storage_range_bytes);
        }
    }
}

/* ---- after the run ------------------------------------------------------------------------- */

static void check_untouched(const test *t, uint64_t size, outcome *o)
{
    const selftest *suite = t->suite;
    const uint8_t *now = suite->buffer.mapped;
    for (uint64_t i = 0; i < size; ++i) {
        if (suite->writable[i] || now[i] == suite->initial[i])
            continue;
        tensor_id nearest = 0;
        for (tensor_id id = 0; id < t->graph.tensor_count; ++id)
            if (graph_tensor(&t->graph, id)->parent == NO_TENSOR && t->offsets[id] <= i)
                nearest = id;
        const tensor *s = graph_tensor(&t->graph, nearest);
        fail(o, "byte %lld of \"%s\" (%llu bytes) was changed and nothing should write there",
             (long long)(i - t->offsets[nearest]), s->name, (unsigned long long)s->bytes);
        return;
    }
}

static bool same_special(double a, double b)
{
    return (isnan(a) && isnan(b)) || (isinf(a) && a == b);
}

static double tolerance(const test_limits *limits, dtype type, double magnitude)
{
    /* a device may flush float16 below 2^-14 to zero */
    const double rounding = type == DTYPE_F16 ? 0x1.02p-11 * magnitude + 0x1p-14 : 0;
    return limits->absolute + limits->factor * 0x1p-24 * magnitude + rounding;
}

static void compare(const test *t, tensor_id id, outcome *o)
{
    const tensor *s = graph_tensor(&t->graph, id);
    const reference *expected = &t->tensors[id].reference;
    const test_limits *limits = &t->tensors[id].limits;
    const uint8_t *memory = t->suite->buffer.mapped;
    double errors = 0, squares = 0;
    if (reference_count(expected) != pixel_count(s) * s->c) {
        fail(o, "\"%s\" has %zu values, the reference %zu", s->name, pixel_count(s) * s->c,
             reference_count(expected));
        return;
    }
    for (size_t pixel = 0; pixel < pixel_count(s); ++pixel)
        for (uint32_t lane = 0; lane < lane_count(s); ++lane) {
            const double value = load_value(memory + element_offset(t, id, pixel, lane), s->type);
            const size_t i = pixel * s->c + lane;
            if (lane >= s->c) {
                if (value != 0)
                    fail(o, "\"%s\": pad lane %u of pixel %zu is %g", s->name, lane, pixel, value);
                continue;
            }
            const double wanted = expected->value[i], error = value - wanted;
            if (same_special(value, wanted))
                continue;
            errors += error * error;
            squares += wanted * wanted;
            const double limit = tolerance(limits, s->type, expected->magnitude[i]);
            if (limits->exact ? value != wanted : !(fabs(error) <= limit))
                fail(o,
                     "\"%s\": channel %u of pixel %zu is %.9g, should be %.9g (off by %.3g, limit "
                     "%.3g)",
                     s->name, lane, pixel, value, wanted, error, limits->exact ? 0 : limit);
        }
    const double nmse = squares > 0 ? errors / squares : errors;
    if (nmse >= o->error) {
        o->error = nmse;
        o->limit = limits->nmse;
    }
    if (!limits->exact && !(nmse <= limits->nmse))
        fail(o, "\"%s\": normalised mean square error %.3g, limit %.3g", s->name, nmse,
             limits->nmse);
}

/* ---- a case -------------------------------------------------------------------------------- */

/* Once more and again: every bit as the first time. */
static qs_status repeat(test *t, const gpu_commands *commands, uint64_t size, outcome *o)
{
    selftest *suite = t->suite;
    uint8_t *first = test_alloc(t, size, 1);
    memcpy(first, suite->buffer.mapped, size);
    for (uint32_t i = 1; i < t->repeats; ++i) {
        memcpy(suite->buffer.mapped, suite->initial, size);
        const qs_status status = gpu_run(suite->device, commands);
        if (status != QS_OK)
            return status;
        if (memcmp(first, suite->buffer.mapped, size) != 0)
            fail(o, "run %u of %u gives other bits than the first", i + 1, t->repeats);
    }
    return QS_OK;
}

static qs_status run(test *t, outcome *o)
{
    selftest *suite = t->suite;
    gpu_commands *commands = NULL;
    qs_status status = QS_OK;
    TRY(graph_status(&t->graph));
    check_bindings(t, o);
    t->offsets = test_alloc(t, t->graph.tensor_count, sizeof *t->offsets);
    const uint64_t size = lower_place(&t->graph, SENTINEL_BYTES, t->offsets);
    TRY(suite_reserve(suite, size));
    if (!fill_memory(t, suite->initial, size, o))
        return QS_OK;
    mark_writable(t, suite->writable, size);
    memcpy(suite->buffer.mapped, suite->initial, size);

    TRY(gpu_commands_create(suite->device, t->name, 0, &commands));
    TRY(gpu_record_begin(commands));
    TRY(lower_record(suite->device, &t->graph, &suite->buffer, t->offsets, SENTINEL_BYTES, 1,
                     commands));
    TRY(gpu_record_end(commands));
    TRY(gpu_run(suite->device, commands));
    if (t->repeats > 1)
        TRY(repeat(t, commands, size, o));

    for (tensor_id id = 0; id < t->graph.tensor_count; ++id)
        if (t->tensors[id].expected)
            compare(t, id, o);
    check_untouched(t, size, o);
    if (o->passed && t->check) {
        char message[256] = "";
        t->check(t, message, sizeof message);
        if (message[0])
            fail(o, "%s", message);
    }
fail:
    gpu_commands_destroy(suite->device, commands);
    return status;
}

void test_run(test *t)
{
    selftest *suite = t->suite;
    outcome o = { .passed = true };
    const uint64_t messages = qs_device_validation_messages(suite->device);
    if (t->graph.tensor_count > TEST_TENSORS_MAX)
        fail(&o, "more than %d tensors", TEST_TENSORS_MAX);
    else if (run(t, &o) != QS_OK)
        fail(&o, "%s", qs_last_error());
    const uint64_t more = qs_device_validation_messages(suite->device) - messages;
    if (more > 0)
        fail(&o, "%llu validation messages", (unsigned long long)more);
    suite_report(suite, &(qs_selftest_result){ .name = t->name,
                                               .passed = o.passed,
                                               .error = o.error,
                                               .limit = o.limit,
                                               .message = o.message });
}
