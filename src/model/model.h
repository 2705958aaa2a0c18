/* A diffusers folder: its configs and its components. */
#ifndef QS_MODEL_MODEL_H
#define QS_MODEL_MODEL_H

#include "model/autoencoder.h"
#include "model/unet.h"

struct qs_model {
    char *path;
    model_config config;
    component components[COMPONENT_COUNT]; /* without files: the model has no such one */
};

/* The weights of all components on a device, at first none; release frees what nobody else uses.
 * stores: [COMPONENT_COUNT], all NULL before; release after an error, too. */
qs_status model_acquire(qs_model *model, qs_device *device, weight_store **stores);
void model_release(qs_model *model, weight_store *const *stores);

/* A caller's label, -1 being the model's default, as the word that the network's `labels` has of
 * it: a row, or the bits of a float. QS_ERROR_USAGE. */
qs_status model_label(const qs_model *model, int32_t label, uint32_t *id);

/* The network with named states as its inputs: `time`, `segment`, `labels`; or, instead of the last
 * two, with the activation `projections` [batch, 1, 1, c], if that is not NO_TENSOR (unet.h). */
tensor_id model_build_network(graph *g, const model_config *config, uint32_t batch,
                              tensor_id sample, tensor_id projections);

/* Into the state that model_projections names, [EMBEDDED_ROWS * batch, 1, 1, c]: those of the
 * recipe's rows from the cursor on. */
void model_build_projections(graph *g, const model_config *config, uint32_t batch,
                             const sampler_states *states);
tensor_id model_projections(graph *g, const model_config *config, uint32_t batch);

#endif
