#include "graph/choice.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What was chosen, newest first. */
struct chosen {
    const struct chosen *next;
    const char *name, *variant;
};

void choice_key(choice *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(c->key, sizeof c->key, format, args);
    va_end(args);
    assert(length > 0 && (size_t)length < sizeof c->key);
    (void)length;
}

void choice_variant(choice *c, const char *format, ...)
{
    assert(c->variant_count < CHOICE_VARIANTS_MAX);
    char *name = c->variants[c->variant_count];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(name, sizeof *c->variants, format, args);
    va_end(args);
    assert(length > 0 && (size_t)length < sizeof *c->variants);
    assert(choice_find(c, name) == c->variant_count);
    (void)length;
    ++c->variant_count;
}

uint32_t choice_find(const choice *c, const char *variant)
{
    uint32_t i = 0;
    while (i < c->variant_count && strcmp(c->variants[i], variant) != 0)
        ++i;
    return i;
}

uint32_t graph_choose(graph *g, const char *name, const choice *c)
{
    assert(c->variant_count > 0);
    const uint32_t answer = g->chooser ? g->chooser->choose(g->chooser->user, g, c) : 0;
    assert(answer < c->variant_count);
    struct chosen *entry = arena_alloc(&g->arena, 1, sizeof *entry);
    const char *variant = arena_strdup(&g->arena, c->variants[answer]);
    if (!entry || !variant) {
        graph_fail(g, qs_error(QS_ERROR_MEMORY, "no host memory for the graph"));
        return 0;
    }
    *entry = (struct chosen){ g->chosen, graph_name(g, name), variant };
    g->chosen = entry;
    return answer;
}

const char *graph_variant(const graph *g, const node *n)
{
    for (const struct chosen *c = g->chosen; c; c = c->next) {
        const size_t length = strlen(c->name);
        if (strncmp(n->name, c->name, length) == 0 &&
            (n->name[length] == '\0' || n->name[length] == '.'))
            return c->variant;
    }
    return NULL;
}
