#include "weights/lora.h"

#include "core/arena.h"
#include "core/log.h"
#include "core/text.h"
#include "weights/file.h"
#include "weights/lora_name.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const float SCALE_MAX = 1000;

/* One tensor of the file. */
typedef struct lora_entry {
    lora_name name;
    const qs_tensor *tensor;
} lora_entry;

struct lora {
    arena arena;
    const char *given, *path; /* path: of the file */
    float scale;
    qs_safetensors *file;
    json_t *metadata; /* PEFT's: alphas; NULL: none */
    lora_entry *entries;
    size_t count;
};

/* The tensors of one module. */
typedef struct lora_pair {
    const lora_name *name;
    const qs_tensor *parts[LORA_PART_COUNT];
} lora_pair;

/* What does not fit: how much, and the first. */
typedef struct misfits {
    uint32_t pairs, count;
    char first[1536];
} misfits;

static qs_status no_memory(const lora *l)
{
    return qs_error(QS_ERROR_MEMORY, "%s: no host memory for its list of tensors", l->path);
}

/* ---- the file -------------------------------------------------------------------------------- */

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static qs_status refuse_pickle(const char *path)
{
    static const char *const endings[] = { ".pt", ".pth", ".ckpt", ".bin", ".pkl" };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; ++i)
        if (text_ends_with(path, endings[i]))
            return qs_error(QS_ERROR_MODEL,
                            "%s: is a Python pickle, which can run code and is not read: a LoRA is "
                            "a .safetensors file",
                            path);
    return QS_OK;
}

/* diffusers' save_lora_weights: alphas of PEFT's LoraConfig, {"unet.lora_alpha": 8, ...}. */
static qs_status read_metadata(lora *l)
{
    const char *text = qs_safetensors_metadata(l->file, "lora_adapter_metadata");
    return text ? file_parse_json(l->path, text, strlen(text), &l->metadata) : QS_OK;
}

/* ---- alpha ----------------------------------------------------------------------------------- */

static const json_t *component_setting(const lora *l, const char *component, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "%s.%s", component, name);
    return json_object_get(l->metadata, key);
}

/* As peft.utils.other.get_pattern_key, of plain names: the module or the end of its name. */
static bool is_pattern_of(const char *pattern, const char *module)
{
    const bool whole = pattern[0] == '^';
    const size_t length = strlen(pattern + whole), all = strlen(module);
    if (length > all || strcmp(module + all - length, pattern + whole) != 0)
        return false;
    return length == all || (!whole && module[all - length - 1] == '.');
}

/* *alpha: the settings' of the module, NAN where there are none. */
static qs_status setting_alpha(const lora *l, const lora_pair *pair, double *alpha, bool *root)
{
    const char *component = pair->name->component, *pattern;
    const json_t *plain = component_setting(l, component, "lora_alpha");
    json_t *value, *patterns = (json_t *)component_setting(l, component, "alpha_pattern");
    *root = json_is_true(component_setting(l, component, "use_rslora"));
    if (json_is_true(component_setting(l, component, "use_dora")))
        return qs_error(QS_ERROR_MODEL, "%s: is DoRA, which is not supported: only LoRA is",
                        l->path);
    *alpha = json_is_number(plain) ? json_number_value(plain) : (double)NAN;
    json_object_foreach(patterns, pattern, value) if (is_pattern_of(pattern, pair->name->stem))
    {
        *alpha = json_number_value(value);
        break;
    }
    return QS_OK;
}

/* *factor: scale * alpha / rank; without an alpha it is the rank. */
static qs_status find_factor(const lora *l, const lora_pair *pair, float *factor)
{
    const double rank = (double)pair->parts[LORA_UP]->shape[1];
    const qs_tensor *tensor = pair->parts[LORA_ALPHA];
    float given = NAN;
    double alpha = NAN;
    bool root = false;
    qs_status status = setting_alpha(l, pair, &alpha, &root);
    if (status == QS_OK && tensor) {
        if (tensor->size_bytes != qs_dtype_size_bytes(tensor->dtype))
            return qs_error(QS_ERROR_MODEL, "%s: tensor \"%s\" is not one number", l->path,
                            tensor->name);
        status = qs_safetensors_read_floats(l->file, tensor, &given);
        if (status == QS_OK && !isfinite(given))
            return qs_error(QS_ERROR_MODEL, "%s: tensor \"%s\" is NaN or Inf", l->path,
                            tensor->name);
        alpha = (double)given;
    }
    if (isnan(alpha))
        *factor = l->scale;
    else
        *factor = (float)((double)l->scale * alpha / (root && !tensor ? sqrt(rank) : rank));
    return status;
}

/* ---- the pairs ------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    const lora_entry *x = a, *y = b;
    int order = strcmp(x->name.component, y->name.component);
    order = order ? order : strcmp(x->name.module, y->name.module);
    return order ? order : (int)x->name.part - (int)y->name.part;
}

/* The names, with the blocks of the first implementation as a UNet of so many layers has them. */
static qs_status list_entries(lora *l, uint32_t layers_per_block)
{
    uint32_t unknown = 0;
    const char *first = NULL, *first_kind = NULL;
    l->count = qs_safetensors_count(l->file);
    l->entries = calloc(l->count + 1, sizeof *l->entries);
    if (!l->entries)
        return no_memory(l);
    for (size_t i = 0; i < l->count; ++i) {
        const char *kind;
        l->entries[i].tensor = qs_safetensors_at(l->file, i);
        const char *key = l->entries[i].tensor->name;
        if (lora_name_parse(key, layers_per_block, &l->entries[i].name, &kind))
            continue;
        if (!unknown++ || (kind && !first_kind)) {
            first = key;
            first_kind = kind;
        }
    }
    if (unknown && first_kind)
        return qs_error(QS_ERROR_MODEL,
                        "%s: is %s, which is not supported: only LoRA is (%u of its %zu tensors, "
                        "such as %s)",
                        l->path, first_kind, unknown, l->count, first);
    if (unknown || !l->count)
        return qs_error(QS_ERROR_MODEL,
                        "%s: is no LoRA: %u of its %zu tensors have other names%s%s", l->path,
                        unknown, l->count, unknown ? ", such as " : "", unknown ? first : "");
    qsort(l->entries, l->count, sizeof *l->entries, compare_entries);
    return QS_OK;
}

/* The next module's, from *at on; NULL names past the last. */
static qs_status next_pair(const lora *l, size_t *at, lora_pair *pair)
{
    *pair = (lora_pair){ 0 };
    for (; *at < l->count; ++*at) {
        const lora_entry *e = &l->entries[*at];
        if (pair->name && (strcmp(e->name.module, pair->name->module) != 0 ||
                           strcmp(e->name.component, pair->name->component) != 0))
            break;
        const qs_tensor **part = &pair->parts[e->name.part];
        if (*part)
            return qs_error(QS_ERROR_MODEL, "%s: has both %s and %s, which are names of one tensor",
                            l->path, (*part)->name, e->tensor->name);
        *part = e->tensor;
        pair->name = &e->name;
    }
    return QS_OK;
}

static bool is_matrix(const qs_tensor *t)
{
    const bool is_float = t->dtype == QS_DTYPE_F64 || t->dtype == QS_DTYPE_F32 ||
                          t->dtype == QS_DTYPE_F16 || t->dtype == QS_DTYPE_BF16;
    return is_float && t->rank >= 2 && t->size_bytes > 0;
}

static qs_status check_pair(const lora *l, const lora_pair *pair)
{
    const qs_tensor *down = pair->parts[LORA_DOWN], *up = pair->parts[LORA_UP];
    if (!down || !up)
        return qs_error(QS_ERROR_MODEL, "%s: %s has no %s", l->path, pair->name->stem,
                        !down && !up ? "lora_down (lora_A) and lora_up (lora_B)"
                        : down       ? "lora_up (lora_B)"
                                     : "lora_down (lora_A)");
    if (!is_matrix(down) || !is_matrix(up) || down->shape[0] != up->shape[1])
        return qs_error(QS_ERROR_MODEL,
                        "%s: %s and %s are no two matrices of floats with one rank between them",
                        l->path, down->name, up->name);
    return QS_OK;
}

qs_status lora_open(const char *path, float scale, lora **out)
{
    qs_status status = QS_OK;
    *out = NULL;
    if (!(fabsf(scale) <= SCALE_MAX))
        return qs_error(QS_ERROR_USAGE, "a LoRA's scale is a number from %g to %g, not %g",
                        -(double)SCALE_MAX, (double)SCALE_MAX, (double)scale);
    lora *l = calloc(1, sizeof *l);
    if (!l)
        return qs_error(QS_ERROR_MEMORY, "%s: no host memory", path);
    l->scale = scale;
    l->given = arena_strdup(&l->arena, path);
    l->path = is_folder(path) ? arena_format(&l->arena, "%s/pytorch_lora_weights.safetensors", path)
                              : l->given;
    if (!l->given || !l->path)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no host memory", path));
    TRY(refuse_pickle(l->path));
    TRY(qs_safetensors_open(l->path, &l->file));
    TRY(read_metadata(l));
    *out = l;
    return QS_OK;
fail:
    lora_close(l);
    return status;
}

void lora_close(lora *l)
{
    if (!l)
        return;
    json_decref(l->metadata);
    qs_safetensors_close(l->file);
    free(l->entries);
    arena_finish(&l->arena);
    free(l);
}

/* ---- a component's modules ------------------------------------------------------------------- */

typedef struct module {
    char name[LORA_MODULE_SIZE];
    size_t index; /* of its weight among the files' */
} module;

typedef struct module_list {
    const char *component;
    weight_files *files;
    module *modules; /* sorted by name */
    size_t count;
} module_list;

static int compare_modules(const void *a, const void *b)
{
    return strcmp(((const module *)a)->name, ((const module *)b)->name);
}

static qs_status list_modules(const component *c, module_list *list)
{
    *list = (module_list){ .component = c->name, .files = c->files };
    list->modules = calloc(weight_files_count(c->files) + 1, sizeof *list->modules);
    if (!list->modules)
        return qs_error(QS_ERROR_MEMORY, "no host memory for the names of %s", c->name);
    for (size_t i = 0; i < weight_files_count(c->files); ++i)
        if (lora_module_of_tensor(weight_files_name(c->files, i), list->modules[list->count].name))
            list->modules[list->count++].index = i;
    qsort(list->modules, list->count, sizeof *list->modules, compare_modules);
    return QS_OK;
}

/* Of the UNet: as many resnets as its first block has. */
static uint32_t layers_per_block(const component *components, uint32_t count)
{
    uint32_t layers = 0;
    char name[64];
    for (uint32_t i = 0; i < count; ++i) {
        if (!components[i].files || strcmp(components[i].name, "unet") != 0)
            continue;
        do
            snprintf(name, sizeof name, "down_blocks.0.resnets.%u.conv1.weight", layers);
        while (weight_files_find(components[i].files, name) && ++layers < 256);
    }
    return layers ? layers : 1;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static void describe_shape(const qs_tensor *t, char text[96])
{
    size_t used = 0;
    for (uint32_t i = 0; i < t->rank && used < 80; ++i)
        used += (size_t)snprintf(text + used, 96 - used, "%s%llu", i ? "," : "[",
                                 (unsigned long long)t->shape[i]);
    snprintf(text + used, 96 - used, "]");
}

static void misfit(misfits *m, const lora_pair *pair, const char *why)
{
    if (!m->count++)
        snprintf(m->first, sizeof m->first, "%s (%s)", pair->parts[LORA_DOWN]->name, why);
}

static uint64_t dimension(const qs_tensor *t, uint32_t i)
{
    return i < t->rank ? t->shape[i] : 1;
}

/* [rows, rank, 1, 1] x [rank, columns, kh, kw] is [rows, columns, kh, kw]; ones at the end count
 * for nothing: a convolution of one pixel is a matrix. */
static bool fits(const qs_tensor *weight, const lora_pair *pair)
{
    const qs_tensor *down = pair->parts[LORA_DOWN], *up = pair->parts[LORA_UP];
    bool same = weight->rank >= 2 && up->shape[0] == weight->shape[0];
    for (uint32_t i = 1; i < QS_RANK_MAX; ++i)
        same =
            same && dimension(down, i) == dimension(weight, i) && (i == 1 || dimension(up, i) == 1);
    return same;
}

static qs_status add_pair(lora *l, const lora_pair *pair, const module_list *list, misfits *m)
{
    char why[768], has[96], up[96], down[96];
    module key;
    memcpy(key.name, pair->name->module, sizeof key.name);
    const module *found =
        list ? bsearch(&key, list->modules, list->count, sizeof key, compare_modules) : NULL;
    if (!found) {
        snprintf(why, sizeof why, "the model has no %s%s%s", pair->name->component, list ? "." : "",
                 list ? pair->name->stem : "");
        misfit(m, pair, why);
        return QS_OK;
    }
    const qs_tensor *weight = weight_files_at(list->files, found->index);
    if (!fits(weight, pair)) {
        describe_shape(weight, has);
        describe_shape(pair->parts[LORA_UP], up);
        describe_shape(pair->parts[LORA_DOWN], down);
        snprintf(why, sizeof why, "%s x %s, the model's is %s", up, down, has);
        misfit(m, pair, why);
        return QS_OK;
    }
    low_rank *added = arena_alloc(&l->arena, 1, sizeof *added);
    if (!added)
        return no_memory(l);
    *added = (low_rank){
        .path = l->path, .file = l->file, .up = pair->parts[LORA_UP], .down = pair->parts[LORA_DOWN]
    };
    const qs_status status = find_factor(l, pair, &added->factor);
    if (status == QS_OK)
        weight_files_add(list->files, weight_files_name(list->files, found->index), added);
    return status;
}

static const module_list *find_list(const module_list *lists, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; ++i)
        if (lists[i].modules && strcmp(lists[i].component, name) == 0)
            return &lists[i];
    return NULL;
}

static qs_status add_pairs(lora *l, const module_list *lists, uint32_t count, misfits *m)
{
    qs_status status = QS_OK;
    lora_pair pair;
    for (size_t at = 0; at < l->count && status == QS_OK; ++m->pairs) {
        status = next_pair(l, &at, &pair);
        if (status == QS_OK)
            status = check_pair(l, &pair);
        if (status == QS_OK)
            status = add_pair(l, &pair, find_list(lists, count, pair.name->component), m);
    }
    return status;
}

qs_status lora_add(lora *l, component *components, uint32_t count, const char *model)
{
    qs_status status = QS_OK;
    misfits m = { 0 };
    module_list *lists = calloc(count + 1, sizeof *lists);
    if (!lists)
        TRY(no_memory(l));
    TRY(list_entries(l, layers_per_block(components, count)));
    for (uint32_t i = 0; i < count; ++i)
        if (components[i].files)
            TRY(list_modules(&components[i], &lists[i]));
    TRY(add_pairs(l, lists, count, &m));
    if (m.count)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: %u of its %u pairs do not fit the model %s, first %s: this LoRA was made "
                     "for another model",
                     l->path, m.count, m.pairs, model, m.first));
    log_line(QS_LOG_DEBUG, "%s: %u weights of %s, scale %g", l->path, m.pairs, model,
             (double)l->scale);
fail:
    for (uint32_t i = 0; lists && i < count; ++i)
        free(lists[i].modules);
    free(lists);
    return status;
}
