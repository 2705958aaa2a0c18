#include "weights/weight_folder.h"
#include "core/log.h"
#include "core/text.h"
#include "weights/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VARIANTS_MAX = 8, VARIANT_LENGTH_MAX = 64 };

/* What a folder has, by its names. */
typedef struct listing {
    char variants[VARIANTS_MAX][VARIANT_LENGTH_MAX]; /* sorted */
    size_t variant_count;
    char pickle[256]; /* the first by name, "" if there is none */
    char other[256];  /* the same of .safetensors under a name that is not looked for */
} listing;

/* ---- names --------------------------------------------------------------------------------- */

/* "-00001-of-00003" at the end: the shard of an index. */
static bool is_shard_number(const char *text, size_t length)
{
    if (length < 15)
        return false;
    const char *at = text + length - 15;
    for (int i = 1; i < 6; i++)
        if (!isdigit((unsigned char)at[i]) || !isdigit((unsigned char)at[i + 9]))
            return false;
    return at[0] == '-' && strncmp(at + 6, "-of-", 4) == 0;
}

/* STEM, MIDDLE, VARIANT, SUFFIX -> variant; false for another name. */
static bool parse_variant(const char *name, const char *stem, const char *middle_text,
                          const char *suffix, char *variant)
{
    char prefix[VARIANT_LENGTH_MAX * 2];
    snprintf(prefix, sizeof prefix, "%s%s", stem, middle_text);
    const size_t before = strlen(prefix), after = strlen(suffix), length = strlen(name);
    if (length <= before + after || strncmp(name, prefix, before) != 0 ||
        !text_ends_with(name, suffix))
        return false;
    const size_t middle = length - before - after;
    if (middle >= VARIANT_LENGTH_MAX || is_shard_number(name + before, middle))
        return false;
    memcpy(variant, name + before, middle);
    variant[middle] = '\0';
    return !strchr(variant, '.') && !text_has_control(variant);
}

static bool is_pickle(const char *name)
{
    return text_ends_with(name, ".bin") || text_ends_with(name, ".pt") ||
           text_ends_with(name, ".pth") || text_ends_with(name, ".ckpt") ||
           text_ends_with(name, ".pkl");
}

/* ---- the folder ------------------------------------------------------------------------------ */

static int compare_variants(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void add_variant(listing *l, const char *variant)
{
    for (size_t i = 0; i < l->variant_count; i++)
        if (strcmp(l->variants[i], variant) == 0)
            return;
    if (l->variant_count == VARIANTS_MAX)
        return;
    memcpy(l->variants[l->variant_count++], variant, strlen(variant) + 1);
    qsort(l->variants, l->variant_count, sizeof l->variants[0], compare_variants);
}

static void keep_first(char first[256], const char *name)
{
    if (!first[0] || strcmp(name, first) < 0)
        snprintf(first, 256, "%s", name);
}

static void add_name(listing *l, const char *stem, const char *name)
{
    char variant[VARIANT_LENGTH_MAX];
    if (parse_variant(name, stem, ".", ".safetensors", variant) ||
        parse_variant(name, stem, ".safetensors.index.", ".json", variant))
        add_variant(l, variant);
    else if (is_pickle(name))
        keep_first(l->pickle, name);
    else if (text_ends_with(name, ".safetensors"))
        keep_first(l->other, name);
}

static qs_status list_folder(const char *dir, const char *stem, listing *l)
{
    *l = (listing){ 0 };
    DIR *folder = opendir(dir);
    if (!folder)
        return qs_error(QS_ERROR_MODEL, "%s: cannot open: %s", dir, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        add_name(l, stem, entry->d_name);
    closedir(folder);
    return QS_OK;
}

/* ---- what is said ---------------------------------------------------------------------------- */

static void list_variants(const listing *l, char *text, size_t room)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < l->variant_count && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%s", i ? ", " : "", l->variants[i]);
}

/* The command works on any state dictionary, also one inside a training checkpoint. */
static qs_status refuse_pickle(const char *dir, const char *stem, const char *name)
{
    return qs_error(
        QS_ERROR_MODEL,
        "%s/%s: is a Python pickle, which can run code and is not read; convert it once: python3 "
        "-c \"import sys,torch,safetensors.torch as s;d=torch.load(sys.argv[1],'cpu',"
        "weights_only=True);d=d.get('state_dict',d);s.save_file({k:v.clone().contiguous() for k,v "
        "in d.items()},sys.argv[2])\" '%s/%s' '%s/%s.safetensors'",
        dir, text_clean(name).text, dir, text_clean(name).text, dir, stem);
}

static qs_status refuse_folder(const char *dir, const char *stem, const listing *l)
{
    char variants[VARIANTS_MAX * (VARIANT_LENGTH_MAX + 2)];
    list_variants(l, variants, sizeof variants);
    if (l->variant_count > 1)
        return qs_error(QS_ERROR_MODEL,
                        "%s: has no %s.safetensors but the variants %s: choose one "
                        "(--variant)",
                        dir, stem, variants);
    if (l->pickle[0])
        return refuse_pickle(dir, stem, l->pickle);
    if (l->other[0])
        return qs_error(QS_ERROR_MODEL,
                        "%s: has no %s.safetensors; %s is not a name that diffusers gives", dir,
                        stem, text_clean(l->other).text);
    return qs_error(QS_ERROR_MODEL, "%s: has no %s.safetensors", dir, stem);
}

static qs_status refuse_variant(const char *dir, const char *stem, const char *variant)
{
    listing l;
    char variants[VARIANTS_MAX * (VARIANT_LENGTH_MAX + 2)];
    const qs_status status = list_folder(dir, stem, &l);
    if (status != QS_OK)
        return status;
    list_variants(&l, variants, sizeof variants);
    return qs_error(QS_ERROR_MODEL, "%s: has no variant \"%s\" (%s.%s.safetensors)%s%s", dir,
                    variant, stem, variant, variants[0] ? ", only " : "", variants);
}

/* ---- the choice ------------------------------------------------------------------------------ */

/* *found: whether the folder has the file or the index of this variant (NULL: none). */
static qs_status try_variant(const char *dir, const char *stem, const char *variant,
                             weight_choice *choice, bool *found)
{
    const char *dot = variant ? "." : "", *word = variant ? variant : "";
    for (int is_index = 0; is_index < 2; is_index++) {
        char path[4096];
        const int length = snprintf(
            choice->name, sizeof choice->name,
            is_index ? "%s.safetensors.index%s%s.json" : "%s%s%s.safetensors", stem, dot, word);
        if (length >= (int)sizeof choice->name ||
            snprintf(path, sizeof path, "%s/%s", dir, choice->name) >= (int)sizeof path)
            return qs_error(QS_ERROR_MODEL, "%s: the path is too long", dir);
        choice->is_index = is_index;
        const qs_status status = file_exists(path, found);
        if (status != QS_OK || *found)
            return status;
    }
    return QS_OK;
}

qs_status weight_folder_has(const char *dir, const char *stem, const char *variant, bool *has)
{
    weight_choice choice;
    return try_variant(dir, stem, variant, &choice, has);
}

qs_status weight_folder_choose(const char *dir, const char *stem, const char *variant,
                               weight_choice *choice)
{
    qs_status status = QS_OK;
    bool found = false;
    listing l;
    if (variant && (!variant[0] || strpbrk(variant, "./") || text_has_control(variant)))
        TRY(qs_error(QS_ERROR_USAGE, "\"%s\" cannot be a variant: a word like fp16 is wanted",
                     text_clean(variant).text));
    TRY(try_variant(dir, stem, variant, choice, &found));
    if (found)
        return QS_OK;
    if (variant)
        TRY(refuse_variant(dir, stem, variant));
    TRY(list_folder(dir, stem, &l));
    if (l.variant_count != 1)
        TRY(refuse_folder(dir, stem, &l));
    log_line(QS_LOG_DEBUG, "%s: the variant %s is the only one", dir, l.variants[0]);
    TRY(try_variant(dir, stem, l.variants[0], choice, &found));
fail:
    return status;
}
