/* A growing host arena: everything of one object, freed at once. Allocation failure aborts the
 * object's construction through arena_alloc returning NULL. */
#ifndef QS_CORE_ARENA_H
#define QS_CORE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct arena {
    struct arena_block *blocks;
} arena;

void *arena_alloc(arena *a, size_t count, size_t size); /* zeroed, aligned to 16; NULL: no memory */
char *arena_strdup(arena *a, const char *text);
char *arena_format(arena *a, const char *format, ...)
    __attribute__((format(QS_PRINTF_FORMAT, 2, 3)));
char *arena_vformat(arena *a, const char *format, va_list args);
void arena_finish(arena *a);

#endif
