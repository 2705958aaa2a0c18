/* Memory for libpng, whose own errors do not say that they are of memory: where there is none, the
 * bool at mem_ptr becomes true. And no warnings: they are of chunks that no pixel needs. */
#ifndef QS_APP_PNG_MEMORY_H
#define QS_APP_PNG_MEMORY_H

#include <png.h>
#include <stdbool.h>
#include <stdlib.h>

static inline png_voidp png_memory_allocate(png_structp png, png_alloc_size_t size)
{
    bool *none = png_get_mem_ptr(png);
    void *memory = malloc(size);
    *none |= !memory;
    return memory;
}

static inline void png_memory_free(png_structp png, png_voidp memory)
{
    (void)png;
    free(memory);
}

static inline void png_ignore_warning(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

#endif
