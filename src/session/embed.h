/* Text encoders by themselves: planned, run and gone again, their weights with them. */
#ifndef QS_SESSION_EMBED_H
#define QS_SESSION_EMBED_H

#include "model/model.h"

/* ids: by text encoder [count, tokens], count up to 3 * QS_BATCH_MAX. states, pooled: as
 * qs_model_embed has them. */
qs_status embed_texts(qs_device *device, qs_model *model, dtype storage, uint32_t count,
                      uint32_t *const *ids, float *states, float *pooled);

#endif
