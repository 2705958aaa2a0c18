/* Prompts -> what the device makes their condition of. */
#include "core/log.h"
#include "session/session.h"

#include <stdlib.h>
#include <string.h>

static size_t ids_bytes(const qs_session *s)
{
    return (size_t)session_images(s) * tokenizer_length(s->model->tokenizer) * sizeof(uint32_t);
}

qs_status words_create(qs_session *s)
{
    session_words *w = &s->words;
    if (!s->model->tokenizer)
        return QS_OK;
    w->ids = malloc(ids_bytes(s));
    w->next = malloc(ids_bytes(s));
    return w->ids && w->next ? QS_OK : qs_error(QS_ERROR_MEMORY, "no host memory for token ids");
}

void words_destroy(qs_session *s)
{
    free(s->words.ids);
    free(s->words.next);
}

/* ---- recipe -> ids --------------------------------------------------------------------------- */

static qs_status refuse_words(const qs_recipe *r)
{
    if (r->prompt || r->prompts || r->negative || r->guidance > 0)
        return qs_error(QS_ERROR_USAGE, "this model reads no prompts: it has no text encoder");
    return QS_OK;
}

static qs_status read_guidance(qs_session *s, const qs_recipe *r)
{
    const model_config *c = &s->model->config;
    const bool guides = s->options.guided || c->unet.time_cond_proj_dim != 0;
    const float scale = r->guidance > 0 ? r->guidance : guides ? (float)c->default_guidance : 1;
    if (!(r->guidance >= 0 && r->guidance <= QS_GUIDANCE_MAX))
        return qs_error(QS_ERROR_USAGE, "a guidance scale of %g: 1 (none) to %d",
                        (double)r->guidance, QS_GUIDANCE_MAX);
    if (scale != 1 && !guides)
        return qs_error(
            QS_ERROR_USAGE,
            "a guidance scale of %g: this session evaluates the network once a step, and the "
            "network takes no scale (qs_session_options.guided evaluates it twice)",
            (double)scale);
    if (r->negative && !s->options.guided)
        return qs_error(QS_ERROR_USAGE, "a negative prompt needs qs_session_options.guided");
    s->words.next_guidance = scale;
    return QS_OK;
}

static qs_status read_prompt(const qs_session *s, const char *prompt, uint32_t *ids)
{
    uint32_t dropped = 0;
    const qs_status status =
        tokenizer_encode(s->model->tokenizer, prompt ? prompt : "", ids, &dropped);
    if (status == QS_OK && dropped > 0)
        log_line(QS_LOG_WARNING,
                 "the prompt has %u tokens more than the text encoder's %u: they are left "
                 "out",
                 dropped, tokenizer_length(s->model->tokenizer) - 2);
    return status;
}

qs_status words_read(qs_session *s, const qs_recipe *r)
{
    const tokenizer *t = s->model->tokenizer;
    const uint32_t batch = s->options.batch, conditioned = session_images(s) - batch;
    qs_status status = QS_OK;
    if (!t)
        return refuse_words(r);
    TRY(read_guidance(s, r));
    for (uint32_t i = 0; i < batch; ++i) {
        uint32_t *ids = s->words.next + (size_t)(conditioned + i) * tokenizer_length(t);
        TRY(read_prompt(s, r->prompts ? r->prompts[i] : r->prompt, ids));
        if (s->options.guided)
            TRY(read_prompt(s, r->negative, s->words.next + (size_t)i * tokenizer_length(t)));
    }
fail:
    return status;
}

/* ---- ids -> device --------------------------------------------------------------------------- */

void words_write(const qs_session *s, const state_set *states, uint32_t slot)
{
    const session_words *w = &s->words;
    const state *ids = states_find(states, "ids");
    uint32_t *ends = states_upload(states, "ends", slot);
    float *guidance = states_upload(states, "guidance", slot);
    if (!ids)
        return;
    const uint32_t tokens = ids->tensor.c;
    memcpy(states_upload(states, "ids", slot), w->next,
           (size_t)ids->tensor.n * tokens * sizeof *w->next);
    for (uint32_t i = 0; i < states_find(states, "ends")->tensor.n; ++i) {
        const uint32_t *text = w->next + (size_t)(i % ids->tensor.n) * tokens;
        ends[i] = text_encoder_end(&s->model->config.text_encoder, text, tokens);
        if (guidance)
            guidance[i] = 1000 * (w->next_guidance - 1);
    }
}

qs_status words_submit(qs_session *s, uint32_t slot)
{
    session_words *w = &s->words;
    qs_status status = QS_OK;
    uint64_t ticket = 0;
    if (!s->model->tokenizer)
        return QS_OK;
    const bool scale_matters = s->model->config.unet.time_cond_proj_dim != 0;
    const bool other_words = !w->valid || memcmp(w->ids, w->next, ids_bytes(s)) != 0;
    if (!other_words && !(scale_matters && w->guidance != w->next_guidance))
        return QS_OK;
    words_write(s, &s->programs.states, slot);
    w->valid = false; /* should the submissions fail */
    s->embedded.count = 0;
    if (other_words)
        TRY(flights_submit(s, PROGRAM_WORDS, slot, 0, &ticket));
    TRY(flights_submit(s, PROGRAM_CONDITION, slot, 0, &ticket));
    memcpy(w->ids, w->next, ids_bytes(s));
    w->guidance = w->next_guidance;
    w->valid = true;
fail:
    return status;
}
