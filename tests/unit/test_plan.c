/* Arena offsets and barriers, held against two simple-minded judges: a memory model that fills
 * bytes in execution order, and a hazard finder that looks at every pair of nodes. */
#include "ops/conv2d_packing.h"
#include "ops/ops.h"
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const gpu_limits limits = { .storage_range_bytes = UINT64_MAX,
                                   .subgroup_size = 8,
                                   .workgroup_count = { 65535, 65535, 65535 } };

/* An op that reads its inputs and writes its output. */
static void mix_dispatch(const graph *g, const node *n, op_dispatch *d)
{
    (void)g;
    for (uint32_t i = 0; i < n->in_count; ++i) {
        d->bindings[d->binding_count].tensor = n->in[i];
        d->bindings[d->binding_count++].access = ACCESS_READ;
    }
    d->bindings[d->binding_count].tensor = n->out;
    d->bindings[d->binding_count++].access = n->params ? ACCESS_READ_WRITE : ACCESS_WRITE;
    d->groups[0] = d->groups[1] = d->groups[2] = 1;
}

static const op mix = { "mix", mix_dispatch };

/* ---- random graphs ---------------------------------------------------------------------- */

static uint32_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

/* Nodes that read up to three of the last `reach` results; some concats as slices, some writes to
 * a state in place. */
static void build_random(graph *g, uint32_t seed, uint32_t node_count, uint32_t reach)
{
    random_state = seed;
    graph_init(g, &limits, DTYPE_F32);
    tensor_id *made = calloc(node_count + 1, sizeof *made);
    uint32_t count = 0;
    const tensor_id latent = graph_state(g, "latent", DTYPE_F32, 1, 4, 4, 4);
    const int in_place = 1;
    made[count++] = latent;
    for (uint32_t i = 0; i < node_count; ++i) {
        tensor_id in[3];
        const uint32_t in_count = 1 + random_below(3);
        for (uint32_t k = 0; k < in_count; ++k) {
            const uint32_t back = 1 + random_below(count < reach ? count : reach);
            in[k] = made[count - back];
        }
        if (random_below(10) == 0) {
            graph_node(g, &mix, "state", in, in_count, latent, &in_place, sizeof in_place, 0);
            continue;
        }
        const tensor_id out = graph_activation(g, "t", DTYPE_F32, 1, 1 + random_below(9), 4, 8);
        graph_node(g, &mix, "mix", in, in_count, out, NULL, 0, 0);
        made[count++] = out;
    }
    for (uint32_t i = 1; i + 1 < count; i += 5) { /* a pair becomes halves of one tensor */
        const tensor_id whole = graph_activation(g, "cat", DTYPE_F32, 1, 9, 4, 16);
        if (graph_can_slice(g, made[i], whole, 0) && graph_can_slice(g, made[i + 1], whole, 8)) {
            graph_slice(g, made[i], whole, 0);
            graph_slice(g, made[i + 1], whole, 8);
        }
    }
    free(made);
}

/* ---- judge 1: bytes
 * ------------------------------------------------------------------------------ */

/* Every read must find the bytes that the last writer of that tensor left. */
static void check_bytes(const plan *p)
{
    const graph *g = p->graph;
    uint32_t *memory = calloc(p->arena_bytes / 4 + 1, 4); /* which tensor's data lies in a word */
    assert_non_null(memory);
    for (uint32_t n = 0; n < g->node_count; ++n) {
        const op_dispatch *d = &p->dispatches[n];
        for (uint32_t b = 0; b < d->binding_count; ++b) {
            const tensor_id root = graph_root(g, d->bindings[b].tensor);
            const tensor *t = graph_tensor(g, root);
            if (t->kind != TENSOR_ACTIVATION)
                continue;
            assert_true(p->offsets[root] % 256 == 0);
            assert_true(p->offsets[root] + t->bytes <= p->arena_bytes);
            uint32_t *words = memory + p->offsets[root] / 4;
            for (uint64_t w = 0; w < t->bytes / 4; ++w) {
                if (d->bindings[b].access & ACCESS_WRITE)
                    words[w] = 1 + root;
                else
                    assert_int_equal(words[w], 1 + root);
            }
        }
    }
    free(memory);
}

/* ---- judge 2: hazards
 * ----------------------------------------------------------------------------- */

/* The first pair of nodes that conflict with no barrier between them; false if there is none. */
static bool find_hazard(const plan *p, const bool *barriers, uint32_t *first, uint32_t *second)
{
    for (uint32_t i = 0; i < p->graph->node_count; ++i) {
        plan_range a[OP_BINDINGS_MAX], b[OP_BINDINGS_MAX];
        const uint32_t a_count = plan_node_ranges(p, i, a);
        for (uint32_t j = i + 1; j < p->graph->node_count && !barriers[j]; ++j) {
            const uint32_t b_count = plan_node_ranges(p, j, b);
            for (uint32_t x = 0; x < a_count; ++x)
                for (uint32_t y = 0; y < b_count; ++y)
                    if (a[x].space == b[y].space && (a[x].write || b[y].write) &&
                        a[x].begin < b[y].end && b[y].begin < a[x].end) {
                        *first = i;
                        *second = j;
                        return true;
                    }
        }
    }
    return false;
}

static void random_plans_hold(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 60; ++seed) {
        graph g;
        plan p;
        uint32_t first = 0, second = 0;
        build_random(&g, seed, 20 + seed, 2 + seed % 7);
        if (plan_create(&g, false, &p) != QS_OK)
            fail_msg("%s", qs_last_error());
        check_bytes(&p);
        assert_false(find_hazard(&p, p.barriers, &first, &second));
        assert_true(p.live_max_bytes <= p.arena_bytes);
        assert_true(p.arena_bytes <= p.activation_sum_bytes);
        plan_finish(&p);
        graph_finish(&g);
    }
}

static void every_barrier_is_needed(void **state)
{
    (void)state;
    graph g;
    plan p;
    build_random(&g, 7, 60, 4);
    if (plan_create(&g, false, &p) != QS_OK)
        fail_msg("%s", qs_last_error());
    assert_true(p.barrier_count > 10);
    for (uint32_t n = 0; n < g.node_count; ++n) {
        if (!p.barriers[n])
            continue;
        uint32_t first = 0, second = 0;
        p.barriers[n] = false; /* planted: the hazard finder must see it */
        assert_true(find_hazard(&p, p.barriers, &first, &second));
        assert_true(first < n && n <= second);
        p.barriers[n] = true;
    }
    plan_finish(&p);
    graph_finish(&g);
}

static void independent_nodes_need_no_barrier(void **state)
{
    (void)state;
    graph g;
    plan p;
    graph_init(&g, &limits, DTYPE_F32);
    const tensor_id in = graph_state(&g, "in", DTYPE_F32, 1, 4, 4, 4);
    tensor_id out[4];
    for (int i = 0; i < 4; ++i) {
        out[i] = graph_activation(&g, "t", DTYPE_F32, 1, 4, 4, 4);
        graph_node(&g, &mix, "mix", &in, 1, out[i], NULL, 0, 0);
    }
    const tensor_id sum = graph_activation(&g, "sum", DTYPE_F32, 1, 4, 4, 4);
    graph_node(&g, &mix, "sum", out, 4, sum, NULL, 0, 0);
    if (plan_create(&g, false, &p) != QS_OK)
        fail_msg("%s", qs_last_error());
    assert_int_equal(p.barrier_count, 1);
    assert_true(p.barriers[4]);
    plan_finish(&p);
    graph_finish(&g);
}

static void a_chain_needs_two_buffers(void **state)
{
    (void)state;
    graph g;
    plan p;
    graph_init(&g, &limits, DTYPE_F32);
    tensor_id x = graph_state(&g, "in", DTYPE_F32, 1, 8, 8, 4);
    for (int i = 0; i < 20; ++i) {
        const tensor_id y = graph_activation(&g, "t", DTYPE_F32, 1, 8, 8, 4);
        graph_node(&g, &mix, "mix", &x, 1, y, NULL, 0, 0);
        x = y;
    }
    if (plan_create(&g, false, &p) != QS_OK)
        fail_msg("%s", qs_last_error());
    assert_int_equal(p.arena_bytes, 2 * 8 * 8 * 4 * 4);
    assert_int_equal(p.live_max_bytes, p.arena_bytes);
    assert_int_equal(p.activation_sum_bytes, 20 * 8 * 8 * 4 * 4);
    plan_finish(&p);
    assert_int_equal(plan_create(&g, true, &p), QS_OK); /* kept: all side by side */
    assert_int_equal(p.arena_bytes, p.activation_sum_bytes);
    plan_finish(&p);
    graph_finish(&g);
}

static void too_many_workgroups_is_an_error(void **state)
{
    (void)state;
    const gpu_limits small = { .workgroup_count = { 0, 0, 0 } };
    graph g;
    plan p;
    build_random(&g, 3, 5, 2);
    g.limits = &small;
    assert_int_equal(plan_create(&g, false, &p), QS_ERROR_DEVICE);
    assert_non_null(strstr(qs_last_error(), "workgroups"));
    graph_finish(&g);
}

/* A stack whose weights the device cannot bind together is made by as many nodes as it needs, where
 * it began, and before what reads it. */
static void a_stack_too_large_to_bind_is_made_in_parts(void **state)
{
    (void)state;
    enum { PRODUCTS = 7, CHANNELS = 64, TOGETHER = 3, PARTS = 3 };
    gpu_limits small = limits;
    small.storage_range_bytes =
        GPU_ALIGNMENT + conv2d_packed_bytes(TOGETHER * CHANNELS, CHANNELS, 1, false);
    for (uint32_t rows = 2; rows <= 8; rows += 6) { /* linear.comp, a convolution */
        graph g;
        graph_init(&g, &small, DTYPE_F32);
        const tensor_id x = graph_state(&g, "x", DTYPE_F32, rows, 1, 1, CHANNELS);
        linear_stack stack;
        op_linear_stack_begin(&g, &stack, x);
        tensor_id y = x;
        for (uint32_t i = 0; i < PRODUCTS; ++i)
            y = op_linear_stack_add(&g, &stack, "y", "weight", "bias", CHANNELS);
        op_activate(&g, "read", y, ACTIVATION_SILU);
        op_linear_stack_end(&g, &stack, "products", NO_TENSOR);
        plan p;
        if (plan_create(&g, false, &p) != QS_OK)
            fail_msg("%s", qs_last_error());
        assert_int_equal(g.node_count, PARTS + 1);
        assert_string_equal(g.nodes[0].name, "products.part0");
        assert_string_equal(g.nodes[PARTS - 1].name, "products");
        assert_string_equal(g.nodes[PARTS].name, "read");
        plan_finish(&p);
        graph_finish(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_plans_hold),
        cmocka_unit_test(every_barrier_is_needed),
        cmocka_unit_test(independent_nodes_need_no_barrier),
        cmocka_unit_test(a_chain_needs_two_buffers),
        cmocka_unit_test(too_many_workgroups_is_an_error),
        cmocka_unit_test(a_stack_too_large_to_bind_is_made_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
