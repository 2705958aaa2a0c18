#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void graph_init(graph *g, const gpu_limits *limits, dtype storage)
{
    *g = (graph){ .limits = limits, .storage = storage };
}

void graph_finish(graph *g)
{
    free(g->tensors);
    free(g->nodes);
    arena_finish(&g->arena);
    *g = (graph){ 0 };
}

qs_status graph_status(const graph *g)
{
    return g->status;
}

void graph_fail(graph *g, qs_status status)
{
    if (g->status == QS_OK)
        g->status = status;
}

static void fail_memory(graph *g)
{
    graph_fail(
        g, qs_error(QS_ERROR_MEMORY, "no host memory for the graph of %u nodes", g->node_count));
}

static const void *copy_bytes(graph *g, const void *bytes, size_t count)
{
    if (count == 0)
        return NULL;
    void *copy = arena_alloc(&g->arena, 1, count);
    if (copy)
        memcpy(copy, bytes, count);
    else
        fail_memory(g);
    return copy;
}

/* ---- names --------------------------------------------------------------------------------- */

void graph_push_scope(graph *g, const char *format, ...)
{
    const size_t used = strlen(g->scope);
    const size_t room = sizeof g->scope - used;
    const int dot = snprintf(g->scope + used, room, "%s", used ? "." : "");
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(g->scope + used + dot, room - (size_t)dot, format, args);
    va_end(args);
    if (length < 0 || (size_t)(length + dot) >= room || g->scope_depth == GRAPH_SCOPES_MAX) {
        graph_fail(g, qs_error(QS_ERROR_OTHER, "graph scope \"%s\" is too long", g->scope));
        return;
    }
    g->scope_lengths[g->scope_depth++] = used;
}

void graph_pop_scope(graph *g)
{
    if (g->scope_depth > 0)
        g->scope[g->scope_lengths[--g->scope_depth]] = '\0';
}

const char *graph_name(graph *g, const char *name)
{
    return graph_format(g, "%s%s%s", g->scope, g->scope[0] ? "." : "", name);
}

const char *graph_format(graph *g, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *result = arena_vformat(&g->arena, format, args);
    va_end(args);
    if (!result)
        fail_memory(g);
    return result ? result : "";
}

/* ---- tensors ------------------------------------------------------------------------------- */

static void *grow(graph *g, void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    const uint32_t wanted = *capacity ? *capacity * 2 : 256;
    void *grown = realloc(items, wanted * size);
    if (!grown)
        fail_memory(g);
    else
        *capacity = wanted;
    return grown ? grown : items;
}

static tensor_id add_tensor(graph *g, const tensor *value)
{
    if (g->status != QS_OK)
        return NO_TENSOR;
    g->tensors = grow(g, g->tensors, g->tensor_count, &g->tensor_capacity, sizeof *g->tensors);
    if (g->status != QS_OK)
        return NO_TENSOR;
    g->tensors[g->tensor_count] = *value;
    return g->tensor_count++;
}

static tensor_id add_shaped(graph *g, const char *name, tensor_kind kind, dtype type, uint32_t n,
                            uint32_t h, uint32_t w, uint32_t c)
{
    /* integers and one number per picture (labels, frame, time) have no lanes of four */
    const bool flat = kind == TENSOR_STATE && (type == DTYPE_U32 || h * w * c == 1);
    const uint32_t stride = flat ? c : ceil4(c);
    const double elements = (double)n * h * w * stride;
    if (elements == 0 || elements > 4294967295.0) {
        graph_fail(g,
                   qs_error(QS_ERROR_MODEL, "%s: a tensor of [%u, %u, %u, %u] cannot be addressed",
                            name, n, h, w, c));
        return NO_TENSOR;
    }
    return add_tensor(g, &(tensor){ .name = name,
                                    .kind = kind,
                                    .type = type,
                                    .n = n,
                                    .h = h,
                                    .w = w,
                                    .c = c,
                                    .stride = stride,
                                    .parent = NO_TENSOR,
                                    .bytes = (uint64_t)elements * dtype_bytes(type) });
}

tensor_id graph_activation(graph *g, const char *name, dtype type, uint32_t n, uint32_t h,
                           uint32_t w, uint32_t c)
{
    return add_shaped(g, graph_name(g, name), TENSOR_ACTIVATION, type, n, h, w, c);
}

tensor_id graph_state(graph *g, const char *name, dtype type, uint32_t n, uint32_t h, uint32_t w,
                      uint32_t c)
{
    const tensor_id known = graph_find_state(g, name);
    if (known != NO_TENSOR)
        return known;
    return add_shaped(g, graph_format(g, "%s", name), TENSOR_STATE, type, n, h, w, c);
}

tensor_id graph_weight(graph *g, const weight *source)
{
    weight *copy = arena_alloc(&g->arena, 1, sizeof *copy);
    if (!copy) {
        fail_memory(g);
        return NO_TENSOR;
    }
    *copy = *source;
    const char **keys = arena_alloc(&g->arena, source->key_count + 1, sizeof *keys);
    for (uint32_t i = 0; i < source->key_count && keys; ++i) {
        keys[i] = arena_strdup(&g->arena, source->keys[i]);
        if (!keys[i])
            fail_memory(g);
    }
    copy->keys = keys;
    if (source->rows)
        copy->rows = copy_bytes(g, source->rows, source->key_count * sizeof *source->rows);
    if (!keys || g->status != QS_OK) {
        fail_memory(g);
        return NO_TENSOR;
    }
    return add_tensor(
        g, &(tensor){ .name = source->key_count ? copy->keys[0] : "",
                      .kind = TENSOR_WEIGHT,
                      .type = source->type,
                      .n = 1,
                      .h = 1,
                      .w = 1,
                      .c = (uint32_t)(source->packed_bytes / dtype_bytes(source->type)),
                      .stride = (uint32_t)(source->packed_bytes / dtype_bytes(source->type)),
                      .parent = NO_TENSOR,
                      .bytes = source->packed_bytes,
                      .weight = copy });
}

tensor_id graph_root(const graph *g, tensor_id id)
{
    while (g->tensors[id].parent != NO_TENSOR)
        id = g->tensors[id].parent;
    return id;
}

tensor_id graph_whole(const graph *g, tensor_id id)
{
    return g->tensors[id].band ? g->tensors[id].parent : id;
}

tensor_range graph_range(const graph *g, tensor_id id)
{
    const tensor *t = graph_tensor(g, id), *root = graph_tensor(g, graph_root(g, id));
    if (!t->band)
        return (tensor_range){ 0, root->bytes };
    const uint64_t pixel = t->offset / t->stride, end = pixel + (uint64_t)t->h * t->w;
    const uint64_t pixel_bytes = (uint64_t)t->stride * dtype_bytes(t->type);
    const uint64_t begin = pixel * pixel_bytes / GPU_ALIGNMENT * GPU_ALIGNMENT;
    return (tensor_range){ begin, end * pixel_bytes - begin };
}

tensor_id graph_find_state(const graph *g, const char *name)
{
    for (tensor_id id = 0; id < g->tensor_count; ++id)
        if (g->tensors[id].kind == TENSOR_STATE && strcmp(g->tensors[id].name, name) == 0)
            return id;
    return NO_TENSOR;
}

static bool has_slices(const graph *g, tensor_id id)
{
    for (tensor_id other = 0; other < g->tensor_count; ++other)
        if (g->tensors[other].parent == id && !g->tensors[other].band)
            return true;
    return false;
}

bool graph_can_slice(const graph *g, tensor_id part, tensor_id whole, uint32_t channel)
{
    const tensor *p = graph_tensor(g, part), *w = graph_tensor(g, whole);
    /* a part's pad lanes would be its neighbour's first channels */
    const bool lanes_fit = channel % 4 == 0 && (p->c % 4 == 0 || channel + p->c == w->c);
    return part != whole && lanes_fit && p->kind == TENSOR_ACTIVATION &&
           w->kind == TENSOR_ACTIVATION && p->type == w->type && p->parent == NO_TENSOR &&
           w->parent == NO_TENSOR && !has_slices(g, part);
}

void graph_slice(graph *g, tensor_id part, tensor_id whole, uint32_t channel)
{
    tensor *p = &g->tensors[part];
    const uint32_t stride = g->tensors[whole].stride;
    for (tensor_id id = 0; id < g->tensor_count; ++id)
        if (g->tensors[id].parent == part) { /* a band of it */
            g->tensors[id].offset = g->tensors[id].offset / p->stride * stride + channel;
            g->tensors[id].stride = stride;
        }
    p->parent = whole;
    p->offset = channel;
    p->stride = stride;
    p->bytes = 0;
}

tensor_id graph_part(graph *g, const char *name, tensor_id whole, uint32_t channel, uint32_t c)
{
    if (g->status != QS_OK)
        return NO_TENSOR;
    const tensor w = *graph_tensor(g, whole);
    const tensor_id part = graph_activation(g, name, w.type, w.n, w.h, w.w, c);
    if (part != NO_TENSOR)
        graph_slice(g, part, whole, channel);
    return part;
}

tensor_id graph_band(graph *g, tensor_id whole, uint32_t first, uint32_t h, uint32_t w)
{
    if (g->status != QS_OK)
        return NO_TENSOR;
    tensor band = *graph_tensor(g, whole);
    band.n = 1;
    band.h = h;
    band.w = w;
    band.offset += first * band.stride;
    band.parent = whole;
    band.band = true;
    band.bytes = 0;
    return add_tensor(g, &band);
}

/* ---- nodes --------------------------------------------------------------------------------- */

void graph_node(graph *g, const op *op, const char *name, const tensor_id *in, uint32_t in_count,
                tensor_id out, const void *params, size_t params_bytes, double flops)
{
    const void *copy = copy_bytes(g, params, params_bytes);
    const char *full_name = graph_name(g, name);
    g->nodes = grow(g, g->nodes, g->node_count, &g->node_capacity, sizeof *g->nodes);
    if (g->status != QS_OK)
        return;
    node *added = &g->nodes[g->node_count++];
    *added = (node){ .op = op,
                     .name = full_name,
                     .in_count = in_count,
                     .out = out,
                     .params = copy,
                     .flops = flops };
    memcpy(added->in, in, in_count * sizeof *in);
}

void graph_move_last_node(graph *g, uint32_t position)
{
    if (g->status != QS_OK)
        return;
    const uint32_t last = g->node_count - 1;
    const node moved = g->nodes[last];
    memmove(&g->nodes[position + 1], &g->nodes[position], (last - position) * sizeof moved);
    g->nodes[position] = moved;
}
