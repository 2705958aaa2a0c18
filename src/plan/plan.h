/*
 * Where and when: every activation gets an offset in one arena, by liveness, and every node is
 * told whether a barrier stands in front of it. Pure C, tested without a device.
 */
#ifndef QS_PLAN_PLAN_H
#define QS_PLAN_PLAN_H

#include "ops/ops.h"

typedef struct plan {
    const graph *graph;
    op_dispatch *dispatches; /* [node_count] */
    bool *barriers;          /* [node_count]: wait for everything before this node */
    uint64_t *offsets;       /* [tensor_count]: of activation roots, bytes in the arena */
    uint64_t arena_bytes;
    uint64_t activation_sum_bytes; /* all activation roots side by side */
    uint64_t live_max_bytes;       /* the largest set alive at one node: no arena is smaller */
    uint32_t barrier_count;
} plan;

/* keep_activations: no two activations share memory, so that all can be read afterwards.
 * The graph must outlive the plan. */
qs_status plan_create(const graph *graph, bool keep_activations, plan *plan);
void plan_finish(plan *plan);

/* The bytes that a node's dispatch touches, for barriers. */
typedef struct plan_range {
    uint32_t space; /* 0: the arena; 1 + id: the state tensor id */
    uint64_t begin, end;
    bool write;
} plan_range;

/* Ranges of node's bindings; weights are never written and have none. Returns their number. */
uint32_t plan_node_ranges(const plan *plan, uint32_t node, plan_range ranges[OP_BINDINGS_MAX]);

static inline bool plan_ranges_conflict(const plan_range *a, const plan_range *b)
{
    return a->space == b->space && (a->write || b->write) && a->begin < b->end && b->begin < a->end;
}

#endif
