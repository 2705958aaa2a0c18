/* elementwise.comp: what concat.c needs besides ops.h. */
#ifndef QS_OPS_ELEMENTWISE_H
#define QS_OPS_ELEMENTWISE_H

#include "ops/ops.h"

/* y = x; y exists, as a slice of a wider tensor. */
void elementwise_copy(graph *g, const char *name, tensor_id x, tensor_id y);

#endif
