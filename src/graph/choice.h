/*
 * How an op chooses one of its variants (algorithm and tile) for a shape, when a graph is built:
 * packed weights and scratch tensors depend on it.
 *
 *     choice c = { .build = build_alone, .params = &p, .params_bytes = sizeof p };
 *     choice_key(&c, "conv2d %s %ux%ux%ux%u -> %ux%ux%u k3 s1", ...);
 *     choice_variant(&c, "direct 8x4x4");                       // the default
 *     if (winograd_can(...))
 *         choice_variant(&c, "winograd4");
 *     switch (graph_choose(g, name, &c)) ...                    // 0: direct
 *
 * Whoever builds the graph may answer (graph::chooser): the tuner with what it measured, the
 * self-test with every variant in turn. Without a chooser it is the default.
 */
#ifndef QS_GRAPH_CHOICE_H
#define QS_GRAPH_CHOICE_H

#include "graph/graph.h"

enum { CHOICE_VARIANTS_MAX = 24, CHOICE_NAME_BYTES = 32, CHOICE_KEY_BYTES = 128 };

typedef struct choice {
    /* What the times of the variants depend on: op, storage type, shape. No two spaces, no names:
     * the same for all nodes of a shape. */
    char key[CHOICE_KEY_BYTES];
    char variants[CHOICE_VARIANTS_MAX][CHOICE_NAME_BYTES]; /* only such as this device can run */
    uint32_t variant_count;
    /* Calls the op in an empty graph, on inputs that it makes, so that the op asks this choice
     * again. params: copied where it must outlive the call; no pointers in it,
     * but to string literals. */
    void (*build)(struct graph *g, const void *params);
    const void *params;
    size_t params_bytes;
} choice;

void choice_key(choice *c, const char *format, ...) QS_PRINTF(2, 3);
/* Adds a variant; the first is the default. Names of a choice differ. */
void choice_variant(choice *c, const char *format, ...) QS_PRINTF(2, 3);

/* The index of a variant, or variant_count. */
uint32_t choice_find(const choice *c, const char *variant);

/* Answers choices: an index below c->variant_count. */
struct chooser {
    uint32_t (*choose)(void *user, struct graph *g, const choice *c);
    void *user;
};

/* The variant to use, an index. name: the op's, as for graph_node: its nodes are NAME and NAME.x.
 */
uint32_t graph_choose(graph *g, const char *name, const choice *c);

/* The name of the variant that the node's op chose; NULL if the op had no choice. */
const char *graph_variant(const graph *g, const node *n);

#endif
