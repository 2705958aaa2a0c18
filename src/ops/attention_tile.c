#include "ops/attention_tile.h"

typedef struct tile_node {
    attention_tile tile;
    attention_size size;
    float scale;
    tensor_id qkv, y; /* out may be the parts, in may be them */
} tile_node;

/* ---- tiles ----------------------------------------------------------------------------------- */

/* Of shaders/lib/attention_tile.glsl's includers. */
enum { TILE_ACROSS = 8, MATRIX_ACROSS = 4 };

/* What a lane holds of y besides all else: vectors of four, or the floats of its matrices. */
enum { LANE_QUADS_MAX = 32, LANE_FLOATS_MAX = 128 };

static bool fit_plain(const graph *g, const attention_size *size, attention_tile *t)
{
    enum { LANES = 128, DOWN = LANES / TILE_ACROSS }; /* as many as every device has */
    const uint32_t quads = size->width / 4, vector = g->storage == DTYPE_F16 ? 8 : 16;
    t->lanes = LANES;
    t->chunk = quads <= 8 ? 8 : 16;
    const uint32_t shared = (t->queries + t->keys) * (t->chunk + 1) * vector +
                            t->queries * (t->keys / 4 + 1) * 16 + t->queries * TILE_ACROSS * 4;
    const uint32_t out = divide_up(quads, t->chunk) * t->chunk / TILE_ACROSS;
    return size->width % 4 == 0 && t->queries / DOWN * out <= LANE_QUADS_MAX &&
           shared <= g->limits->shared_bytes;
}

static uint32_t matrix_shared_bytes(const gpu_matrix *m, uint32_t width, const attention_tile *t)
{
    const uint32_t in = (t->queries + t->keys) * (width / 8 | 1);
    const uint32_t out = t->rows * m->m * (width / 4 + t->columns);
    return (in > out ? in : out) * 16 + t->queries * (t->keys / 4 + 1) * 16 +
           t->queries * (m->n + MATRIX_ACROSS + 1) * 4;
}

/* Two by two subgroups read least for a product; narrow ones may be four along the queries. */
static bool fit_matrix(const graph *g, const attention_size *size, attention_tile *t)
{
    const gpu_matrix *m = &g->limits->matrix;
    if (g->storage != DTYPE_F16 || m->m == 0 || t->queries % m->m || t->keys % m->n ||
        t->keys % m->k || t->keys % 32 || size->width % m->n || size->width % m->k)
        return false;
    const uint32_t rows_max = m->lanes < 32 ? 4 : 2;
    t->columns = t->keys % (2 * m->n) == 0 && size->width % (2 * m->n) == 0 ? 2 : 1;
    t->rows = 1;
    while (2 * t->rows <= rows_max && t->queries % (2 * t->rows * m->m) == 0)
        t->rows *= 2;
    t->lanes = t->rows * t->columns * m->lanes;
    return t->lanes <= m->invocations && t->lanes % MATRIX_ACROSS == 0 &&
           t->queries % (t->lanes / MATRIX_ACROSS) == 0 &&
           t->queries * size->width / t->lanes <= LANE_FLOATS_MAX &&
           matrix_shared_bytes(m, size->width, t) <= g->limits->shared_bytes;
}

/* So many parts of the keys that a large GPU has a workgroup for each of its cores, if each part
 * has enough keys left. */
static uint32_t splits_for(const attention_size *size, const attention_tile *t)
{
    enum { KEYS_MIN = 64 };
    const uint64_t groups =
        (uint64_t)divide_up(size->tokens, t->queries) * size->heads * size->images;
    uint32_t splits = 1;
    while (groups * splits < LARGE_GPU_CORES && splits < SPLITS_MAX &&
           size->tokens / (2 * splits) >= KEYS_MIN)
        splits *= 2;
    return splits;
}

uint32_t attention_split_keys(const attention_tile *tile, uint32_t tokens)
{
    return divide_up(divide_up(tokens, tile->keys), tile->splits) * tile->keys;
}

uint32_t attention_list_tiles(const graph *g, const attention_size *size,
                              attention_tile tiles[ATTENTION_TILES_MAX])
{
    static const uint32_t bases[][2] = { { 64, 64 }, { 64, 32 }, { 64, 16 },
                                         { 32, 32 }, { 32, 16 }, { 16, 32 } };
    enum { BASES = sizeof bases / sizeof *bases };
    uint32_t count = 0;
    if (g->limits->cpu)
        return 0;
    for (uint32_t i = 0; i < 2 * BASES; ++i) {
        attention_tile t = { .matrix = i < BASES,
                             .queries = bases[i % BASES][0],
                             .keys = bases[i % BASES][1] };
        const bool idle = t.queries > 16 && t.queries >= 2 * size->tokens;
        if (idle || !(t.matrix ? fit_matrix : fit_plain)(g, size, &t))
            continue;
        t.splits = splits_for(size, &t);
        if (t.splits > 1 && count < ATTENTION_TILES_MAX &&
            attention_split_keys(&t, size->tokens) * (t.splits - 1) < size->tokens)
            tiles[count++] = t;
        t.splits = 1;
        if (count < ATTENTION_TILES_MAX)
            tiles[count++] = t;
    }
    return count;
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static attention_args args_for(const graph *g, const tile_node *p)
{
    return (attention_args){
        .qkv = op_view(g, p->qkv),
        .y = op_view(g, p->y),
        .tokens = p->size.tokens,
        .heads = p->size.heads,
        .width = p->size.width,
        .scale = p->scale,
        .images = p->size.images,
        .splits = p->tile.splits,
        .split_keys = attention_split_keys(&p->tile, p->size.tokens),
    };
}

static void dispatch_tile(const graph *g, const node *self, op_dispatch *d)
{
    const tile_node *p = self->params;
    const attention_tile *t = &p->tile;
    const gpu_matrix *m = &g->limits->matrix;
    const attention_args args = args_for(g, p);
    d->shader = storage_shader(g, SHADER_attention_tile_f32, SHADER_attention_tile_f16);
#if SHADERS_WITH_MATRICES
    if (t->matrix)
        d->shader = SHADER_attention_matrix_f16;
#endif
    op_constant(d, t->lanes);
    op_constant(d, t->queries);
    op_constant(d, t->keys);
    op_constant(d, p->size.width / 4);
    op_constant(d, t->splits > 1);
    if (t->matrix) {
        op_constant(d, t->rows);
        op_constant(d, t->columns);
        op_constant(d, m->m);
        op_constant(d, m->n);
        op_constant(d, m->k);
        op_constant(d, args.qkv.offset % 2 == 0 && args.qkv.stride % 2 == 0);
    } else {
        op_constant(d, t->chunk);
    }
    op_groups(d, divide_up(p->size.tokens, t->queries), p->size.heads, p->size.images * t->splits);
    op_bind(d, p->qkv, ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static void dispatch_merge(const graph *g, const node *self, op_dispatch *d)
{
    const tile_node *p = self->params;
    const attention_args args = args_for(g, p);
    d->shader = storage_shader(g, SHADER_attention_merge_f32, SHADER_attention_merge_f16);
    pixel_grid(g, d, p->size.heads * p->size.width / 4, p->size.images * p->size.tokens);
    op_constant(d, p->size.width / 4);
    op_bind(d, self->in[0], ACCESS_READ, NO_TENSOR);
    op_bind(d, self->out, ACCESS_WRITE, NO_TENSOR);
    op_set_push(d, &args, sizeof args);
}

static const op op_tile = { "attention", dispatch_tile };
static const op op_merge = { "attention_merge", dispatch_merge };

void attention_append_tile(graph *g, const char *name, tensor_id qkv, tensor_id y,
                           const attention_size *size, float scale, const attention_tile *tile)
{
    const tile_node p = { *tile, *size, scale, qkv, y };
    const double channels = (double)size->heads * size->width,
                 rows = (double)size->images * size->tokens;
    const double flops = 4 * rows * size->tokens * channels;
    if (tile->splits == 1) {
        graph_node(g, &op_tile, name, &qkv, 1, y, &p, sizeof p, flops);
        return;
    }
    const char *parts_name = graph_format(g, "%s.parts", name);
    const tensor_id parts = graph_activation(g, parts_name, DTYPE_F32, size->images * tile->splits,
                                             size->tokens, 1, size->heads * (size->width + 4));
    graph_node(g, &op_tile, parts_name, &qkv, 1, parts, &p, sizeof p, flops);
    graph_node(g, &op_merge, name, &parts, 1, y, &p, sizeof p, 2 * tile->splits * rows * channels);
}
