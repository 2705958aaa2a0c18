/* What a client of `quickstep serve` asks for: one picture. */
#ifndef SERVE_REQUEST_H
#define SERVE_REQUEST_H

#include "../engine.h"

#include <jansson.h>

enum { SERVE_SCALE_MAX = 16, SERVE_WORDS_SIZE = 2048 };

typedef struct serve_request {
    uint32_t steps, scale;
    uint64_t seed;
    int32_t label;      /* -1: the model's default */
    int32_t label_to;   /* -1: none */
    qs_sampler sampler; /* QS_SAMPLER_DEFAULT: the model's */
    float guidance;     /* scale; 0: the model's own */
    float mix;          /* 0, label and prompt, .. 1, label_to and prompt_to */
    char prompt[SERVE_WORDS_SIZE], prompt_to[SERVE_WORDS_SIZE], negative[SERVE_WORDS_SIZE];
} serve_request;

/* The model's own steps, seed 0, its first example. */
serve_request serve_request_default(const cli_engine *engine);

/* Changes what the object's keys name: steps, seed, label, label_to, prompt, prompt_to, mix,
 * negative, guidance, sampler, scale; label_to and prompt_to "": none. A value may be a string of
 * digits where a number is meant, as in a query. The object is not trusted. QS_ERROR_USAGE: an
 * unknown key, a value out of range or of another kind, words for a model that reads none; the
 * request is as it was then. */
qs_status serve_request_read(const cli_engine *engine, const json_t *object,
                             serve_request *request);

/* The same keys, those that the model has; NULL without memory. */
json_t *serve_request_json(const cli_engine *engine, const serve_request *request);

/* What the library draws it from; valid while the request is. */
qs_recipe serve_request_recipe(const cli_engine *engine, const serve_request *request);

#endif
