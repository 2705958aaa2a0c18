#include "weights/weights.h"
#include "core/arena.h"
#include "core/log.h"
#include "core/status.h"
#include "weights/file.h"
#include "weights/weight_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARD_COUNT_MAX = 256 };

/* Where a tensor is. */
typedef struct weight_entry {
    const char *name; /* today's, without the prefix; the file may have an old one */
    const qs_tensor *tensor;
    const qs_safetensors *file;
    low_rank *added; /* a list */
} weight_entry;

struct weight_files {
    arena arena;
    const char *dir;
    qs_safetensors *shards[SHARD_COUNT_MAX];
    const char *shard_names[SHARD_COUNT_MAX];
    size_t shard_count;
    size_t prefix_length;  /* of what every tensor's name begins with and is left out */
    weight_entry *entries; /* sorted by name */
    size_t count;
};

static qs_status no_memory(const weight_files *files)
{
    return qs_error(QS_ERROR_MEMORY, "%s: no memory for the list of tensors", files->dir);
}

static qs_status open_shard(weight_files *files, const char *name)
{
    const char *path = arena_format(&files->arena, "%s/%s", files->dir, name);
    const char *kept = arena_strdup(&files->arena, name);
    if (!path || !kept)
        return no_memory(files);
    const qs_status status = qs_safetensors_open(path, &files->shards[files->shard_count]);
    if (status == QS_OK)
        files->shard_names[files->shard_count++] = kept;
    return status;
}

/* ------------------------------------------------------------------------------------------- */
/* Shards                                                                                       */

/* A shard is a file of this folder: with "../x" an index could make us read any file. */
static bool is_shard_name(const char *name)
{
    static const char ending[] = ".safetensors";
    const size_t length = strlen(name), ending_length = sizeof ending - 1;
    return length > ending_length && length < 256 && name[0] != '.' &&
           strcmp(name + length - ending_length, ending) == 0 && !strpbrk(name, "/\\") &&
           !text_has_control(name);
}

/* *shard: the opened shard of this name; it is opened when it is met for the first time. */
static qs_status find_shard(weight_files *files, const char *index_path, const char *name,
                            qs_safetensors **shard)
{
    for (size_t i = 0; i < files->shard_count; i++) {
        if (strcmp(files->shard_names[i], name) == 0) {
            *shard = files->shards[i];
            return QS_OK;
        }
    }
    if (files->shard_count == SHARD_COUNT_MAX)
        return qs_error(QS_ERROR_MODEL, "%s: more than %d shards", index_path, SHARD_COUNT_MAX);
    qs_status status = open_shard(files, name);
    if (status != QS_OK)
        return qs_error_prefix(status, "%s: weight_map", index_path);
    *shard = files->shards[files->shard_count - 1];
    return QS_OK;
}

static qs_status check_mapped_tensor(weight_files *files, const char *index_path,
                                     const char *tensor, const json_t *shard_name)
{
    qs_safetensors *shard = NULL;
    const char *name = json_string_value(shard_name);
    if (!name || !is_shard_name(name))
        return qs_error(QS_ERROR_MODEL,
                        "%s: weight_map: tensor \"%s\" is in \"%s\", which is not the name of a "
                        ".safetensors file of the same folder",
                        index_path, text_clean(tensor).text,
                        text_clean(name ? name : "(not a string)").text);
    qs_status status = find_shard(files, index_path, name, &shard);
    if (status == QS_OK && !qs_safetensors_find(shard, tensor))
        status = qs_error(QS_ERROR_MODEL, "%s: weight_map: tensor \"%s\" is not in %s", index_path,
                          text_clean(tensor).text, name);
    return status;
}

/* Every mapped tensor was found in its shard; so with the reverse here the two lists are equal, and
 * no tensor is in two shards. */
static qs_status check_shards_mapped(const weight_files *files, const char *index_path,
                                     const json_t *map)
{
    for (size_t s = 0; s < files->shard_count; s++) {
        for (size_t i = 0; i < qs_safetensors_count(files->shards[s]); i++) {
            const char *tensor = qs_safetensors_at(files->shards[s], i)->name;
            const char *name = json_string_value(json_object_get(map, tensor));
            if (!name || strcmp(name, files->shard_names[s]) != 0)
                return qs_error(QS_ERROR_MODEL,
                                "%s: tensor \"%s\" is in %s, weight_map says it is in %s",
                                index_path, text_clean(tensor).text, files->shard_names[s],
                                name ? text_clean(name).text : "no shard");
        }
    }
    return QS_OK;
}

static qs_status open_index(weight_files *files, const char *path)
{
    qs_status status = QS_OK;
    json_t *root = NULL, *value;
    const char *tensor;

    TRY(file_read_json(path, &root));
    json_t *map = json_object_get(root, "weight_map");
    if (!json_is_object(map) || json_object_size(map) == 0)
        TRY(qs_error(QS_ERROR_MODEL, "%s: key \"weight_map\" is missing or not an object of names",
                     path));
    json_object_foreach(map, tensor, value) TRY(check_mapped_tensor(files, path, tensor, value));
    TRY(check_shards_mapped(files, path, map));
fail:
    json_decref(root);
    return status;
}

/* ------------------------------------------------------------------------------------------- */
/* The folder                                                                                   */

static qs_status open_files(weight_files *files, const char *stem, const char *variant)
{
    weight_choice choice;
    const qs_status status = weight_folder_choose(files->dir, stem, variant, &choice);
    if (status != QS_OK)
        return status;
    if (!choice.is_index)
        return open_shard(files, choice.name);
    const char *path = arena_format(&files->arena, "%s/%s", files->dir, choice.name);
    return path ? open_index(files, path) : no_memory(files);
}

/* diffusers.ModelMixin._fix_state_dict_keys_on_load: files from before its AttentionBlock became
 * Attention. The shapes are the same. */
static const struct {
    const char *old, *new;
} renamed[] = {
    { ".query.", ".to_q." },
    { ".key.", ".to_k." },
    { ".value.", ".to_v." },
    { ".proj_attn.", ".to_out.0." },
};

/* `name` with its first `from` replaced by `to` if only "weight" or "bias" follows. */
static bool replace_module(const char *name, const char *from, const char *to, tensor_name *result)
{
    const char *at = strstr(name, from);
    const char *last = at ? at + strlen(from) : "";
    if (strcmp(last, "weight") != 0 && strcmp(last, "bias") != 0)
        return false;
    snprintf(result->text, sizeof result->text, "%.*s%s%s", (int)(at - name), name, to, last);
    return true;
}

static tensor_name new_name(const char *name)
{
    tensor_name result;
    for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
        if (replace_module(name, renamed[i].old, renamed[i].new, &result))
            return result;
    snprintf(result.text, sizeof result.text, "%s", name);
    return result;
}

bool weight_old_name(const char *name, tensor_name *old)
{
    for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
        if (replace_module(name, renamed[i].new, renamed[i].old, old))
            return true;
    return false;
}

/* What wrappers put in front of every name: DataParallel and DDP, a pipeline saved whole, a
 * training module, torch.compile. */
static const char *const prefixes[] = { "module.", "unet.", "model.", "_orig_mod." };

/* Do all names go on with this at `from`? */
static bool all_begin_with(const weight_files *files, size_t from, const char *prefix)
{
    for (size_t s = 0; s < files->shard_count; s++)
        for (size_t i = 0; i < qs_safetensors_count(files->shards[s]); i++)
            if (strncmp(qs_safetensors_at(files->shards[s], i)->name + from, prefix,
                        strlen(prefix)) != 0)
                return false;
    return true;
}

/* files->prefix_length: of any number of them, in any order. */
static void find_prefix(weight_files *files)
{
    const qs_tensor *first = files->shard_count ? qs_safetensors_at(files->shards[0], 0) : NULL;
    for (size_t i = 0; first && i < sizeof prefixes / sizeof *prefixes; i++) {
        if (all_begin_with(files, files->prefix_length, prefixes[i])) {
            files->prefix_length += strlen(prefixes[i]);
            i = (size_t)-1;
        }
    }
    if (files->prefix_length > 0)
        log_line(QS_LOG_INFO, "%s: the names of all tensors begin with \"%.*s\": left out",
                 files->dir, (int)files->prefix_length, first->name);
}

static int compare_entries(const void *a, const void *b)
{
    const weight_entry *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->tensor->name, y->tensor->name);
}

static qs_status add_entry(weight_files *files, const qs_tensor *tensor, const qs_safetensors *file)
{
    const char *name =
        arena_strdup(&files->arena, new_name(tensor->name + files->prefix_length).text);
    if (!name)
        return no_memory(files);
    files->entries[files->count++] = (weight_entry){ name, tensor, file, NULL };
    return QS_OK;
}

static qs_status check_names_differ(const weight_files *files)
{
    for (size_t i = 1; i < files->count; i++) {
        const weight_entry *a = &files->entries[i - 1], *b = &files->entries[i];
        if (strcmp(a->name, b->name) == 0)
            return qs_error(QS_ERROR_MODEL, "%s: has both %s and %s, which are names of one tensor",
                            files->dir, a->tensor->name, b->tensor->name);
    }
    return QS_OK;
}

static qs_status list_tensors(weight_files *files)
{
    qs_status status = QS_OK;
    size_t capacity = 0;
    find_prefix(files);
    for (size_t s = 0; s < files->shard_count; s++)
        capacity += qs_safetensors_count(files->shards[s]);
    files->entries = arena_alloc(&files->arena, capacity, sizeof *files->entries);
    if (!files->entries)
        return no_memory(files);
    for (size_t s = 0; s < files->shard_count; s++)
        for (size_t i = 0; i < qs_safetensors_count(files->shards[s]); i++)
            TRY(add_entry(files, qs_safetensors_at(files->shards[s], i), files->shards[s]));
    qsort(files->entries, files->count, sizeof *files->entries, compare_entries);
    TRY(check_names_differ(files));
fail:
    return status;
}

qs_status weight_files_open(const char *dir, const char *stem, const char *variant,
                            weight_files **files)
{
    qs_status status = QS_OK;
    *files = NULL;
    weight_files *f = calloc(1, sizeof *f);
    if (!f)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory", dir);
    f->dir = arena_strdup(&f->arena, dir);
    if (!f->dir)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory", dir));
    TRY(open_files(f, stem, variant));
    TRY(list_tensors(f));
    *files = f;
    return QS_OK;

fail:
    weight_files_close(f);
    return status;
}

void weight_files_close(weight_files *files)
{
    if (!files)
        return;
    for (size_t s = 0; s < files->shard_count; s++)
        qs_safetensors_close(files->shards[s]);
    arena_finish(&files->arena);
    free(files);
}

/* ------------------------------------------------------------------------------------------- */
/* The tensors                                                                                  */

const char *weight_files_dir(const weight_files *files)
{
    return files->dir;
}

size_t weight_files_count(const weight_files *files)
{
    return files->count;
}

const qs_tensor *weight_files_at(const weight_files *files, size_t index)
{
    return index < files->count ? files->entries[index].tensor : NULL;
}

const char *weight_files_name(const weight_files *files, size_t index)
{
    return index < files->count ? files->entries[index].name : NULL;
}

static int compare_name(const void *name, const void *entry)
{
    return strcmp(name, ((const weight_entry *)entry)->name);
}

static weight_entry *find_entry(const weight_files *files, const char *name)
{
    const tensor_name key = new_name(name);
    return files->count == 0 ? NULL
                             : bsearch(key.text, files->entries, files->count,
                                       sizeof *files->entries, compare_name);
}

const qs_tensor *weight_files_find(const weight_files *files, const char *name)
{
    const weight_entry *entry = find_entry(files, name);
    return entry ? entry->tensor : NULL;
}

void weight_files_add(weight_files *files, const char *name, low_rank *added)
{
    low_rank **last = &find_entry(files, name)->added;
    while (*last)
        last = &(*last)->next;
    *last = added;
}

qs_status weight_files_read_floats(const weight_files *files, const qs_tensor *tensor,
                                   float *values)
{
    const bool has_prefix = strlen(tensor->name) >= files->prefix_length;
    const weight_entry *entry =
        has_prefix ? find_entry(files, tensor->name + files->prefix_length) : NULL;
    if (!entry || entry->tensor != tensor)
        return qs_error(QS_ERROR_USAGE, "tensor \"%s\" is not of %s", tensor->name, files->dir);
    const qs_status status = qs_safetensors_read_floats(entry->file, tensor, values);
    return status == QS_OK ? low_rank_add(entry->added, values) : status;
}
