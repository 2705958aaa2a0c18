/* A component's weights on a device: packed once per layout, shared by all that use it. */
#ifndef QS_WEIGHTS_STORE_H
#define QS_WEIGHTS_STORE_H

#include "gpu/gpu.h"
#include "graph/graph.h"
#include "weights/weights.h"

typedef struct weight_store weight_store;

/* files: checked (weights_check); they outlive the store. */
qs_status weight_store_create(qs_device *device, const weight_files *files, weight_store **store);
void weight_store_destroy(weight_store *store);

/* Fills slices[id] for every weight of the graph, loading what is not there yet. */
qs_status weight_store_load(weight_store *store, const graph *g, gpu_slice *slices);
uint64_t weight_store_bytes(const weight_store *store); /* 0 of NULL */

/* What loading all of these graphs would add. */
uint64_t weight_store_missing_bytes(const weight_store *store, const graph *const *graphs,
                                    uint32_t count);

#endif
