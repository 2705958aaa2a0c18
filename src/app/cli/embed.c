/* quickstep embed: what the text encoder makes of a prompt, for comparing with another
 * implementation. */
#include "commands.h"
#include "engine.h"
#include "options.h"
#include "tensors.h"

#include <stdlib.h>
#include <string.h>

static struct {
    char *output, *prompt;
} texts;

static const struct poptOption options[] = {
    { "output", 'o', POPT_ARG_STRING, &texts.output, 1, "Where to", "FILE.safetensors" },
    { "prompt", '\0', POPT_ARG_STRING, &texts.prompt, 2, "The words (default: none)", "TEXT" },
    CLI_INCLUDE(cli_model_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "\"input_ids\" [1, tokens], of a second text encoder \"input_ids_2\" likewise, are what the\n"
    "tokenizer makes of the prompt; \"text_states\" [1, tokens, width] what the network reads of "
    "it,\n"
    "transformers' last_hidden_state or, of Stable Diffusion XL, diffusers' prompt_embeds; "
    "\"pooled\"\n"
    "[1, width], where the network reads it, the pooler_output or pooled_prompt_embeds.\n";

typedef struct embedding {
    uint32_t *ids;
    float *states, *pooled;
} embedding;

static qs_status write_embedding(const qs_model_info *info, const embedding *e, const char *prompt)
{
    qs_tensor tensors[4];
    size_t count = 0;
    for (uint32_t i = 0; i < info->text_encoder_count; ++i)
        tensors[count++] = (qs_tensor){ .name = i ? "input_ids_2" : "input_ids",
                                        .dtype = QS_DTYPE_U32,
                                        .rank = 2,
                                        .shape = { 1, info->prompt_tokens },
                                        .data = e->ids + (size_t)i * info->prompt_tokens,
                                        .size_bytes = info->prompt_tokens * sizeof *e->ids };
    tensors[count++] =
        (qs_tensor){ .name = "text_states",
                     .dtype = QS_DTYPE_F32,
                     .rank = 3,
                     .shape = { 1, info->prompt_tokens, info->text_width },
                     .data = e->states,
                     .size_bytes = (size_t)info->prompt_tokens * info->text_width * sizeof(float) };
    if (info->pooled_width > 0)
        tensors[count++] = (qs_tensor){ .name = "pooled",
                                        .dtype = QS_DTYPE_F32,
                                        .rank = 2,
                                        .shape = { 1, info->pooled_width },
                                        .data = e->pooled,
                                        .size_bytes = info->pooled_width * sizeof(float) };
    const char *const metadata[] = { "prompt", prompt, "model", info->name, NULL };
    return app_library(qs_safetensors_write(texts.output, tensors, count, metadata));
}

static qs_status check_words(const qs_model_info *info)
{
    const char *end = texts.output ? strrchr(texts.output, '.') : NULL;
    if (!end || strcmp(end, ".safetensors") != 0)
        return app_error(QS_ERROR_USAGE, "where to? Name a file: -o words.safetensors");
    if (info->prompt_tokens == 0)
        return app_error(QS_ERROR_USAGE, "the model %s reads no prompts", info->name);
    return QS_OK;
}

static qs_status run_embed(const char *argument)
{
    (void)argument;
    cli_engine engine = { 0 };
    embedding e = { 0 };
    qs_precision precision;
    const char *prompt = texts.prompt ? texts.prompt : "";
    qs_status status = QS_OK;
    TRY(cli_precision(&precision));
    TRY(cli_engine_open_model(&engine));
    TRY(check_words(&engine.info));
    TRY(cli_engine_open_device(&engine));
    const qs_model_info *info = &engine.info;
    e.ids = calloc((size_t)info->text_encoder_count * info->prompt_tokens, sizeof *e.ids);
    e.states = calloc((size_t)info->prompt_tokens * info->text_width, sizeof *e.states);
    e.pooled = calloc(info->pooled_width + 1, sizeof *e.pooled);
    if (!e.ids || !e.states || !e.pooled)
        TRY(app_error(QS_ERROR_MEMORY, "no memory"));
    QS(qs_model_embed(engine.device, engine.model, precision, &prompt, 1, e.ids, e.states,
                      e.pooled));
    TRY(write_embedding(info, &e, prompt));
    printf("%s: %u tokens of %u\n", texts.output, info->prompt_tokens, info->text_width);
fail:
    free(e.ids);
    free(e.states);
    free(e.pooled);
    cli_engine_close(&engine);
    return status;
}

const cli_command cli_embed = {
    .name = "embed",
    .summary = "write what the text encoder makes of a prompt",
    .notes = notes,
    .options = options,
    .run = run_embed,
};
