#include "text/words.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { SPACE = ' ', CAPITAL_I_WITH_DOT = 0x130, DOT_ABOVE = 0x307 };

static bool is_space(int32_t c) /* White_Space */
{
    return (c >= 0x09 && c <= 0x0d) || c == SPACE || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static bool is_letter(int32_t c)
{
    const utf8proc_category_t category = utf8proc_category(c);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

static bool is_number(int32_t c)
{
    const utf8proc_category_t category = utf8proc_category(c);
    return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

static bool is_other(int32_t c)
{
    return !is_space(c) && !is_letter(c) && !is_number(c);
}

/* ---- normalisation --------------------------------------------------------------------------- */

static size_t lower(const int32_t *from, size_t count, int32_t *to)
{
    size_t used = 0;
    for (size_t i = 0; i < count; ++i) {
        if (is_space(from[i])) {
            if (used == 0 || to[used - 1] != SPACE)
                to[used++] = SPACE;
        } else {
            to[used++] = utf8proc_tolower(from[i]);
            if (from[i] == CAPITAL_I_WITH_DOT) /* the only character that becomes two */
                to[used++] = DOT_ABOVE;
        }
    }
    return used;
}

qs_status words_normalise(const char *text, size_t size, int32_t **characters, size_t *count)
{
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    const uint8_t *bytes = (const uint8_t *)text;
    const utf8proc_ssize_t room =
        utf8proc_decompose(bytes, (utf8proc_ssize_t)size, NULL, 0, options);
    if (room < 0)
        return qs_error(QS_ERROR_USAGE, "the prompt is not UTF-8 text");
    int32_t *composed = malloc(((size_t)room + 1) * sizeof *composed);
    *characters = malloc((2 * (size_t)room + 1) * sizeof **characters);
    if (!composed || !*characters) {
        free(composed);
        free(*characters);
        return qs_error(QS_ERROR_MEMORY, "no host memory for a prompt of %zu bytes", size);
    }
    utf8proc_decompose(bytes, (utf8proc_ssize_t)size, composed, room, options);
    const utf8proc_ssize_t length = utf8proc_normalize_utf32(composed, room, options);
    *count = lower(composed, (size_t)length, *characters);
    free(composed);
    return QS_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

static size_t starts_with(const int32_t *characters, size_t count, const char *word)
{
    const size_t length = strlen(word);
    for (size_t i = 0; i < length; ++i)
        if (i >= count || characters[i] != word[i])
            return 0;
    return length;
}

static size_t contraction(const int32_t *characters, size_t count)
{
    static const char *const endings[] = { "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" };
    size_t length = 0;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && length == 0; ++i)
        length = starts_with(characters, count, endings[i]);
    return length;
}

static size_t run(const int32_t *characters, size_t count, bool (*belongs)(int32_t))
{
    size_t length = 0;
    while (length < count && belongs(characters[length]))
        ++length;
    return length;
}

/* CLIP's pattern takes a mark as one, and the byte level splits it once more: "<|", the name, "|>",
 * and what follows begins a word. */
static size_t mark(const int32_t *characters, size_t count)
{
    const size_t start = starts_with(characters, count, "<|startoftext|>");
    return start ? start : starts_with(characters, count, "<|endoftext|>");
}

static size_t word_length(const int32_t *at, size_t left)
{
    const size_t ending = contraction(at, left);
    if (ending)
        return ending;
    if (is_number(*at))
        return 1;
    return run(at, left, is_letter(*at) ? is_letter : is_other);
}

bool words_next(words *w)
{
    w->begin = w->end;
    if (w->begin < w->mark_end) { /* the name, then the end */
        w->end = w->mark_end - w->begin > 2 ? w->mark_end - 2 : w->mark_end;
        return true;
    }
    while (w->begin < w->count && is_space(w->characters[w->begin]))
        ++w->begin;
    if (w->begin == w->count)
        return false;
    const int32_t *at = w->characters + w->begin;
    const size_t left = w->count - w->begin, length = mark(at, left);
    w->mark_end = w->begin + length;
    w->end = w->begin + (length ? 2 : word_length(at, left));
    return true;
}
