/* The values of a case: inputs, weights, expectations. Running it: run.c. */
#include "selftest/suite.h"

#include "core/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *test_alloc(test *t, size_t count, size_t size)
{
    void *memory = arena_alloc(&t->arena, count ? count : 1, size);
    if (!memory)
        abort(); /* a test's few megabytes: there is no way on */
    return memory;
}

/* ---- inputs -------------------------------------------------------------------------------- */

static uint32_t some_lanes(test *t)
{
    return 4 * dice_below(&t->dice, 4);
}

/* Makes `id` a slice of a new tensor with more channels on one or both sides. */
static void widen(test *t, tensor_id id)
{
    const tensor part = *graph_tensor(&t->graph, id);
    const uint32_t before = some_lanes(t), after = part.c % 4 == 0 ? some_lanes(t) : 0;
    const char *name = arena_format(&t->arena, "%s.wide", part.name);
    const tensor_id whole = graph_activation(&t->graph, name, part.type, part.n, part.h, part.w,
                                             before + part.c + after);
    if (before + after > 0 && graph_can_slice(&t->graph, id, whole, before))
        graph_slice(&t->graph, id, whole, before);
}

tensor_id test_activation(test *t, const char *name, uint32_t n, uint32_t h, uint32_t w, uint32_t c)
{
    const tensor_id id = graph_activation(&t->graph, name, t->graph.storage, n, h, w, c);
    if (dice_below(&t->dice, 3) == 0)
        widen(t, id);
    return id;
}

void test_slice_output(test *t, tensor_id id)
{
    const bool bands = t->graph.limits == &t->limits; /* of which more would be bound then */
    if (graph_status(&t->graph) == QS_OK && !bands && dice_below(&t->dice, 3) == 0)
        widen(t, id);
}

tensor_id test_state(test *t, const char *name, dtype type, uint32_t n, uint32_t h, uint32_t w,
                     uint32_t c)
{
    return graph_state(&t->graph, name, type, n, h, w, c);
}

static float round_to(dtype type, double value)
{
    return type == DTYPE_F16 ? float_from_half(half_from_float((float)value)) : (float)value;
}

static size_t dense_count(const test *t, tensor_id id)
{
    const tensor *s = graph_tensor(&t->graph, id);
    return (size_t)s->n * s->h * s->w * s->c;
}

void test_fill(test *t, tensor_id id, const double *values)
{
    const size_t count = dense_count(t, id);
    float *rounded = test_alloc(t, count, sizeof *rounded);
    for (size_t i = 0; i < count; ++i)
        rounded[i] = round_to(graph_tensor(&t->graph, id)->type, values[i]);
    t->tensors[id].values = rounded;
}

void test_fill_normal(test *t, tensor_id id, double mean, double sigma)
{
    const size_t count = dense_count(t, id);
    double *values = test_alloc(t, count, sizeof *values);
    for (size_t i = 0; i < count; ++i)
        values[i] = mean + sigma * dice_normal(&t->dice);
    test_fill(t, id, values);
}

void test_fill_u32(test *t, tensor_id id, const uint32_t *values)
{
    const size_t count = dense_count(t, id);
    t->tensors[id].values = test_alloc(t, count, sizeof *values);
    memcpy(t->tensors[id].values, values, count * sizeof *values);
}

void test_fill_bytes(test *t, tensor_id id, const void *bytes, size_t size)
{
    t->tensors[id].bytes = test_alloc(t, size, 1);
    t->tensors[id].byte_count = size;
    memcpy(t->tensors[id].bytes, bytes, size);
}

const reference *test_reference(test *t, tensor_id id)
{
    reference *r = &t->tensors[id].input;
    if (!r->value) {
        *r = reference_like(t, id);
        const float *values = t->tensors[id].values;
        for (size_t i = 0; i < reference_count(r); ++i)
            r->value[i] = values[i];
    }
    return r;
}

const double *test_weight(test *t, const char *key, size_t count, double mean, double sigma)
{
    float *values = test_alloc(t, count, sizeof *values);
    double *exact = test_alloc(t, count, sizeof *exact);
    for (size_t i = 0; i < count; ++i) {
        values[i] = round_to(t->graph.storage, mean + sigma * dice_normal(&t->dice));
        exact[i] = values[i];
    }
    if (t->weight_count == TEST_WEIGHTS_MAX)
        abort();
    t->weights[t->weight_count].key = key;
    t->weights[t->weight_count].count = count;
    t->weights[t->weight_count++].values = values;
    return exact;
}

/* ---- expectations -------------------------------------------------------------------------- */

reference reference_make(test *t, uint32_t n, uint32_t h, uint32_t w, uint32_t c)
{
    const size_t count = (size_t)n * h * w * c;
    return (reference){
        n, h, w, c, test_alloc(t, count, sizeof(double)), test_alloc(t, count, sizeof(double))
    };
}

reference reference_like(test *t, tensor_id id)
{
    if (graph_status(&t->graph) != QS_OK)
        return reference_make(t, 1, 1, 1, 1);
    const tensor *s = graph_tensor(&t->graph, id);
    return reference_make(t, s->n, s->h, s->w, s->c);
}

test_limits test_limit(const test *t, double nmse_f32, double nmse_f16, double factor)
{
    return (test_limits){ .nmse = t->graph.storage == DTYPE_F16 ? nmse_f16 : nmse_f32,
                          .factor = factor };
}

void test_expect(test *t, tensor_id id, const reference *expected, test_limits limits)
{
    t->tensors[id].expected = true;
    t->tensors[id].reference = *expected;
    t->tensors[id].limits = limits;
}
