#include "selftest/references.h"
#include "selftest/suite.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- references ------------------------------------------------------------------------------ */

/* Query i of the first `channels` channels of q; key i of those of kv from `first` on, its value
 * behind it. causal: without the keys past i. */
typedef struct attended {
    const reference *q, *kv;
    uint32_t first, heads;
    double scale;
    bool causal;
} attended;

static void reference_query(reference *out, const attended *a, uint32_t n, uint32_t query,
                            uint32_t head)
{
    const uint32_t channels = out->c, width = channels / a->heads;
    const uint32_t keys = a->causal ? query + 1 : a->kv->h * a->kv->w;
    const size_t to = ((size_t)n * out->h * out->w + query) * channels + head * width;
    const double *q =
        a->q->value + ((size_t)n * a->q->h * a->q->w + query) * a->q->c + head * width;
    const double *image = a->kv->value + (size_t)n * a->kv->h * a->kv->w * a->kv->c;
    double highest = -DBL_MAX, total = 0, steepest = 0;
    for (uint32_t pass = 0; pass < 2; ++pass)
        for (uint32_t key = 0; key < keys; ++key) {
            const double *k = image + (size_t)key * a->kv->c + a->first + head * width;
            const double *v = k + channels;
            double logit = 0, terms = 0;
            for (uint32_t c = 0; c < width; ++c) {
                logit += a->scale * q[c] * k[c];
                terms += fabs(a->scale * q[c] * k[c]);
            }
            if (pass == 0) {
                highest = fmax(highest, logit);
                steepest = fmax(steepest, terms);
                continue;
            }
            const double weight = exp(logit - highest);
            total += weight;
            for (uint32_t c = 0; c < width; ++c) {
                out->value[to + c] += weight * v[c];
                out->magnitude[to + c] += weight * fabs(v[c]);
            }
        }
    for (uint32_t c = 0; c < width; ++c) {
        out->value[to + c] /= total;
        /* a logit's rounding error is relative to its terms, and exp makes it a relative error of
         * the weight */
        out->magnitude[to + c] *= (1 + steepest) / total;
    }
}

static void reference_attended(reference *out, const attended *a)
{
    for (uint32_t n = 0; n < out->n; ++n)
        for (uint32_t query = 0; query < out->h * out->w; ++query)
            for (uint32_t head = 0; head < a->heads; ++head)
                reference_query(out, a, n, query, head);
}

static void reference_attention(reference *out, const reference *qkv, uint32_t heads, double scale)
{
    reference_attended(out, &(attended){ qkv, qkv, out->c, heads, scale, false });
}

/* ---- cases ----------------------------------------------------------------------------------- */

enum { SEEDS = 50 };

/* Matrix units take the weights as halves, one rounding of 2^-11 more. After the op. */
static test_limits limits_of(const test *t)
{
    const graph *g = &t->graph;
    const char *variant = g->node_count ? graph_variant(g, &g->nodes[g->node_count - 1]) : NULL;
    const bool matrix = variant && strncmp(variant, "matrix", 6) == 0;
    return test_limit(t, 1e-11, 3e-7, matrix ? 16 + 0x1p-11 / 0x1p-24 : 16);
}

/* Attention of a random qkv against the reference; the tensor may be a slice. bands: no more than
 * an image is bound at a time. */
static void expect_attention(test *t, const uint32_t size[3], uint32_t heads, uint32_t width,
                             double deviation, bool bands)
{
    const tensor_id qkv = test_activation(t, "qkv", size[0], size[1], size[2], 3 * heads * width);
    test_fill_normal(t, qkv, 0, deviation);
    if (bands)
        test_bind_pixels(t, size[1] * size[2], 0);
    const float scale = (float)(1 / sqrt(width));
    const tensor_id y = op_attention(&t->graph, "y", &(attention_params){ qkv, heads, scale });
    test_slice_output(t, y);
    reference expected = reference_like(t, y);
    reference_attention(&expected, test_reference(t, qkv), heads, scale);
    test_expect(t, y, &expected, limits_of(t));
    test_end(t);
}

static void case_random(selftest *suite, dtype storage, uint32_t seed)
{
    static const uint32_t widths[] = { 8, 16, 32, 40, 64, 80, 160, 4, 1, 7, 9, 18 };
    dice d = { seed };
    /* every width is a pipeline: the large ones are few, and all have few tokens */
    const uint32_t width = widths[seed <= 12 ? seed - 1 : dice_below(&d, 3)];
    if (width > 40 && suite->limits.cpu && suite->limits.texel_elements == 0)
        return; /* seconds to compile, and it differs from the others by one load */
    const uint32_t heads = 1 + dice_below(&d, 4), n = 1 + dice_below(&d, 2);
    const uint32_t h = dice_size(&d, width % 4 ? 9 : 17), w = dice_size(&d, width % 4 ? 5 : 17);
    test t;
    if (!test_begin(&t, suite, storage, "attention %s [%u, %u, %u, 3 x %u x %u] seed %u",
                    test_storage_name(storage), n, h, w, heads, width, seed))
        return;
    expect_attention(&t, (uint32_t[]){ n, h, w }, heads, width, 1.5, false);
}

typedef struct attention_shape {
    uint32_t n, tokens, heads, width;
} attention_shape;

/* Tiles of 16, 32 and 64 queries and keys, plus and minus one; keys that are split, with a last
 * part of one key (129, 257); heads too wide for a lane: in parts, and where there are none of a
 * good size (67 vectors), plain. */
static const attention_shape shapes[] = {
    { 1, 1, 1, 32 },   { 1, 31, 5, 32 },   { 2, 63, 3, 64 },  { 1, 64, 12, 32 }, { 2, 65, 2, 64 },
    { 1, 129, 1, 64 }, { 1, 131, 2, 128 }, { 2, 257, 1, 32 }, { 1, 509, 1, 64 }, { 2, 20, 1, 268 },
    { 2, 20, 1, 288 }, { 2, 20, 2, 512 },  { 1, 67, 1, 256 },
};

static void case_shape(selftest *suite, dtype storage, const attention_shape *s, bool bands)
{
    if (s->width == 512 && suite->limits.cpu && suite->limits.texel_elements == 0)
        return; /* as in case_random */
    test t;
    if (!test_begin(&t, suite, storage, "attention %s [%u, %u, 1, 3 x %u x %u]%s",
                    test_storage_name(storage), s->n, s->tokens, s->heads, s->width,
                    bands ? " in bands" : ""))
        return;
    expect_attention(&t, (uint32_t[]){ s->n, s->tokens, 1 }, s->heads, s->width, 1, bands);
}

/* ---- O7: rows of the softmax, seen through values that are all one ------------------------- */

typedef enum logits { EQUAL, HUGE_LOGITS } logits;

static void check_rows(test *t, char *message, size_t size)
{
    const tensor_id y = *(const tensor_id *)t->check_data;
    const tensor *s = graph_tensor(&t->graph, y);
    const double limit = t->graph.storage == DTYPE_F16 ? 0x1p-11 : 1e-5;
    for (uint32_t token = 0; token < s->h; ++token)
        for (uint32_t c = 0; c < s->c; ++c) {
            const double value = test_result(t, y, 0, token, 0, c);
            if (!(fabs(value - 1) <= limit)) {
                snprintf(message, size, "the weights of token %u sum up to %.9g", token, value);
                return;
            }
        }
}

static void case_rows(selftest *suite, dtype storage, uint32_t tokens, logits kind, uint32_t width)
{
    test t;
    if (!test_begin(&t, suite, storage, "attention %s softmax rows: %u tokens, %s, width %u",
                    test_storage_name(storage), tokens, kind == EQUAL ? "equal" : "+-1e4", width))
        return;
    const tensor_id qkv = test_activation(&t, "qkv", 1, tokens, 1, 3 * width);
    double *values = test_alloc(&t, (size_t)tokens * 3 * width, sizeof *values);
    for (uint32_t token = 0; token < tokens; ++token)
        for (uint32_t c = 0; c < width; ++c) {
            double *q = values + (size_t)token * 3 * width + c;
            /* q k is the sum over the width: 100 * +-100 for one channel, zero for the others */
            q[0] = kind == EQUAL ? 0.25 : c == 0 ? 100 : 0;
            q[width] = kind == EQUAL ? 0.5 : c == 0 ? 200 * dice_uniform(&t.dice) - 100 : 0;
            q[2 * width] = 1;
        }
    test_fill(&t, qkv, values);
    tensor_id *y = test_alloc(&t, 1, sizeof *y);
    *y = op_attention(&t.graph, "y", &(attention_params){ qkv, 1, 1 });
    t.check = check_rows;
    t.check_data = y;
    test_end(&t);
}

static void case_repeats(selftest *suite, dtype storage)
{
    test t;
    if (!test_begin(&t, suite, storage, "attention %s [2, 8, 8, 3 x 2 x 16] 100 times",
                    test_storage_name(storage)))
        return;
    const tensor_id qkv = test_activation(&t, "qkv", 2, 8, 8, 96);
    test_fill_normal(&t, qkv, 0, 1);
    t.repeats = 100;
    const tensor_id y = op_attention(&t.graph, "y", &(attention_params){ qkv, 2, 0.25f });
    reference expected = reference_like(&t, y);
    reference_attention(&expected, test_reference(&t, qkv), 2, 0.25);
    test_expect(&t, y, &expected, limits_of(&t));
    test_end(&t);
}

/* ---- queries of one tensor, keys and values of another ----------------------------------------
 */

static void case_cross(selftest *suite, dtype storage, const uint32_t size[5], bool causal,
                       bool bands)
{
    const uint32_t n = size[0], queries = size[1], keys = size[2], heads = size[3], width = size[4];
    test t;
    if (!test_begin(&t, suite, storage, "attention %s cross [%u, %u of %u, %u x %u]%s%s",
                    test_storage_name(storage), n, queries, keys, heads, width,
                    causal ? " causal" : "", bands ? " in bands" : ""))
        return;
    const tensor_id q = test_activation(&t, "q", n, queries, 1, heads * width);
    const tensor_id kv = test_activation(&t, "kv", n, keys, 1, 2 * heads * width);
    test_fill_normal(&t, q, 0, 1.5);
    test_fill_normal(&t, kv, 0, 1.5);
    if (bands)
        test_bind_pixels(&t, queries > keys ? queries : keys, 0);
    const float scale = (float)(1 / sqrt(width));
    const tensor_id y =
        op_cross_attention(&t.graph, "y", &(cross_attention_params){ q, kv, heads, scale, causal });
    test_slice_output(&t, y);
    reference expected = reference_like(&t, y);
    reference_attended(&expected, &(attended){ test_reference(&t, q), test_reference(&t, kv), 0,
                                               heads, scale, causal });
    test_expect(&t, y, &expected, limits_of(&t));
    test_end(&t);
}

static void cases_cross(selftest *suite, dtype storage)
{
    static const uint32_t sizes[][5] = { { 1, 1, 1, 1, 4 },    { 1, 64, 77, 2, 40 },
                                         { 2, 65, 77, 3, 8 },  { 2, 17, 4, 1, 32 },
                                         { 1, 9, 129, 2, 64 }, { 2, 5, 8, 5, 32 } };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i)
        case_cross(suite, storage, sizes[i], false, false);
    static const uint32_t causal[][5] = {
        { 1, 1, 1, 1, 4 }, { 2, 77, 77, 2, 32 }, { 1, 32, 32, 4, 32 }, { 1, 9, 9, 2, 64 }
    };
    for (size_t i = 0; i < sizeof causal / sizeof *causal; ++i)
        case_cross(suite, storage, causal[i], true, false);
    case_cross(suite, storage, (uint32_t[]){ 3, 77, 65, 2, 40 }, false, true);
}

void cases_attention(selftest *suite)
{
    for (dtype storage = DTYPE_F32; storage <= DTYPE_F16; ++storage) {
        for (uint32_t seed = 1; seed <= SEEDS; ++seed)
            case_random(suite, storage, seed);
        for (uint32_t kind = EQUAL; kind <= HUGE_LOGITS; ++kind) {
            case_rows(suite, storage, 1, kind, 64);
            case_rows(suite, storage, 77, kind, 64);
            case_rows(suite, storage, 4096, kind, 8);
            case_rows(suite, storage, 9, kind, 7);
        }
        if (!suite->suffix[0]) /* seconds for hardware's variant on software */
            case_rows(suite, storage, 4096, HUGE_LOGITS, 64);
        case_repeats(suite, storage);
        cases_cross(suite, storage);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
            case_shape(suite, storage, &shapes[i], false);
        case_shape(suite, storage, &(attention_shape){ 3, 65, 2, 32 }, true);
        case_shape(suite, storage, &(attention_shape){ 2, 37, 3, 7 }, true);
    }
}
