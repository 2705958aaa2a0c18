/* Text -> words: what happens in CLIPTokenizer before byte pairs are merged. */
#ifndef QS_TEXT_WORDS_H
#define QS_TEXT_WORDS_H

#include "core/status.h"

/* Characters of UTF-8 text, normalised: NFC, every white space one space, lower case. Freed by the
 * caller. QS_ERROR_USAGE: not UTF-8. */
qs_status words_normalise(const char *text, size_t size, int32_t **characters, size_t *count);

typedef struct words {
    const int32_t *characters; /* as words_normalise gives them */
    size_t count;
    size_t begin, end; /* of the word */
    size_t mark_end;   /* of the mark that the word is in */
} words;

/* The next word, at first of {characters, count}. false: there is none. A word is a run of letters,
 * one number, a run of anything else that is no space, or one of 's 't 're 've 'm 'll 'd. */
bool words_next(words *w);

#endif
