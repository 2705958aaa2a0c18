/* A tokenizer/ folder: which tokens there are and in which order byte pairs are merged. */
#ifndef QS_TEXT_VOCABULARY_H
#define QS_TEXT_VOCABULARY_H

#include "core/status.h"

#include <jansson.h>

typedef enum special_token {
    SPECIAL_START, /* bos_token */
    SPECIAL_END,   /* eos_token */
    SPECIAL_UNKNOWN,
    SPECIAL_PADDING,
    SPECIAL_COUNT,
} special_token;

typedef struct vocabulary {
    json_t *ids;   /* token -> id */
    json_t *ranks; /* "LEFT RIGHT" -> rank; the lowest is merged first */
    struct {
        const char *text;
        uint32_t id;
        bool normalized; /* looked for in the normalised text, not in the given one */
    } special[SPECIAL_COUNT];
    json_t *config; /* has the texts */
    json_t *added;  /* tokenizer.json's added_tokens; NULL: there is no such list */
    uint32_t length, id_count;
} vocabulary;

qs_status vocabulary_read(const char *dir, vocabulary *v); /* after an error, too, finish is due */
void vocabulary_finish(vocabulary *v);

#endif
