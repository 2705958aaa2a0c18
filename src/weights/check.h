/* Do the files hold exactly what the graph needs? */
#ifndef QS_WEIGHTS_CHECK_H
#define QS_WEIGHTS_CHECK_H

#include "graph/graph.h"
#include "weights/weights.h"

/* For a graph that is built to be checked, and for no device. */
extern const gpu_limits weights_check_limits;

/* Every weight of the graph present with its shape, and nothing else in the files. QS_ERROR_MODEL
 * names the first five that are missing, misshapen or extra. *parameter_count: elements of all. */
qs_status weights_check(const weight_files *files, const graph *g, uint64_t *parameter_count);

#endif
