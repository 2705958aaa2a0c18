/* Weights on a device: packed once per layout, shared by the sessions of a model. */
#ifndef QS_WEIGHTS_STORE_H
#define QS_WEIGHTS_STORE_H

#include "gpu/gpu.h"
#include "graph/graph.h"
#include "weights/weights.h"

typedef struct weight_store weight_store;

qs_status weight_store_create(qs_device *device, weight_store **store);
void weight_store_destroy(weight_store *store);

/* Fills slices[id] for every weight of the graph, loading what is not there yet. The files were
 * checked (weights_check). */
qs_status weight_store_load(weight_store *store, const weight_files *files, const graph *g,
                            gpu_slice *slices);
uint64_t weight_store_bytes(const weight_store *store);

#endif
