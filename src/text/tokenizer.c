#include "text/tokenizer.h"

#include "text/vocabulary.h"
#include "text/words.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct tokenizer {
    vocabulary vocabulary;
};

/* The ids of a prompt as they come; those that there is no room for are counted only. */
typedef struct ids {
    uint32_t *ids;
    uint32_t count, room, dropped;
} ids;

static void add_id(ids *out, uint32_t id)
{
    if (out->count < out->room)
        out->ids[out->count++] = id;
    else
        ++out->dropped;
}

/* ---- byte pairs ------------------------------------------------------------------------------ */

/* A word while its pairs are merged: symbols are neighbouring pieces of `text`. */
typedef struct pairs {
    const vocabulary *vocabulary;
    char *text;     /* its bytes as characters, and the mark of the end of a word */
    char *key;      /* room for two symbols and a space */
    size_t *starts; /* [count + 1]: of the symbols; the last one is where the text ends */
    size_t count;
    json_int_t *ranks; /* [count]: of symbol i with the next one, or UNMERGED */
} pairs;

static const json_int_t UNMERGED = INT64_MAX;
static const char END_OF_WORD[] = "</w>";

/* GPT-2's characters for bytes: those that print are themselves, the others follow from 256 on. */
static int32_t byte_character(uint8_t byte)
{
    const bool prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
    if (prints)
        return byte;
    return 256 + (byte <= 0x20 ? byte : byte <= 0xa0 ? byte - 0x7f + 33 : 67);
}

static json_int_t rank_of(const pairs *p, size_t i)
{
    if (i + 1 >= p->count)
        return UNMERGED;
    const size_t begin = p->starts[i], middle = p->starts[i + 1], end = p->starts[i + 2];
    memcpy(p->key, p->text + begin, middle - begin);
    p->key[middle - begin] = ' ';
    memcpy(p->key + (middle - begin) + 1, p->text + middle, end - middle);
    p->key[end - begin + 1] = '\0';
    const json_t *rank = json_object_get(p->vocabulary->ranks, p->key);
    return rank ? json_integer_value(rank) : UNMERGED;
}

static void merge(pairs *p, size_t i)
{
    memmove(p->starts + i + 1, p->starts + i + 2, (p->count - i - 1) * sizeof *p->starts);
    memmove(p->ranks + i + 1, p->ranks + i + 2, (p->count - i - 2) * sizeof *p->ranks);
    --p->count;
    p->ranks[i] = rank_of(p, i);
    if (i > 0)
        p->ranks[i - 1] = rank_of(p, i - 1);
}

static void merge_all(pairs *p)
{
    for (size_t i = 0; i < p->count; ++i)
        p->ranks[i] = rank_of(p, i);
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i < p->count; ++i)
            if (p->ranks[i] < p->ranks[best])
                best = i;
        if (p->ranks[best] == UNMERGED)
            return;
        merge(p, best);
    }
}

static void add_symbols(const pairs *p, ids *out)
{
    for (size_t i = 0; i < p->count; ++i) {
        const size_t size = p->starts[i + 1] - p->starts[i];
        memcpy(p->key, p->text + p->starts[i], size);
        p->key[size] = '\0';
        const json_t *id = json_object_get(p->vocabulary->ids, p->key);
        add_id(out,
               id ? (uint32_t)json_integer_value(id) : p->vocabulary->special[SPECIAL_UNKNOWN].id);
    }
}

static void encode_word(pairs *p, const words *w, ids *out)
{
    size_t used = 0;
    p->count = 0;
    for (size_t i = w->begin; i < w->end; ++i) {
        uint8_t bytes[4];
        const utf8proc_ssize_t size = utf8proc_encode_char(w->characters[i], bytes);
        for (utf8proc_ssize_t b = 0; b < size; ++b) {
            p->starts[p->count++] = used;
            used +=
                (size_t)utf8proc_encode_char(byte_character(bytes[b]), (uint8_t *)p->text + used);
        }
    }
    memcpy(p->text + used, END_OF_WORD, sizeof END_OF_WORD);
    p->starts[p->count] = used + strlen(END_OF_WORD);
    merge_all(p);
    add_symbols(p, out);
}

/* Room for a word of `count` characters. */
static qs_status pairs_init(pairs *p, const vocabulary *v, size_t count)
{
    const size_t bytes = 4 * count + 1;
    *p = (pairs){ .vocabulary = v,
                  .text = malloc(2 * bytes + sizeof END_OF_WORD),
                  .key = malloc(2 * bytes + sizeof END_OF_WORD + 2),
                  .starts = malloc((bytes + 2) * sizeof *p->starts),
                  .ranks = malloc((bytes + 2) * sizeof *p->ranks) };
    return p->text && p->key && p->starts && p->ranks
               ? QS_OK
               : qs_error(QS_ERROR_MEMORY, "no host memory for a prompt");
}

static void pairs_finish(pairs *p)
{
    free(p->text);
    free(p->key);
    free(p->starts);
    free(p->ranks);
}

/* ---- special tokens in the text -------------------------------------------------------------- */

/* Where the first special token of the kind is, the longest at that place; NULL: there is none. */
static const char *find_special(const vocabulary *v, bool normalized, const char *text, size_t size,
                                special_token *which)
{
    const char *first = NULL;
    for (special_token i = 0; i < SPECIAL_COUNT; ++i) {
        if (v->special[i].normalized != normalized)
            continue;
        const char *at = memmem(text, size, v->special[i].text, strlen(v->special[i].text));
        const bool longer =
            first && at == first && strlen(v->special[i].text) > strlen(v->special[*which].text);
        if (at && (!first || at < first || longer)) {
            first = at;
            *which = i;
        }
    }
    return first;
}

/* text: normalised. Once is enough: a second time J with a caron, lower case now, would become one
 * character. */
static qs_status encode_text(const vocabulary *v, const char *text, size_t size, ids *out)
{
    qs_status status = QS_OK;
    pairs p = { 0 };
    int32_t *characters = malloc((size + 1) * sizeof *characters);
    words w = { .characters = characters };
    if (!characters)
        TRY(qs_error(QS_ERROR_MEMORY, "no host memory for a prompt"));
    for (size_t at = 0; at < size; ++w.count)
        at += (size_t)utf8proc_iterate((const uint8_t *)text + at, (utf8proc_ssize_t)(size - at),
                                       &characters[w.count]);
    TRY(pairs_init(&p, v, w.count));
    while (words_next(&w))
        encode_word(&p, &w, out);
fail:
    pairs_finish(&p);
    free(characters);
    return status;
}

/* normalized: whether the text is, and the special tokens to look for. */
static qs_status encode_around(const vocabulary *v, bool normalized, const char *text, size_t size,
                               ids *out);

/* The tokens that stand in normalised text come after the normalisation of what is between the
 * others. */
static qs_status encode_between(const vocabulary *v, const char *text, size_t size, ids *out)
{
    qs_status status = QS_OK;
    int32_t *characters = NULL;
    size_t count = 0, used = 0;
    char *normal = NULL;
    TRY(words_normalise(text, size, &characters, &count));
    normal = malloc(4 * count + 1);
    if (!normal)
        TRY(qs_error(QS_ERROR_MEMORY, "no host memory for a prompt"));
    for (size_t i = 0; i < count; ++i)
        used += (size_t)utf8proc_encode_char(characters[i], (uint8_t *)normal + used);
    TRY(encode_around(v, true, normal, used, out));
fail:
    free(characters);
    free(normal);
    return status;
}

static qs_status encode_around(const vocabulary *v, bool normalized, const char *text, size_t size,
                               ids *out)
{
    qs_status status = QS_OK;
    const char *end = text + size;
    while (status == QS_OK && text < end) {
        special_token which = 0;
        const char *found = find_special(v, normalized, text, (size_t)(end - text), &which);
        const size_t before = (size_t)((found ? found : end) - text);
        if (before > 0)
            status = normalized ? encode_text(v, text, before, out)
                                : encode_between(v, text, before, out);
        text += before;
        if (found) {
            add_id(out, v->special[which].id);
            text += strlen(v->special[which].text);
        }
    }
    return status;
}

/* ---- prompts --------------------------------------------------------------------------------- */

qs_status tokenizer_encode(const tokenizer *t, const char *text, uint32_t *result,
                           uint32_t *dropped)
{
    const vocabulary *v = &t->vocabulary;
    const size_t size = strlen(text);
    qs_status status = QS_OK;
    if (size > PROMPT_BYTES_MAX)
        return qs_error(QS_ERROR_USAGE, "the prompt has %zu bytes, at most %d are read", size,
                        PROMPT_BYTES_MAX);
    ids out = { .ids = result, .count = 1, .room = v->length - 1 };
    result[0] = v->special[SPECIAL_START].id;
    TRY(encode_around(v, false, text, size, &out));
    result[out.count++] = v->special[SPECIAL_END].id;
    while (out.count < v->length)
        result[out.count++] = v->special[SPECIAL_PADDING].id;
    *dropped = out.dropped;
fail:
    return status;
}

qs_status tokenizer_open(const char *dir, tokenizer **out)
{
    tokenizer *t = calloc(1, sizeof *t);
    if (!t)
        return qs_error(QS_ERROR_MEMORY, "%s: no host memory for a tokenizer", dir);
    const qs_status status = vocabulary_read(dir, &t->vocabulary);
    if (status == QS_OK)
        *out = t;
    else
        tokenizer_close(t);
    return status;
}

void tokenizer_close(tokenizer *t)
{
    if (!t)
        return;
    vocabulary_finish(&t->vocabulary);
    free(t);
}

uint32_t tokenizer_length(const tokenizer *t)
{
    return t->vocabulary.length;
}

uint32_t tokenizer_id_count(const tokenizer *t)
{
    return t->vocabulary.id_count;
}
