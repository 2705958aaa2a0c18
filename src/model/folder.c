#include "model/folder.h"

#include "core/text.h"

#include "weights/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static qs_status no_memory(const char *path)
{
    return qs_error(QS_ERROR_MEMORY, "%s: no memory", path);
}

/* *path: DIR/NAME, in the arena; *exists: whether there is such a name. */
static qs_status look(arena *a, const char *dir, const char *name, const char **path, bool *exists)
{
    *path = arena_format(a, "%s/%s", dir, name);
    return *path ? file_exists(*path, exists) : no_memory(dir);
}

static qs_status check_is_folder(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return qs_error(QS_ERROR_MODEL, "%s: cannot open: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return QS_OK;
    const bool pickle = text_ends_with(path, ".pt") || text_ends_with(path, ".ckpt");
    return qs_error(QS_ERROR_MODEL,
                    "%s: is not a folder; a model is a folder with config.json beside its weights, "
                    "as diffusers writes it%s",
                    path,
                    pickle ? " (diffusers' scripts/convert_consistency_to_diffusers.py makes one "
                             "of OpenAI's .pt files)"
                           : "");
}

/* ---- Hugging Face's cache: refs/main has the name of a folder of snapshots ------------------- */

static bool is_snapshot(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c))
            return false;
    return name[0] != '\0';
}

static qs_status read_reference(const char *path, char name[128])
{
    uint64_t size = 0;
    int fd = -1;
    qs_status status = file_open(path, &fd, &size);
    if (status != QS_OK)
        return status;
    const size_t count = size < 127 ? (size_t)size : 127;
    status = file_read(fd, path, 0, name, count);
    close(fd);
    name[status == QS_OK ? count : 0] = '\0';
    name[strcspn(name, "\r\n")] = '\0';
    if (status == QS_OK && !is_snapshot(name))
        status = qs_error(QS_ERROR_MODEL, "%s: \"%s\" is not the name of a snapshot", path,
                          text_clean(name).text);
    return status;
}

/* The name of the only snapshot, for a cache without refs/main (of another revision). */
static qs_status find_only_snapshot(const char *snapshots, char name[128])
{
    uint32_t count = 0;
    DIR *folder = opendir(snapshots);
    if (!folder)
        return qs_error(QS_ERROR_MODEL, "%s: cannot open: %s", snapshots, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (!is_snapshot(entry->d_name) || strlen(entry->d_name) > 127)
            continue;
        memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
        count++;
    }
    closedir(folder);
    if (count == 1)
        return QS_OK;
    return qs_error(QS_ERROR_MODEL,
                    "%s: has %u snapshots and no refs/main beside it to choose one%s", snapshots,
                    count, count ? ": name the snapshot's folder" : "");
}

qs_status model_folder_enter(arena *a, const char *path, const char **root)
{
    const char *snapshots, *reference;
    bool is_cache = false, has_main = false;
    char name[128];
    qs_status status = QS_OK;
    *root = arena_strdup(a, path);
    if (!*root)
        TRY(no_memory(path));
    TRY(look(a, path, "snapshots", &snapshots, &is_cache));
    if (!is_cache)
        return QS_OK;
    TRY(look(a, path, "refs/main", &reference, &has_main));
    if (has_main)
        TRY(read_reference(reference, name));
    else
        TRY(find_only_snapshot(snapshots, name));
    bool exists = false;
    TRY(look(a, snapshots, name, root, &exists));
    if (!exists)
        TRY(qs_error(QS_ERROR_MODEL, "%s: refs/main names this snapshot, which is not there",
                     *root));
fail:
    return status;
}

/* ---- the parts ------------------------------------------------------------------------------- */

static qs_status find_unet(model_folder *f, const char *root)
{
    bool folder = false, file = false;
    const char *nested;
    qs_status status = QS_OK;
    TRY(look(&f->arena, root, "unet", &nested, &folder));
    TRY(look(&f->arena, root, "config.json", &f->unet, &file));
    f->dirs[COMPONENT_UNET] = folder ? nested : root;
    if (folder)
        TRY(look(&f->arena, nested, "config.json", &f->unet, &file));
    if (!folder && !file)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: has neither unet/config.json nor config.json: this is no model in "
                     "diffusers' layout",
                     root));
fail:
    return status;
}

/* *path: ROOT/NAME, or NULL if it is not there. */
static qs_status find_part(model_folder *f, const char *root, const char *name, const char **path)
{
    bool exists = false;
    const qs_status status = look(&f->arena, root, name, path, &exists);
    if (!exists)
        *path = NULL;
    return status;
}

/* What lies beside unet/. */
static qs_status find_others(model_folder *f, const char *root)
{
    qs_status status = QS_OK;
    if (f->dirs[COMPONENT_UNET] == root)
        return QS_OK;
    TRY(find_part(f, root, "vae", &f->dirs[COMPONENT_VAE]));
    TRY(find_part(f, root, "text_encoder", &f->dirs[COMPONENT_TEXT_ENCODER]));
    TRY(find_part(f, root, "text_encoder_2", &f->dirs[COMPONENT_TEXT_ENCODER_2]));
    TRY(find_part(f, root, "tokenizer", &f->tokenizers[0]));
    TRY(find_part(f, root, "tokenizer_2", &f->tokenizers[1]));
fail:
    return status;
}

/* *there: whether it is; *begun: or its folder. */
static qs_status look_for_scheduler(model_folder *f, const char *root, bool *begun, bool *there)
{
    const char *unused;
    qs_status status = QS_OK;
    TRY(look(&f->arena, root, "scheduler", &unused, begun));
    TRY(look(&f->arena, root, *begun ? "scheduler/scheduler_config.json" : "scheduler_config.json",
             &f->scheduler, there));
fail:
    return status;
}

/* A class is a word; anything else is a path. */
static qs_status name_scheduler(model_folder *f, const char *root, const char *scheduler)
{
    bool unused, own = false;
    struct stat info;
    const bool there = stat(scheduler, &info) == 0;
    f->scheduler_named = true;
    const char *copy = there && S_ISDIR(info.st_mode)
                           ? arena_format(&f->arena, "%s/scheduler_config.json", scheduler)
                           : arena_strdup(&f->arena, scheduler);
    if (!copy)
        return no_memory(scheduler);
    if (there || strpbrk(scheduler, "/.")) {
        f->scheduler = copy;
        return QS_OK;
    }
    f->scheduler_class = copy;
    const qs_status status = look_for_scheduler(f, root, &unused, &own);
    if (!own)
        f->scheduler = NULL;
    return status;
}

static qs_status find_scheduler(model_folder *f, const char *root)
{
    bool folder = false, file = false;
    qs_status status = QS_OK;
    TRY(look_for_scheduler(f, root, &folder, &file));
    if (!folder && !file)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: has no scheduler/scheduler_config.json, and the network does not say how "
                     "it was trained: name a scheduler_config.json, or a class for its defaults "
                     "(--scheduler CMStochasticIterativeScheduler)",
                     root));
fail:
    return status;
}

qs_status model_folder_find(const char *path, const char *scheduler, model_folder *f)
{
    bool has_index = false;
    qs_status status = QS_OK;
    *f = (model_folder){ 0 };
    TRY(check_is_folder(path));
    TRY(model_folder_enter(&f->arena, path, &f->root));
    TRY(find_unet(f, f->root));
    TRY(find_others(f, f->root));
    TRY(scheduler ? name_scheduler(f, f->root, scheduler) : find_scheduler(f, f->root));
    TRY(look(&f->arena, f->root, "model_index.json", &f->index, &has_index));
    if (!has_index)
        f->index = NULL;
    return QS_OK;
fail:
    model_folder_finish(f);
    return status;
}

void model_folder_finish(model_folder *f)
{
    arena_finish(&f->arena);
    *f = (model_folder){ 0 };
}

void model_folder_name(const char *path, char name[128])
{
    size_t end = strlen(path);
    while (end > 1 && strchr(QS_PATH_SEPARATORS, path[end - 1]))
        --end;
    size_t begin = end;
    while (begin > 0 && !strchr(QS_PATH_SEPARATORS, path[begin - 1]))
        --begin;
    snprintf(name, 128, "%.*s", (int)(end - begin), path + begin);
}
