/* A diffusers folder: its configs, its files, and its weights on the devices that use it. The names
 * of the network's tensors and of the decoder's differ, so that one store has them both. */
#ifndef QS_MODEL_MODEL_H
#define QS_MODEL_MODEL_H

#include "model/autoencoder.h"
#include "model/unet.h"

enum { MODEL_STORES_MAX = 8 };

struct qs_model {
    char *path;
    model_config config;
    weight_files *files;
    uint64_t parameter_count;
    qs_autoencoder *autoencoder; /* of latents; NULL: the network draws pictures */
    struct model_store {
        qs_device *device;
        weight_store *store;
        uint32_t users;
    } stores[MODEL_STORES_MAX];
};

/* The device's store of this model; the last release frees it. */
qs_status model_store_acquire(qs_model *model, qs_device *device, weight_store **store);
void model_store_release(qs_model *model, weight_store *store);

/* The network with named states as its inputs: `time`, `segment`, `labels`. */
tensor_id model_build_network(graph *g, const model_config *config, uint32_t batch,
                              tensor_id sample);

#endif
