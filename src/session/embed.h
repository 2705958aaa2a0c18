/* Text encoders by themselves: planned, run and gone again, their weights with them. */
#ifndef QS_SESSION_EMBED_H
#define QS_SESSION_EMBED_H

#include "model/model.h"
#include "program/state.h"

/* Every text encoder's ids of a prompt (NULL: ""), as text `index` of ids: by text encoder
 * [.., tokens]. prompt_2: what the second reads; NULL or "": the same. What is too long is cut,
 * with a warning. */
qs_status embed_read_prompt(const qs_model *model, const char *prompt, const char *prompt_2,
                            uint32_t *const *ids, uint32_t index);

/* ids [count, tokens] into the states that the encoder's program reads. */
void embed_write_ids(const qs_model *model, const state_set *states, uint32_t slot,
                     uint32_t encoder, const uint32_t *ids, uint32_t count);

/* ids: by text encoder [count, tokens], count up to 3 * QS_BATCH_MAX. states, pooled: as
 * qs_model_embed has them. */
qs_status embed_texts(qs_device *device, qs_model *model, dtype storage, uint32_t count,
                      uint32_t *const *ids, float *states, float *pooled);

#endif
