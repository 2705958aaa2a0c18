#include "session/embed.h"

#include "core/log.h"
#include "program/program.h"

#include <stdlib.h>
#include <string.h>

typedef struct texts {
    const qs_model *model;
    model_texts texts;
} texts;

static void build_words(graph *g, const void *context)
{
    const texts *t = context;
    model_build_words(g, t->model, 0, &t->texts);
}

static void build_words_2(graph *g, const void *context)
{
    const texts *t = context;
    model_build_words(g, t->model, 1, &t->texts);
}

/* By text encoder; the last one's read both. */
static const program_row rows[TEXT_ENCODERS_MAX] = {
    { .name = "words",
      .build = build_words,
      .component = COMPONENT_TEXT_ENCODER,
      .uploads = { "ids", "ends" },
      .readbacks = { "text_states", "pooled" } },
    { .name = "words_2",
      .build = build_words_2,
      .component = COMPONENT_TEXT_ENCODER_2,
      .uploads = { "ids_2", "ends_2" },
      .readbacks = { "text_states", "pooled" } },
};

void embed_write_ids(const qs_model *model, const state_set *states, uint32_t slot,
                     uint32_t encoder, const uint32_t *ids, uint32_t count)
{
    const uint32_t tokens = model_tokens(model);
    uint32_t *ends = states_upload(states, encoder ? "ends_2" : "ends", slot);
    memcpy(states_upload(states, encoder ? "ids_2" : "ids", slot), ids,
           (size_t)count * tokens * sizeof *ids);
    for (uint32_t i = 0; i < count && ends; ++i)
        ends[i] = text_encoder_end(&model->config.text_encoders[encoder], ids + (size_t)i * tokens,
                                   tokens);
}

/* A list of tokens, [n, tokens, 1, c] on the device, as rows. */
static void read_rows(const state *from, float *values)
{
    const tensor *t = &from->tensor;
    const float *lanes = state_mapped(&from->readback, 0);
    for (size_t i = 0; i < (size_t)t->n * t->h; ++i)
        memcpy(values + i * t->c, lanes + i * t->stride, t->c * sizeof *values);
}

qs_status embed_texts(qs_device *device, qs_model *model, dtype storage, uint32_t count,
                      uint32_t *const *ids, float *states, float *pooled)
{
    qs_status status = QS_OK;
    program_set set = { 0 };
    weight_store *stores[COMPONENT_COUNT] = { NULL };
    const texts t = { model, { .batch = count, .rows = count } };
    const uint32_t encoders = model->config.text_encoder_count;
    const program_options options = {
        .what = "the text encoder", .context = &t, .storage = storage, .stores = stores
    };
    TRY(model_acquire(model, device, stores));
    TRY(program_set_build(&set, device, rows, encoders, &options));
    TRY(program_set_make(&set));
    for (uint32_t i = 0; i < encoders; ++i) {
        embed_write_ids(model, &set.states, 0, i, ids[i], count);
        TRY(program_run(&set, i, 0));
    }
    read_rows(states_find(&set.states, "text_states"), states);
    if (states_find(&set.states, "pooled") && pooled)
        read_rows(states_find(&set.states, "pooled"), pooled);
fail:
    program_set_finish(&set);
    model_release(model, stores);
    return status;
}

qs_status embed_read_prompt(const qs_model *model, const char *prompt, const char *prompt_2,
                            uint32_t *const *ids, uint32_t index)
{
    const bool other = prompt_2 && prompt_2[0];
    const uint32_t tokens = model_tokens(model);
    qs_status status = QS_OK;
    for (uint32_t i = 0; i < model->config.text_encoder_count && status == QS_OK; ++i) {
        uint32_t dropped = 0;
        const char *text = i > 0 && other ? prompt_2 : prompt ? prompt : "";
        status =
            tokenizer_encode(model->tokenizers[i], text, ids[i] + (size_t)index * tokens, &dropped);
        if (status == QS_OK && dropped > 0 && (i == 0 || other))
            log_line(QS_LOG_WARNING,
                     "the prompt has %u tokens more than the text encoder's %u: they are left out",
                     dropped, tokens - 2);
    }
    return status;
}

qs_status qs_model_embed(qs_device *device, qs_model *model, qs_precision precision,
                         const char *const *prompts, uint32_t count, uint32_t *ids, float *states,
                         float *pooled)
{
    qs_status status = QS_OK;
    dtype storage;
    if (!device || !model || !prompts || !ids || !states)
        return qs_error(QS_ERROR_USAGE, "qs_model_embed: device, model, prompts, ids and states "
                                        "must not be NULL");
    const size_t room = (size_t)count * model_tokens(model);
    uint32_t *const by_encoder[TEXT_ENCODERS_MAX] = { ids, ids + room };
    if (model_tokens(model) == 0)
        return qs_error(QS_ERROR_USAGE, "this model reads no prompts: it has no text encoder");
    if (count == 0 || count > QS_BATCH_MAX)
        return qs_error(QS_ERROR_USAGE, "qs_model_embed: %u prompts: 1 to %u at a time", count,
                        QS_BATCH_MAX);
    TRY(program_storage(device, precision, &storage));
    for (uint32_t i = 0; i < count; ++i)
        TRY(embed_read_prompt(model, prompts[i], NULL, by_encoder, i));
    TRY(embed_texts(device, model, storage, count, by_encoder, states, pooled));
fail:
    return status;
}
