#include "ops/attention_tile.h"

#include "graph/choice.h"

#include <math.h>

static const double LOG2_E = 1.44269504088896340736;

typedef struct attention_node { /* params of attention.comp and attention_any.comp */
    uint32_t heads, width;
    bool causal;
    uint32_t rows; /* queries of a lane of attention.comp */
    float scale;   /* of q k, times log2(e) */
} attention_node;

static attention_args args_for(const graph *g, const node *self)
{
    const attention_node *p = self->params;
    const tensor_id keys = self->in[1];
    tensor_view kv = op_view(g, keys);
    if (keys == self->in[0]) /* q, k and v in one */
        kv.offset += p->heads * p->width / 4;
    return (attention_args){
        .qkv = op_view(g, self->in[0]),
        .y = op_view(g, self->out),
        .tokens = image_pixels(graph_tensor(g, self->in[0])),
        .heads = p->heads,
        .width = p->width,
        .scale = p->scale,
        .kv = kv,
        .keys = image_pixels(graph_tensor(g, keys)),
    };
}

/* Vectors of a head that a lane holds, of its query and of its sum. Wider heads go in equal parts,
 * which are smaller: a part costs a softmax more, but a large one seconds of compilation. */
enum { PART_QUADS_MIN = 8 };

typedef struct part_limits { /* vectors of a head that is whole, and of a part of another */
    uint32_t whole, part;
} part_limits;

/* What a software device cannot hold is in its cache. A GPU spills: to memory. */
static part_limits part_limits_of(const gpu_limits *limits)
{
    return limits->cpu ? (part_limits){ 64, 32 } : (part_limits){ 24, 16 };
}

static uint32_t part_quads(const gpu_limits *limits, uint32_t quads)
{
    const part_limits most = part_limits_of(limits);
    if (quads <= most.whole)
        return quads;
    uint32_t part = most.part;
    while (quads % part != 0)
        --part;
    return part;
}

/* For attention.comp: vectors of four channels are of one head, and there are not too many parts */
static bool is_fast(const gpu_limits *limits, uint32_t width)
{
    const uint32_t quads = width / 4, part = width % 4 ? 0 : part_quads(limits, quads);
    return part > 0 && (part == quads || part >= PART_QUADS_MIN);
}

static uint32_t fast_lanes(const gpu_limits *limits)
{
    return limits->cpu ? limits->subgroup_size : 64;
}

/* Two queries a lane halve the loads, where they leave enough workgroups and registers. */
static uint32_t default_rows(const gpu_limits *limits, const attention_size *size)
{
    const bool whole = size->width / 4 <= part_limits_of(limits).whole;
    return limits->cpu && size->tokens > fast_lanes(limits) && whole ? 2 : 1;
}

static void dispatch_fast(const graph *g, const node *self, op_dispatch *d)
{
    const attention_node *p = self->params;
    const tensor_id qkv = self->in[0], kv = self->in[1];
    const attention_args args = args_for(g, self);
    const uint32_t lanes = fast_lanes(g->limits);
    const uint32_t part = part_quads(g->limits, args.width / 4), parts = args.width / 4 / part;
    d->shader = op_shader(g, &SHADER_BUILDS(attention), qkv, kv);
    op_constant(d, lanes);
    op_constant(d, p->rows);
    op_constant(d, g->limits->cpu && g->limits->shuffle ? lanes : 4); /* handed round, or held */
    op_constant(d, part);
    op_constant(d, parts);
    op_constant(d, p->causal);
    op_groups(d, divide_up(args.tokens, lanes * p->rows), args.heads * parts,
              graph_tensor(g, qkv)->n);
    op_bind(d, qkv, ACCESS_READ, NO_TENSOR);
    op_bind(d, kv, ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static void dispatch_any(const graph *g, const node *self, op_dispatch *d)
{
    const attention_args args = args_for(g, self);
    const uint32_t lanes = min_u32(64, g->limits->workgroup_invocations);
    d->shader = storage_shader(g, SHADER_attention_any_f32, SHADER_attention_any_f16);
    op_constant(d, lanes);
    op_groups(d, divide_up(args.tokens, lanes), ceil4(args.heads * args.width) / 4,
              graph_tensor(g, self->in[0])->n);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_fast = { "attention", dispatch_fast };
static const op op_any = { "attention", dispatch_any };

/* llvmpipe leaves a shader's loops for good, and without a word, after 65535 rounds of all of them
 * together; attention_any's are over keys and channels, for each head of a vector of four. */
static bool fits_llvmpipe(const gpu_limits *limits, const attention_size *size)
{
    const uint32_t heads = size->width >= 4 ? 2 : 4;
    return is_fast(limits, size->width) ||
           (uint64_t)size->tokens * (size->width + 5) * heads <= 65535;
}

/* ---- variants ------------------------------------------------------------------------------ */

typedef struct attention_way { /* queries 0 and rows 0: attention_any.comp */
    attention_tile tile;       /* or queries 0 */
    uint32_t rows;             /* of attention.comp, or 0 */
} attention_way;

typedef struct attention_alone { /* by itself, for the tuner */
    attention_size size;
    float scale;
} attention_alone;

static void build_alone(graph *g, const void *params)
{
    const attention_alone *alone = params;
    const attention_size *s = &alone->size;
    const tensor_id qkv =
        graph_activation(g, "x", g->storage, s->images, s->tokens, 1, 3 * s->heads * s->width);
    op_attention(g, "op", &(attention_params){ qkv, s->heads, alone->scale });
}

_Static_assert((int)CHOICE_VARIANTS_MAX >= (int)ATTENTION_TILES_MAX + 2,
               "tiles, and direct ones with one and two rows");

static attention_way choose_way(graph *g, const char *name, const attention_size *size, float scale)
{
    const attention_alone alone = { *size, scale };
    choice c = { .build = build_alone, .params = &alone, .params_bytes = sizeof alone };
    attention_way ways[ATTENTION_TILES_MAX + 2] = { 0 };
    attention_tile tiles[ATTENTION_TILES_MAX];
    const uint32_t count = attention_list_tiles(g, size, tiles);
    for (uint32_t i = 0; i < count; ++i) {
        const attention_tile *t = &tiles[i];
        ways[c.variant_count].tile = *t;
        const char *kind = t->matrix ? "matrix" : "tile";
        if (t->splits > 1)
            choice_variant(&c, "%s %ux%u split%u", kind, t->queries, t->keys, t->splits);
        else
            choice_variant(&c, "%s %ux%u", kind, t->queries, t->keys);
    }
    if (is_fast(g->limits, size->width)) {
        const uint32_t rows = default_rows(g->limits, size);
        for (uint32_t r = rows; r >= 1; --r) {
            ways[c.variant_count].rows = r;
            choice_variant(&c, "direct %ux%u", fast_lanes(g->limits), r);
        }
    }
    if (c.variant_count == 0)
        return ways[0];
    choice_key(&c, "attention %s %ux%u tokens, %u heads of %u", dtype_name(g->storage),
               size->images, size->tokens, size->heads, size->width);
    return ways[graph_choose(g, name, &c)];
}

/* ---- nodes --------------------------------------------------------------------------------- */

/* All images, or one of them, where they are too large to be bound together. */
static tensor_id images_of(graph *g, tensor_id id, bool together, uint32_t image)
{
    const tensor t = *graph_tensor(g, id);
    return together ? id : graph_band(g, id, image * image_pixels(&t), t.h, t.w);
}

static void append_self(graph *g, const char *name, tensor_id qkv, tensor_id y, attention_size size,
                        float scale, const attention_way *way)
{
    size.images = graph_tensor(g, qkv)->n;
    if (way->tile.queries) {
        attention_append_tile(g, name, qkv, y, &size, scale, &way->tile);
        return;
    }
    const attention_node node = {
        .heads = size.heads, .width = size.width, .rows = way->rows, .scale = scale
    };
    graph_node(g, way->rows ? &op_fast : &op_any, name, (tensor_id[]){ qkv, qkv }, 2, y, &node,
               sizeof node, 4 * element_count(graph_tensor(g, y)) * size.tokens);
}

tensor_id op_attention(graph *g, const char *name, const attention_params *params)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor t = *graph_tensor(g, params->qkv);
    if (params->heads == 0 || t.c % (3 * params->heads) != 0) {
        graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: %u channels are not q, k and v of %u heads",
                               graph_name(g, name), t.c, params->heads));
        return NO_TENSOR;
    }
    const attention_size size = { t.n, t.h * t.w, params->heads, t.c / (3 * params->heads) };
    if (g->limits->cpu && !fits_llvmpipe(g->limits, &size)) {
        graph_fail(g,
                   qs_error(QS_ERROR_DEVICE,
                            "%s: %u tokens in heads %u channels wide are too many for a software "
                            "device: heads need a multiple of four channels there",
                            graph_name(g, name), size.tokens, size.width));
        return NO_TENSOR;
    }
    const attention_way way = choose_way(g, name, &size, params->scale);
    const tensor_id y = graph_activation(g, name, t.type, t.n, t.h, t.w, t.c / 3);
    const float scale = (float)(params->scale * LOG2_E);
    const bool together = op_is_bound_whole(g, params->qkv);
    const uint32_t count = together ? 1 : t.n;
    for (uint32_t i = 0; i < count && graph_status(g) == QS_OK; ++i)
        append_self(g, op_band_name(g, name, i, count), images_of(g, params->qkv, together, i),
                    images_of(g, y, together, i), size, scale, &way);
    return y;
}

static void append_cross(graph *g, const char *name, const cross_attention_params *p, tensor_id q,
                         tensor_id kv, tensor_id y)
{
    const tensor *queries = graph_tensor(g, q);
    const attention_node node = { .heads = p->heads,
                                  .width = queries->c / p->heads,
                                  .causal = p->causal,
                                  .rows = 1,
                                  .scale = (float)(p->scale * LOG2_E) };
    graph_node(g, &op_fast, name, (tensor_id[]){ q, kv }, 2, y, &node, sizeof node,
               4 * element_count(queries) * image_pixels(graph_tensor(g, kv)));
}

tensor_id op_cross_attention(graph *g, const char *name, const cross_attention_params *p)
{
    if (graph_status(g) != QS_OK)
        return NO_TENSOR;
    const tensor q = *graph_tensor(g, p->q), kv = *graph_tensor(g, p->kv);
    if (p->heads == 0 || q.c % p->heads != 0 || !is_fast(g->limits, q.c / p->heads) ||
        kv.c != 2 * q.c || kv.n != q.n) {
        graph_fail(g, qs_error(QS_ERROR_MODEL,
                               "%s: queries [%u, %u, %u, %u], keys and values [%u, %u, %u, %u] and "
                               "%u heads: heads need a multiple of four channels, and as many "
                               "channels of each kind",
                               graph_name(g, name), q.n, q.h, q.w, q.c, kv.n, kv.h, kv.w, kv.c,
                               p->heads));
        return NO_TENSOR;
    }
    const tensor_id y = graph_activation(g, name, q.type, q.n, q.h, q.w, q.c);
    const bool together = op_is_bound_whole(g, p->q) && op_is_bound_whole(g, p->kv);
    const uint32_t count = together ? 1 : q.n;
    for (uint32_t i = 0; i < count && graph_status(g) == QS_OK; ++i)
        append_cross(g, op_band_name(g, name, i, count), p, images_of(g, p->q, together, i),
                     images_of(g, p->kv, together, i), images_of(g, y, together, i));
    return y;
}
