/* A convolution of tensors that are larger than what the device binds, in bands of rows: each is a
 * convolution of its own, from a band of the input (its rows and those that the kernel reaches) to
 * a band of the output. Every sum is that of the whole, term by term. */
#ifndef QS_OPS_CONV2D_BANDS_H
#define QS_OPS_CONV2D_BANDS_H

#include "ops/op_support.h"

typedef struct conv2d_bands {
    const char *name; /* of the band: in all but the last NAME.bandI */
    conv2d_params p;  /* the band's, */
    tensor_id y;      /* and where its output goes */

    const char *whole_name;
    conv2d_params whole;
    tensor_id whole_y;
    uint32_t rows; /* of a band's output; 0: everything fits, and the only band is the whole */
    uint32_t image, row; /* where the next begins */
} conv2d_bands;

/* Before the first band. */
conv2d_bands conv2d_cut(const graph *g, const char *name, const conv2d_params *p, tensor_id y);

/* False after the last, or when the graph has failed. */
bool conv2d_next_band(graph *g, conv2d_bands *bands);

#endif
