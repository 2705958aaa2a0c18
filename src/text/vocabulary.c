#include "text/vocabulary.h"

#include "core/arena.h"
#include "text/tokenizer.h"
#include "weights/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MERGES_BYTES_MAX = 16 * 1024 * 1024 };

/* ---- merges ---------------------------------------------------------------------------------- */

/* pair: "LEFT RIGHT"; what they make must be a token. */
static qs_status add_merge(vocabulary *v, const char *path, const char *pair)
{
    const char *space = strchr(pair, ' ');
    if (!space || space == pair || !space[1] || strchr(space + 1, ' '))
        return qs_error(QS_ERROR_MODEL, "%s: \"%s\" is not a pair of tokens", path,
                        text_clean(pair).text);
    char *merged = strdup(pair);
    if (!merged)
        return qs_error(QS_ERROR_MEMORY, "%s: no memory for merges", path);
    memmove(merged + (space - pair), space + 1, strlen(space + 1) + 1);
    const bool known = json_object_get(v->ids, merged) != NULL;
    free(merged);
    if (!known)
        return qs_error(QS_ERROR_MODEL, "%s: \"%s\" makes no token of the vocabulary", path,
                        text_clean(pair).text);
    const json_int_t rank = (json_int_t)json_object_size(v->ranks);
    return json_object_get(v->ranks, pair) ||
                   json_object_set_new_nocheck(v->ranks, pair, json_integer(rank)) == 0
               ? QS_OK
               : qs_error(QS_ERROR_MEMORY, "%s: no memory for merges", path);
}

static qs_status add_merge_lines(vocabulary *v, const char *path, char *text)
{
    qs_status status = QS_OK;
    char *rest = text;
    for (char *line; status == QS_OK && (line = strsep(&rest, "\n")) != NULL;) {
        line[strcspn(line, "\r")] = '\0';
        if (*line && strncmp(line, "#version", strlen("#version")) != 0)
            status = add_merge(v, path, line);
    }
    return status;
}

static qs_status read_merges(vocabulary *v, const char *path)
{
    qs_status status = QS_OK;
    uint64_t size = 0;
    char *text = NULL;
    int fd = -1;
    TRY(file_open(path, &fd, &size));
    if (size > MERGES_BYTES_MAX)
        TRY(qs_error(QS_ERROR_MODEL, "%s: has %llu bytes, at most %d are read", path,
                     (unsigned long long)size, MERGES_BYTES_MAX));
    text = calloc((size_t)size + 1, 1);
    if (!text)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for merges", path));
    TRY(file_read(fd, path, 0, text, (size_t)size));
    TRY(add_merge_lines(v, path, text));
fail:
    if (fd >= 0)
        close(fd);
    free(text);
    return status;
}

/* ["LEFT RIGHT", ...] or, since tokenizers 0.20, [["LEFT", "RIGHT"], ...] */
static qs_status take_merges(vocabulary *v, const char *path, const json_t *list)
{
    qs_status status = QS_OK;
    arena a = { 0 };
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *left = json_string_value(json_array_get(entry, 0));
        const char *right = json_string_value(json_array_get(entry, 1));
        const char *pair = json_is_string(entry) ? json_string_value(entry)
                           : left && right       ? arena_format(&a, "%s %s", left, right)
                                                 : "";
        TRY(pair ? add_merge(v, path, pair)
                 : qs_error(QS_ERROR_MEMORY, "%s: no memory for merges", path));
    }
fail:
    arena_finish(&a);
    return status;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static qs_status check_ids(vocabulary *v, const char *path)
{
    const char *token;
    json_t *id;
    json_object_foreach(v->ids, token, id)
    {
        const json_int_t value = json_integer_value(id);
        if (!json_is_integer(id) || value < 0 || value > INT32_MAX - 1)
            return qs_error(QS_ERROR_MODEL, "%s: token \"%s\" has no id", path,
                            text_clean(token).text);
        if (value >= (json_int_t)v->id_count)
            v->id_count = (uint32_t)value + 1;
    }
    return QS_OK;
}

/* tokenizer.json: its vocabulary and merges; how text is cut is CLIPTokenizer's own, as there. */
static qs_status take_file(vocabulary *v, const char *path)
{
    qs_status status = QS_OK;
    json_t *root = NULL, *ids, *added, *token;
    size_t i;
    TRY(file_read_json(path, &root));
    const json_t *model = json_object_get(root, "model");
    ids = json_object_get(model, "vocab");
    if (!json_is_object(ids) || !json_is_array(json_object_get(model, "merges")))
        TRY(qs_error(QS_ERROR_MODEL, "%s: has no byte pairs: this is no CLIP tokenizer", path));
    v->ids = json_incref(ids);
    v->added = added = json_incref(json_object_get(root, "added_tokens"));
    json_array_foreach(added, i, token)
    {
        const char *text = json_string_value(json_object_get(token, "content"));
        json_t *id = json_object_get(token, "id");
        if (text && id && json_object_set(v->ids, text, id) != 0)
            TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory for tokens", path));
    }
    TRY(check_ids(v, path));
    TRY(take_merges(v, path, json_object_get(model, "merges")));
fail:
    json_decref(root);
    return status;
}

static qs_status take_pair_of_files(vocabulary *v, const char *vocab, const char *merges)
{
    qs_status status = QS_OK;
    TRY(file_read_json(vocab, &v->ids));
    TRY(check_ids(v, vocab));
    TRY(read_merges(v, merges));
fail:
    return status;
}

/* ---- tokenizer_config.json ------------------------------------------------------------------- */

/* What a list of added tokens says of the text: an object with "normalized", or NULL. */
static const json_t *find_added(const vocabulary *v, const char *text)
{
    const json_t *decoder = json_object_get(v->config, "added_tokens_decoder"), *found = NULL;
    const char *unused;
    json_t *token;
    size_t i;
    json_object_foreach((json_t *)decoder, unused, token)
    {
        const char *content = json_string_value(json_object_get(token, "content"));
        found = content && strcmp(content, text) == 0 ? token : found;
    }
    json_array_foreach(decoder ? NULL : v->added, i, token)
    {
        const char *content = json_string_value(json_object_get(token, "content"));
        found = content && strcmp(content, text) == 0 ? token : found;
    }
    return found;
}

/* A special token is a text, or an object with one. Whether it is looked for in the normalised text
 * a list of added tokens says, or of several of the same text the last one. */
static qs_status take_special(vocabulary *v, const char *path, special_token which, const char *key)
{
    const json_t *value = json_object_get(v->config, key);
    const char *text = json_is_object(value) ? json_string_value(json_object_get(value, "content"))
                       : value               ? json_string_value(value)
                       : which == SPECIAL_START ? "<|startoftext|>"
                                                : "<|endoftext|>";
    const json_t *id = text ? json_object_get(v->ids, text) : NULL;
    if (!id || !*text)
        return qs_error(QS_ERROR_MODEL, "%s: key \"%s\": \"%s\" is no token of the vocabulary",
                        path, key, text ? text_clean(text).text : "(not a text)");
    v->special[which].text = text;
    v->special[which].id = (uint32_t)json_integer_value(id);
    const json_t *added = find_added(v, text);
    v->special[which].normalized =
        json_is_true(json_object_get(added ? added : value, "normalized"));
    for (uint32_t i = 0; i < (uint32_t)which; ++i)
        if (strcmp(v->special[i].text, text) == 0)
            v->special[i].normalized = v->special[which].normalized;
    return QS_OK;
}

static qs_status read_config(vocabulary *v, const char *path)
{
    static const char *const keys[SPECIAL_COUNT] = { "bos_token", "eos_token", "unk_token",
                                                     "pad_token" };
    qs_status status = QS_OK;
    TRY(file_read_json(path, &v->config));
    const char *class = json_string_value(json_object_get(v->config, "tokenizer_class"));
    if (class && strcmp(class, "CLIPTokenizer") != 0 && strcmp(class, "CLIPTokenizerFast") != 0)
        TRY(qs_error(QS_ERROR_MODEL,
                     "%s: key \"tokenizer_class\" is \"%s\", supported: \"CLIPTokenizer\"", path,
                     text_clean(class).text));
    for (special_token i = 0; i < SPECIAL_COUNT; ++i)
        TRY(take_special(v, path, i, keys[i]));
    const json_int_t length = json_integer_value(json_object_get(v->config, "model_max_length"));
    if (length < 2 || length > TOKENIZER_LENGTH_MAX)
        TRY(qs_error(QS_ERROR_MODEL, "%s: key \"model_max_length\" is %lld, supported: 2 to %d",
                     path, (long long)length, TOKENIZER_LENGTH_MAX));
    v->length = (uint32_t)length;
fail:
    return status;
}

qs_status vocabulary_read(const char *dir, vocabulary *v)
{
    qs_status status = QS_OK;
    arena a = { 0 };
    bool whole = false;
    *v = (vocabulary){ .ranks = json_object() };
    const char *file = arena_format(&a, "%s/tokenizer.json", dir);
    const char *vocab = arena_format(&a, "%s/vocab.json", dir);
    const char *merges = arena_format(&a, "%s/merges.txt", dir);
    const char *config = arena_format(&a, "%s/tokenizer_config.json", dir);
    if (!v->ranks || !file || !vocab || !merges || !config)
        TRY(qs_error(QS_ERROR_MEMORY, "%s: no memory", dir));
    TRY(file_exists(file, &whole));
    TRY(whole ? take_file(v, file) : take_pair_of_files(v, vocab, merges));
    TRY(read_config(v, config));
fail:
    arena_finish(&a);
    return status;
}

void vocabulary_finish(vocabulary *v)
{
    json_decref(v->ids);
    json_decref(v->ranks);
    json_decref(v->config);
    json_decref(v->added);
    *v = (vocabulary){ 0 };
}
