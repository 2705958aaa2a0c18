#include "weights/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One buffer holds many weights; small enough for every device's maxMemoryAllocationSize. So many
 * hold the largest published network in float32 (Stable Diffusion XL's, 9.6 GiB). */
enum { BLOCKS_MAX = 48 };
static const uint64_t BLOCK_BYTES = 256u * 1024 * 1024;

typedef struct entry {
    weight source; /* its keys are copied */
    gpu_slice slice;
} entry;

struct weight_store {
    qs_device *device;
    const weight_files *files;
    arena names;
    gpu_buffer blocks[BLOCKS_MAX];
    uint32_t block_count;
    entry *entries;
    uint32_t entry_count;
    uint64_t bytes;
};

qs_status weight_store_create(qs_device *device, const weight_files *files, weight_store **store)
{
    *store = calloc(1, sizeof **store);
    if (!*store)
        return qs_error(QS_ERROR_MEMORY, "no host memory for a weight store");
    (*store)->device = device;
    (*store)->files = files;
    return QS_OK;
}

void weight_store_destroy(weight_store *store)
{
    if (!store)
        return;
    for (uint32_t i = 0; i < store->block_count; ++i)
        gpu_buffer_destroy(store->device, &store->blocks[i]);
    free(store->entries);
    arena_finish(&store->names);
    free(store);
}

uint64_t weight_store_bytes(const weight_store *store)
{
    return store ? store->bytes : 0;
}

static bool same_weight(const weight *a, const weight *b)
{
    if (a->key_count != b->key_count || !a->rows != !b->rows || a->pack != b->pack ||
        a->type != b->type || memcmp(a->layout, b->layout, sizeof a->layout) != 0)
        return false;
    for (uint32_t i = 0; i < a->key_count; ++i)
        if (strcmp(a->keys[i], b->keys[i]) != 0)
            return false;
    return true;
}

static const entry *find(const weight_store *store, const weight *w)
{
    for (uint32_t i = 0; i < store->entry_count; ++i)
        if (same_weight(&store->entries[i].source, w))
            return &store->entries[i];
    return NULL;
}

static qs_status upload(weight_store *store, const weight *w, const gpu_slice *slice)
{
    qs_status status = QS_OK;
    uint32_t rows = 0; /* of the largest source: a stack is never a whole one in floats */
    for (uint32_t k = 0; k < w->key_count; ++k)
        rows = weight_rows(w, k) > rows ? weight_rows(w, k) : rows;
    float *values = malloc((rows * weight_row_elements(w) + 1) * sizeof *values);
    void *packed = calloc(1, w->packed_bytes);
    if (!values || !packed)
        TRY(qs_error(QS_ERROR_MEMORY, "no host memory to pack a weight of %zu bytes",
                     w->packed_bytes));
    for (uint32_t k = 0; k < w->key_count; ++k) {
        const qs_tensor *t = weight_files_find(store->files, w->keys[k]);
        TRY(weight_files_read_floats(store->files, t, values));
        w->pack(w, k, values, packed);
    }
    if (w->key_count == 0)
        w->pack(w, 0, NULL, packed);
    TRY(gpu_upload(store->device, slice, packed));
fail:
    free(values);
    free(packed);
    return status;
}

static qs_status add_entry(weight_store *store, const weight *w, const gpu_slice *slice)
{
    entry *grown = realloc(store->entries, (store->entry_count + 1) * sizeof *grown);
    if (!grown)
        return qs_error(QS_ERROR_MEMORY, "no host memory for %u weights", store->entry_count);
    store->entries = grown;
    entry *added = &grown[store->entry_count];
    *added = (entry){ *w, *slice };
    const char **keys = arena_alloc(&store->names, w->key_count + 1, sizeof *keys);
    for (uint32_t k = 0; k < w->key_count && keys; ++k) {
        keys[k] = arena_strdup(&store->names, w->keys[k]);
        if (!keys[k])
            keys = NULL;
    }
    if (!keys)
        return qs_error(QS_ERROR_MEMORY, "no host memory for weight names");
    added->source.keys = keys;
    if (w->rows) {
        uint32_t *rows = arena_alloc(&store->names, w->key_count, sizeof *rows);
        if (!rows)
            return qs_error(QS_ERROR_MEMORY, "no host memory for weight names");
        memcpy(rows, w->rows, w->key_count * sizeof *rows);
        added->source.rows = rows;
    }
    ++store->entry_count;
    return QS_OK;
}

/* A block for the weights of g from tensor `from` on that the store lacks; as many as fit. */
static qs_status add_block(weight_store *store, const graph *g, tensor_id from)
{
    uint64_t bytes = 0;
    for (tensor_id id = from; id < g->tensor_count; ++id) {
        const tensor *t = graph_tensor(g, id);
        if (t->kind != TENSOR_WEIGHT || find(store, t->weight))
            continue;
        if (bytes > 0 && bytes + gpu_align(t->bytes) > BLOCK_BYTES)
            break;
        bytes += gpu_align(t->bytes);
    }
    if (store->block_count == BLOCKS_MAX)
        return qs_error(QS_ERROR_MEMORY, "the weights need more than %d blocks of 256 MiB",
                        BLOCKS_MAX);
    char name[32];
    snprintf(name, sizeof name, "weights %u", store->block_count);
    const qs_status status = gpu_buffer_create(store->device, GPU_DEVICE, bytes, name,
                                               &store->blocks[store->block_count]);
    if (status == QS_OK)
        ++store->block_count;
    return status;
}

qs_status weight_store_load(weight_store *store, const graph *g, gpu_slice *slices)
{
    qs_status status = QS_OK;
    const gpu_buffer *block = NULL;
    uint64_t used = 0;
    for (tensor_id id = 0; id < g->tensor_count; ++id) {
        const tensor *t = graph_tensor(g, id);
        if (t->kind != TENSOR_WEIGHT)
            continue;
        const entry *known = find(store, t->weight);
        if (known) {
            slices[id] = known->slice;
            continue;
        }
        if (!block || used + gpu_align(t->bytes) > block->size) {
            TRY(add_block(store, g, id));
            block = &store->blocks[store->block_count - 1];
            used = 0;
        }
        slices[id] = (gpu_slice){ block, used, t->bytes };
        used += gpu_align(t->bytes);
        TRY(upload(store, t->weight, &slices[id]));
        TRY(add_entry(store, t->weight, &slices[id]));
        store->bytes += gpu_align(t->bytes);
    }
    TRY(gpu_upload_finish(store->device));
fail:
    return status;
}

/* Does one of the graphs need it before weight `id` of graph `index` does? */
static bool needed_before(const graph *const *graphs, uint32_t index, tensor_id id)
{
    const weight *w = graph_tensor(graphs[index], id)->weight;
    for (uint32_t i = 0; i <= index; ++i) {
        const tensor_id end = i < index ? graphs[i]->tensor_count : id;
        for (tensor_id other = 0; other < end; ++other)
            if (graph_tensor(graphs[i], other)->weight &&
                same_weight(graph_tensor(graphs[i], other)->weight, w))
                return true;
    }
    return false;
}

uint64_t weight_store_missing_bytes(const weight_store *store, const graph *const *graphs,
                                    uint32_t count)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; ++i)
        for (tensor_id id = 0; id < graphs[i]->tensor_count; ++id) {
            const tensor *t = graph_tensor(graphs[i], id);
            if (t->kind == TENSOR_WEIGHT && !find(store, t->weight) &&
                !needed_before(graphs, i, id))
                bytes += gpu_align(t->bytes);
        }
    return bytes;
}
