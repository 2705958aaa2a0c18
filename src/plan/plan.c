#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- liveness ------------------------------------------------------------------------------ */

typedef struct lifetime {
    tensor_id root;
    uint32_t first, last; /* nodes */
    uint64_t bytes;       /* rounded up to GPU_ALIGNMENT */
} lifetime;

static void extend(lifetime *life, uint32_t node)
{
    if (node < life->first)
        life->first = node;
    if (node > life->last)
        life->last = node;
}

/* One lifetime per activation root that a node touches. Returns their number. */
static uint32_t find_lifetimes(const plan *p, lifetime *lives)
{
    const graph *g = p->graph;
    for (tensor_id id = 0; id < g->tensor_count; ++id)
        lives[id] = (lifetime){ id, UINT32_MAX, 0, gpu_align(g->tensors[id].bytes) };
    for (uint32_t n = 0; n < g->node_count; ++n) {
        const op_dispatch *d = &p->dispatches[n];
        for (uint32_t b = 0; b < d->binding_count; ++b)
            extend(&lives[graph_root(g, d->bindings[b].tensor)], n);
    }
    /* the last node's output is the result: it stays readable after the plan has run */
    if (g->node_count > 0)
        extend(&lives[graph_root(g, g->nodes[g->node_count - 1].out)], g->node_count);
    uint32_t count = 0;
    for (tensor_id id = 0; id < g->tensor_count; ++id)
        if (g->tensors[id].kind == TENSOR_ACTIVATION && lives[id].first != UINT32_MAX)
            lives[count++] = lives[id];
    return count;
}

static uint64_t largest_live_set(const lifetime *lives, uint32_t count, uint32_t node_count)
{
    uint64_t most = 0;
    for (uint32_t n = 0; n < node_count; ++n) {
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < count; ++i)
            if (lives[i].first <= n && n <= lives[i].last)
                bytes += lives[i].bytes;
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* ---- placing: large ones first, each at the lowest offset free during its life -------------- */

static int larger_first(const void *a, const void *b)
{
    const lifetime *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->root < y->root ? -1 : x->root > y->root;
}

static bool overlap_in_time(const lifetime *a, const lifetime *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static uint64_t lowest_free_offset(const plan *p, const lifetime *lives, uint32_t placed,
                                   const lifetime *life)
{
    uint64_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t i = 0; i < placed; ++i) {
            const uint64_t begin = p->offsets[lives[i].root], end = begin + lives[i].bytes;
            if (overlap_in_time(&lives[i], life) && offset < end && begin < offset + life->bytes) {
                offset = end;
                moved = true;
            }
        }
    }
    return offset;
}

static void place(plan *p, lifetime *lives, uint32_t count, bool keep_activations)
{
    qsort(lives, count, sizeof *lives, larger_first);
    for (uint32_t i = 0; i < count; ++i) {
        const uint64_t offset =
            keep_activations ? p->activation_sum_bytes : lowest_free_offset(p, lives, i, &lives[i]);
        p->offsets[lives[i].root] = offset;
        p->activation_sum_bytes += lives[i].bytes;
        if (offset + lives[i].bytes > p->arena_bytes)
            p->arena_bytes = offset + lives[i].bytes;
    }
}

/* ---- barriers ------------------------------------------------------------------------------ */

uint32_t plan_node_ranges(const plan *p, uint32_t node, plan_range ranges[OP_BINDINGS_MAX])
{
    const graph *g = p->graph;
    const op_dispatch *d = &p->dispatches[node];
    uint32_t count = 0;
    for (uint32_t b = 0; b < d->binding_count; ++b) {
        const tensor_id root = graph_root(g, d->bindings[b].tensor);
        const tensor *t = graph_tensor(g, root);
        const tensor_range range = graph_range(g, d->bindings[b].tensor);
        const bool write = d->bindings[b].access & ACCESS_WRITE;
        const bool state = t->kind == TENSOR_STATE;
        const uint64_t begin = range.begin + (state ? 0 : p->offsets[root]);
        if (state || t->kind == TENSOR_ACTIVATION)
            ranges[count++] =
                (plan_range){ state ? 1 + root : 0, begin, begin + range.bytes, write };
    }
    return count;
}

static bool conflicts(const plan_range *pending, uint32_t pending_count, const plan_range *ranges,
                      uint32_t count)
{
    for (uint32_t i = 0; i < pending_count; ++i)
        for (uint32_t j = 0; j < count; ++j)
            if (plan_ranges_conflict(&pending[i], &ranges[j]))
                return true;
    return false;
}

/* Nodes run side by side until one conflicts with something since the last barrier. */
static qs_status place_barriers(plan *p)
{
    const uint32_t node_count = p->graph->node_count;
    plan_range *pending = calloc((size_t)node_count * OP_BINDINGS_MAX + 1, sizeof *pending);
    if (!pending)
        return qs_error(QS_ERROR_MEMORY, "no host memory to plan %u nodes", node_count);
    uint32_t pending_count = 0;
    for (uint32_t n = 0; n < node_count; ++n) {
        plan_range ranges[OP_BINDINGS_MAX];
        const uint32_t count = plan_node_ranges(p, n, ranges);
        p->barriers[n] = conflicts(pending, pending_count, ranges, count);
        if (p->barriers[n]) {
            ++p->barrier_count;
            pending_count = 0;
        }
        for (uint32_t i = 0; i < count; ++i)
            pending[pending_count++] = ranges[i];
    }
    free(pending);
    return QS_OK;
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* A root that is bound as a whole, or by a band, and is too large for that. */
typedef struct oversize {
    const node *node;
    const tensor *root;
} oversize;

static void find_oversize(const graph *g, const node *n, const op_dispatch *d, oversize *largest)
{
    for (uint32_t b = 0; b < d->binding_count; ++b) {
        const tensor *root = graph_tensor(g, graph_root(g, d->bindings[b].tensor));
        if (graph_range(g, d->bindings[b].tensor).bytes > g->limits->storage_range_bytes &&
            (!largest->root || root->bytes > largest->root->bytes))
            *largest = (oversize){ n, root };
    }
}

/* Of the largest: what of it fits, of all others does. */
static qs_status refuse_oversize(const graph *g, const oversize *largest)
{
    const tensor *t = largest->root;
    const uint64_t most = g->limits->storage_range_bytes;
    const bool of_pictures = g->pictures > 0 && t->n >= g->pictures;
    const uint32_t fitting = of_pictures ? (uint32_t)(most / (t->bytes / g->pictures)) : 0;
    char advice[64] = "";
    if (fitting > 0)
        snprintf(advice, sizeof advice, ": at most %u picture%s at a time", fitting,
                 fitting == 1 ? "" : "s");
    else if (g->storage != DTYPE_F16)
        snprintf(advice, sizeof advice, "; float16 takes half of it");
    return qs_error(
        QS_ERROR_DEVICE, "%s: the tensor %s takes %.1f MiB, this device binds at most %.1f%s",
        largest->node->name, t->name, (double)t->bytes / 1048576, (double)most / 1048576, advice);
}

static qs_status lower(plan *p)
{
    const graph *g = p->graph;
    oversize largest = { 0 };
    for (uint32_t n = 0; n < g->node_count; ++n) {
        op_dispatch *d = &p->dispatches[n];
        g->nodes[n].op->dispatch(g, &g->nodes[n], d);
        for (uint32_t axis = 0; axis < 3; ++axis)
            if (d->groups[axis] == 0 || d->groups[axis] > g->limits->workgroup_count[axis])
                return qs_error(
                    QS_ERROR_DEVICE,
                    "%s needs %u x %u x %u workgroups, this device has at most %u x %u x %u",
                    g->nodes[n].name, d->groups[0], d->groups[1], d->groups[2],
                    g->limits->workgroup_count[0], g->limits->workgroup_count[1],
                    g->limits->workgroup_count[2]);
        find_oversize(g, &g->nodes[n], d, &largest);
    }
    return largest.root ? refuse_oversize(g, &largest) : QS_OK;
}

qs_status plan_create(const graph *g, bool keep_activations, plan *p)
{
    qs_status status = QS_OK;
    *p = (plan){ .graph = g };
    lifetime *lives = calloc((size_t)g->tensor_count + 1, sizeof *lives);
    p->dispatches = calloc((size_t)g->node_count + 1, sizeof *p->dispatches);
    p->barriers = calloc((size_t)g->node_count + 1, sizeof *p->barriers);
    p->offsets = calloc((size_t)g->tensor_count + 1, sizeof *p->offsets);
    if (!lives || !p->dispatches || !p->barriers || !p->offsets)
        TRY(qs_error(QS_ERROR_MEMORY, "no host memory to plan %u nodes", g->node_count));
    TRY(graph_status(g));
    TRY(lower(p));
    const uint32_t count = find_lifetimes(p, lives);
    p->live_max_bytes = largest_live_set(lives, count, g->node_count);
    place(p, lives, count, keep_activations);
    TRY(place_barriers(p));
    free(lives);
    return QS_OK;
fail:
    free(lives);
    plan_finish(p);
    return status;
}

void plan_finish(plan *p)
{
    free(p->dispatches);
    free(p->barriers);
    free(p->offsets);
    *p = (plan){ 0 };
}
