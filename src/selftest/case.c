/* A case: its name, its turns with the variants of its ops. What it computes on: values.c. */
#include "selftest/suite.h"

#include "core/half.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *test_storage_name(dtype storage)
{
    return storage == DTYPE_F16 ? "f16" : "f32";
}

const gpu_limits *test_device_limits(const selftest *suite)
{
    return &suite->limits;
}

static uint64_t hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *text; ++text)
        h = (h ^ (uint8_t)*text) * 0x100000001b3u;
    return h;
}

/* ---- variants ------------------------------------------------------------------------------ */

static size_t word_length(const char *text)
{
    return strcspn(text, " ");
}

static bool same_algorithm(const choice *c, uint32_t a, uint32_t b)
{
    const size_t length = word_length(c->variants[a]);
    return length == word_length(c->variants[b]) &&
           memcmp(c->variants[a], c->variants[b], length) == 0;
}

/* One of the variants 1 .. that have the algorithm of `first`. */
static uint32_t draw_variant(const test *t, const choice *c, uint32_t first)
{
    uint32_t same[CHOICE_VARIANTS_MAX], count = 0;
    for (uint32_t i = first; i < c->variant_count; ++i)
        if (same_algorithm(c, i, first))
            same[count++] = i;
    return same[t->hash % count];
}

/* Whose turn it is; variant_count if nobody's. */
static uint32_t variant_of_turn(const test *t, const choice *c, uint32_t turn)
{
    if (turn == 0 || t->suite->all_variants)
        return turn < c->variant_count ? turn : c->variant_count;
    for (uint32_t i = 1; i < c->variant_count; ++i) {
        bool first = true;
        for (uint32_t k = 1; k < i; ++k)
            first = first && !same_algorithm(c, k, i);
        if (first && --turn == 0)
            return draw_variant(t, c, i);
    }
    return c->variant_count;
}

static uint32_t choose(void *user, graph *g, const choice *c)
{
    test *t = user;
    (void)g;
    const uint32_t variant = variant_of_turn(t, c, t->suite->turn);
    t->suite->more |= variant_of_turn(t, c, t->suite->turn + 1) < c->variant_count;
    if (variant == c->variant_count)
        return 0;
    const size_t used = strlen(t->name), room = sizeof t->name - used;
    if (!t->variants) {
        snprintf(t->name + used, room, " @ %s", c->variants[variant]);
        t->variants = t->name + used;
    } else if (!strstr(t->variants, c->variants[variant])) {
        snprintf(t->name + used, room, ", %s", c->variants[variant]);
    }
    return variant;
}

static bool is_turn(const test *t)
{
    const char *filter = t->suite->variant_filter;
    if (!t->variants)
        return t->suite->turn == 0 && !filter;
    return !filter || strstr(t->variants, filter);
}

static void finish(test *t)
{
    graph_finish(&t->graph);
    arena_finish(&t->arena);
}

bool test_skip(test *t)
{
    if (is_turn(t))
        return false;
    finish(t);
    return true;
}

void test_end(test *t)
{
    if (is_turn(t))
        test_run(t);
    finish(t);
}

/* ---- a case -------------------------------------------------------------------------------- */

void test_bind_at_most(test *t, uint64_t bytes)
{
    t->limits = *t->graph.limits;
    t->limits.storage_range_bytes = bytes;
    t->graph.limits = &t->limits;
}

void test_bind_pixels(test *t, uint32_t pixels, uint32_t channels)
{
    uint32_t stride = ceil4(channels);
    for (tensor_id id = 0; id < t->graph.tensor_count; ++id) {
        const tensor *s = graph_tensor(&t->graph, id);
        if (s->kind == TENSOR_ACTIVATION && s->stride > stride)
            stride = s->stride;
    }
    test_bind_at_most(t, GPU_ALIGNMENT + (uint64_t)pixels * stride * dtype_bytes(t->graph.storage));
}

bool test_begin(test *t, selftest *suite, dtype storage, const char *format, ...)
{
    memset(t, 0, sizeof *t);
    va_list args;
    va_start(args, format);
    vsnprintf(t->name, sizeof t->name, format, args);
    va_end(args);
    const size_t used = strlen(t->name);
    snprintf(t->name + used, sizeof t->name - used, "%s", suite->suffix);
    if (suite->filter && !strstr(t->name, suite->filter))
        return false;
    if (storage == DTYPE_F16 && !test_device_limits(suite)->f16) {
        if (suite->turn == 0)
            suite_report(suite,
                         &(qs_selftest_result){ .name = t->name,
                                                .passed = true,
                                                .message = "skipped: the device has no f16" });
        return false;
    }
    t->suite = suite;
    t->hash = hash(t->name);
    t->dice.state = t->hash;
    graph_init(&t->graph, test_device_limits(suite), storage);
    t->chooser = (struct chooser){ choose, t };
    t->graph.chooser = &t->chooser;
    return true;
}
