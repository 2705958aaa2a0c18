/* A diffusers folder: its configs and its components. */
#ifndef QS_MODEL_MODEL_H
#define QS_MODEL_MODEL_H

#include "model/autoencoder.h"
#include "model/text_encoder.h"
#include "model/unet.h"
#include "text/tokenizer.h"
#include "weights/lora.h"

struct qs_model {
    arena arena; /* has what follows, up to config */
    const char *path;
    qs_model_options opened; /* the caller's */
    lora **loras;            /* [opened.lora_count], added to the components */
    model_config config;
    component components[COMPONENT_COUNT];    /* without files: the model has no such one */
    tokenizer *tokenizers[TEXT_ENCODERS_MAX]; /* [config.text_encoder_count], of one length */
};

/* The weights of all components on a device, at first none; release frees what nobody else uses.
 * stores: [COMPONENT_COUNT], all NULL before; release after an error, too. */
qs_status model_acquire(qs_model *model, qs_device *device, weight_store **stores);
void model_release(qs_model *model, weight_store *const *stores);

/* A caller's label, -1 being the model's default, as the word that the network's `labels` has of
 * it: a row, or the bits of a float. QS_ERROR_USAGE. */
qs_status model_label(const qs_model *model, int32_t label, uint32_t *id);

bool model_reads_pictures(const qs_model *model); /* as qs_model_info's */

/* The network with named states as its inputs: `time`, `segment`, `labels`, and those of
 * unet_condition_states; or, instead of the second and the third, with the activation `projections`
 * [batch, 1, 1, c], if that is not NO_TENSOR (unet.h). */
tensor_id model_build_network(graph *g, const qs_model *model, uint32_t batch, tensor_id sample,
                              tensor_id projections);

/* Into the state that model_projections names, [EMBEDDED_ROWS * batch, 1, 1, c]: those of the
 * recipe's rows from the cursor on. */
void model_build_projections(graph *g, const qs_model *model, uint32_t batch,
                             const sampler_states *states);
tensor_id model_projections(graph *g, const model_config *config, uint32_t batch);

/* What a network that reads needs of its prompts, nothing for others: the first by text encoder,
 * token `ids` and `ends` (of the second `ids_2`, `ends_2`) -> its part of `text_states`, and the
 * last one's `pooled`; these, `text_weights`, `guidance` and `time_ids` -> unet_condition_states.
 */
typedef struct model_texts {
    uint32_t batch;  /* of the network */
    uint32_t second; /* texts after these: what the last of the batch are blended with; 0: none */
    uint32_t rows;   /* the batch, or EMBEDDED_ROWS times that for model_build_projections */
} model_texts;
void model_build_words(graph *g, const qs_model *model, uint32_t encoder, const model_texts *texts);
void model_build_condition(graph *g, const qs_model *model, const model_texts *texts);

/* Tokens that a prompt has; 0: the network reads none. */
static inline uint32_t model_tokens(const qs_model *model)
{
    return model->tokenizers[0] ? tokenizer_length(model->tokenizers[0]) : 0;
}

#endif
