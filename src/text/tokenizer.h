/*
 * Words -> token ids: CLIP's byte-pair encoding, as transformers 5's CLIPTokenizer does it (the one
 * backed by `tokenizers`; the older slow one, with ftfy or BasicTokenizer, cleans text otherwise).
 */
#ifndef QS_TEXT_TOKENIZER_H
#define QS_TEXT_TOKENIZER_H

#include "core/status.h"

enum {
    PROMPT_BYTES_MAX = 16384,  /* far more than any text encoder reads */
    TOKENIZER_LENGTH_MAX = 512 /* of model_max_length */
};

typedef struct tokenizer tokenizer;

/* dir: a tokenizer/ folder with tokenizer_config.json and tokenizer.json, or without the latter
 * vocab.json and merges.txt. QS_ERROR_MODEL. */
qs_status tokenizer_open(const char *dir, tokenizer **out);
void tokenizer_close(tokenizer *t);

uint32_t tokenizer_length(const tokenizer *t);   /* model_max_length: ids of every prompt */
uint32_t tokenizer_id_count(const tokenizer *t); /* ids are below */

/* ids: [tokenizer_length]: start, the words' tokens as far as there is room, end, padding.
 * *dropped: how many tokens there was no room for. text: UTF-8 (QS_ERROR_USAGE: it is not, or it
 * has more than PROMPT_BYTES_MAX bytes). */
qs_status tokenizer_encode(const tokenizer *t, const char *text, uint32_t *ids, uint32_t *dropped);

#endif
