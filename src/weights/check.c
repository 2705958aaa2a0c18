#include "weights/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED_MAX = 5 };

const gpu_limits weights_check_limits = { .storage_range_bytes = UINT64_MAX,
                                          .subgroup_size = 32,
                                          .workgroup_invocations = 128,
                                          .workgroup_count = { 65535, 65535, 65535 } };

/* The first few names of a complaint, and how many there were. */
typedef struct complaint {
    char names[1024];
    uint32_t count;
} complaint;

static void complain(complaint *c, const char *name)
{
    const size_t used = strlen(c->names);
    if (c->count++ < NAMED_MAX)
        snprintf(c->names + used, sizeof c->names - used, "%s%s", used ? ", " : "", name);
}

static void complain_missing(complaint *c, const char *name)
{
    char both[1100];
    tensor_name old;
    if (weight_old_name(name, &old))
        snprintf(both, sizeof both, "%s (in old files %s)", name, old.text);
    else
        snprintf(both, sizeof both, "%s", name);
    complain(c, both);
}

static void describe_shape(char *text, size_t room, uint32_t rank, const uint64_t *shape)
{
    size_t used = (size_t)snprintf(text, room, "[");
    for (uint32_t i = 0; i < rank && used < room; ++i)
        used += (size_t)snprintf(text + used, room - used, "%s%llu", i ? "," : "",
                                 (unsigned long long)shape[i]);
    if (used < room)
        snprintf(text + used, room - used, "]");
}

static bool is_float(qs_dtype type)
{
    return type == QS_DTYPE_F64 || type == QS_DTYPE_F32 || type == QS_DTYPE_F16 ||
           type == QS_DTYPE_BF16;
}

static qs_status check_shape(const weight_files *files, const weight *w, uint32_t key,
                             const qs_tensor *t)
{
    uint64_t wanted[4];
    bool same = t->rank == w->rank;
    for (uint32_t i = 0; i < w->rank; ++i) {
        wanted[i] = i == 0 && w->rows ? w->rows[key] : w->shape[i];
        same = same && t->shape[i] == wanted[i];
    }
    if (!is_float(t->dtype))
        return qs_error(QS_ERROR_MODEL, "%s: %s is %s, supported: F64, F32, F16, BF16",
                        weight_files_dir(files), t->name, qs_dtype_name(t->dtype));
    if (same)
        return QS_OK;
    char is[128], says[128];
    describe_shape(is, sizeof is, t->rank, t->shape);
    describe_shape(says, sizeof says, w->rank, wanted);
    return qs_error(QS_ERROR_MODEL, "%s: %s is %s, config.json says %s", weight_files_dir(files),
                    t->name, is, says);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names that the graph uses, sorted. */
static const char **graph_keys(const graph *g, size_t *count)
{
    size_t total = 0;
    for (tensor_id id = 0; id < g->tensor_count; ++id)
        total += g->tensors[id].weight ? g->tensors[id].weight->key_count : 0;
    const char **keys = calloc(total + 1, sizeof *keys);
    *count = 0;
    for (tensor_id id = 0; keys && id < g->tensor_count; ++id)
        if (g->tensors[id].kind == TENSOR_WEIGHT)
            for (uint32_t k = 0; k < g->tensors[id].weight->key_count; ++k)
                keys[(*count)++] = g->tensors[id].weight->keys[k];
    if (keys)
        qsort(keys, *count, sizeof *keys, by_name);
    return keys;
}

/* The numbers 0, 1, 2 ... that transformers kept beside the weights before 4.31, and does not read.
 */
static bool is_position_ids(const qs_tensor *t)
{
    static const char ending[] = "embeddings.position_ids";
    const size_t length = strlen(t->name);
    return length >= sizeof ending - 1 &&
           strcmp(t->name + length - (sizeof ending - 1), ending) == 0;
}

static qs_status check_extra(const weight_files *files, const graph *g, uint64_t *parameter_count)
{
    size_t key_count = 0;
    const char **keys = graph_keys(g, &key_count);
    if (!keys)
        return qs_error(QS_ERROR_MEMORY, "no host memory to check weights");
    complaint extra = { 0 };
    *parameter_count = 0;
    for (size_t i = 0; i < weight_files_count(files); ++i) {
        const qs_tensor *t = weight_files_at(files, i);
        const char *name = weight_files_name(files, i);
        if (is_position_ids(t))
            continue;
        if (!bsearch(&name, keys, key_count, sizeof *keys, by_name))
            complain(&extra, t->name);
        *parameter_count += t->size_bytes / qs_dtype_size_bytes(t->dtype);
    }
    free(keys);
    if (extra.count)
        return qs_error(QS_ERROR_MODEL, "%s: %u tensors that config.json has no place for: %s%s",
                        weight_files_dir(files), extra.count, extra.names,
                        extra.count > NAMED_MAX ? ", ..." : "");
    return QS_OK;
}

qs_status weights_check(const weight_files *files, const graph *g, uint64_t *parameter_count)
{
    complaint missing = { 0 };
    for (tensor_id id = 0; id < g->tensor_count; ++id) {
        const weight *w = g->tensors[id].weight;
        for (uint32_t k = 0; w && k < w->key_count; ++k) {
            const qs_tensor *t = weight_files_find(files, w->keys[k]);
            if (!t) {
                complain_missing(&missing, w->keys[k]);
                continue;
            }
            const qs_status status = check_shape(files, w, k, t);
            if (status != QS_OK)
                return status;
        }
    }
    if (missing.count)
        return qs_error(QS_ERROR_MODEL, "%s: %u tensors missing: %s%s", weight_files_dir(files),
                        missing.count, missing.names, missing.count > NAMED_MAX ? ", ..." : "");
    return check_extra(files, g, parameter_count);
}
