#include "ops/op_support.h"

#include <assert.h>
#include <string.h>

op_dispatch op_lower(const graph *g, const node *node)
{
    op_dispatch d = { 0 };
    node->op->dispatch(g, node, &d);
    return d;
}

void op_bind(op_dispatch *d, tensor_id id, op_access access, tensor_id fallback)
{
    assert(d->binding_count < OP_BINDINGS_MAX);
    const tensor_id bound = id == NO_TENSOR ? fallback : id;
    assert(bound != NO_TENSOR);
    d->bindings[d->binding_count].tensor = bound;
    d->bindings[d->binding_count++].access = access;
}

void op_set_push(op_dispatch *d, const void *push, size_t bytes)
{
    assert(bytes <= sizeof d->push && bytes % 4 == 0);
    memcpy(d->push, push, bytes);
    d->push_bytes = (uint32_t)bytes;
}

void op_constant(op_dispatch *d, uint32_t value)
{
    assert(d->constant_count < OP_CONSTANTS_MAX);
    d->constants[d->constant_count++] = value;
}

void op_groups(op_dispatch *d, uint32_t x, uint32_t y, uint32_t z)
{
    d->groups[0] = x;
    d->groups[1] = y;
    d->groups[2] = z;
}

tensor_view op_view(const graph *g, tensor_id id)
{
    if (id == NO_TENSOR)
        return (tensor_view){ 0 };
    const tensor *t = graph_tensor(g, id);
    const uint32_t bound = (uint32_t)(graph_range(g, id).begin / dtype_bytes(t->type));
    return (tensor_view){ .offset = (t->offset - bound) / 4, .stride = t->stride / 4 };
}

bool op_is_bound_whole(const graph *g, tensor_id id)
{
    return graph_range(g, id).bytes <= g->limits->storage_range_bytes;
}

uint32_t op_pixels_bound(const graph *g, tensor_id id)
{
    const tensor *t = graph_tensor(g, id);
    const uint64_t pixel_bytes = (uint64_t)t->stride * dtype_bytes(t->type);
    const uint64_t pixels = (g->limits->storage_range_bytes - GPU_ALIGNMENT) / pixel_bytes;
    return op_is_bound_whole(g, id) || pixels > all_pixels(t) ? all_pixels(t) : (uint32_t)pixels;
}

const char *op_band_name(graph *g, const char *name, uint32_t i, uint32_t count)
{
    return i + 1 == count ? name : graph_format(g, "%s.band%u", name, i);
}

static bool fits_texels(const graph *g, tensor_id id)
{
    const uint32_t texel_bytes = 4 * dtype_bytes(graph_tensor(g, id)->type);
    return graph_range(g, id).bytes / texel_bytes <= g->limits->texel_elements;
}

uint32_t op_shader(const graph *g, const shader_builds *builds, tensor_id a, tensor_id b)
{
    const bool f16 = g->storage == DTYPE_F16;
    if (!g->limits->cpu || !g->limits->shuffle)
        return builds->hardware[f16];
    return fits_texels(g, a) && fits_texels(g, b) ? builds->texel[f16] : builds->shuffle[f16];
}

static void pack_vector(const weight *w, uint32_t key, const float *values, void *packed)
{
    memcpy((float *)packed + weight_row(w, key), values, weight_rows(w, key) * sizeof *values);
}

tensor_id weight_vectors(graph *g, const char *const *keys, uint32_t key_count, uint32_t c,
                         const uint32_t *rows)
{
    weight w = {
        .keys = keys,
        .key_count = key_count,
        .rows = rows,
        .rank = 1,
        .shape = { c },
        .type = DTYPE_F32,
        .pack = pack_vector,
    };
    w.packed_bytes = ceil4(weight_row(&w, key_count)) * sizeof(float);
    return graph_weight(g, &w);
}

tensor_id weight_vector(graph *g, const char *key, uint32_t c)
{
    return weight_vectors(g, &key, 1, c, NULL);
}

uint32_t grid_lanes_x(uint32_t quads)
{
    return quads > 4 ? 8 : quads > 2 ? 4 : quads;
}

void pixel_grid(const graph *g, op_dispatch *d, uint32_t quads, uint32_t pixels)
{
    /* a CPU hands out workgroups one at a time, a GPU wants many */
    const uint32_t per_lane = g->limits->cpu ? 8 : 1;
    const uint32_t lanes_x = grid_lanes_x(quads), lanes_y = 64 / lanes_x;
    const uint32_t blocks = divide_up(pixels, lanes_y * per_lane);
    const uint32_t y = blocks < 65535 ? blocks : 65535;
    op_constant(d, lanes_x);
    op_constant(d, lanes_y);
    op_constant(d, per_lane);
    op_groups(d, divide_up(quads, lanes_x), y, divide_up(blocks, y));
}

bool check_same_shape(graph *g, const char *name, tensor_id a, tensor_id b)
{
    const tensor *s = graph_tensor(g, a), *t = graph_tensor(g, b);
    if (s->n == t->n && s->h == t->h && s->w == t->w && s->c == t->c)
        return true;
    graph_fail(g, qs_error(QS_ERROR_MODEL, "%s: [%u, %u, %u, %u] and [%u, %u, %u, %u] do not match",
                           graph_name(g, name), s->n, s->h, s->w, s->c, t->n, t->h, t->w, t->c));
    return false;
}
