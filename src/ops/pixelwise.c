#include "ops/pixelwise.h"

#include <string.h>

static uint32_t pixels_bound(const graph *g, const tensor_id *in, uint32_t pixel_inputs,
                             tensor_id y)
{
    uint32_t pixels = op_pixels_bound(g, y);
    for (uint32_t i = 0; i < pixel_inputs; ++i)
        if (in[i] != NO_TENSOR)
            pixels = min_u32(pixels, op_pixels_bound(g, in[i]));
    return pixels;
}

void pixelwise_node(graph *g, const op *op, const char *name, const tensor_id *in,
                    uint32_t in_count, uint32_t pixel_inputs, tensor_id y, const void *params,
                    size_t params_bytes, double flops)
{
    const uint32_t all = all_pixels(graph_tensor(g, y)),
                   most = pixels_bound(g, in, pixel_inputs, y);
    if (most == 0 || most == all) { /* 0: the plan says which tensor it is */
        graph_node(g, op, name, in, in_count, y, params, params_bytes, flops);
        return;
    }
    const uint32_t count = divide_up(all, most), each = divide_up(all, count);
    tensor_id band[NODE_INPUTS_MAX];
    memcpy(band, in, in_count * sizeof *in);
    for (uint32_t i = 0; i < count && graph_status(g) == QS_OK; ++i) {
        const uint32_t first = i * each, pixels = min_u32(each, all - first);
        for (uint32_t k = 0; k < pixel_inputs; ++k)
            if (in[k] != NO_TENSOR)
                band[k] = graph_band(g, in[k], first, pixels, 1);
        graph_node(g, op, op_band_name(g, name, i, count), band, in_count,
                   graph_band(g, y, first, pixels, 1), params, params_bytes, flops * pixels / all);
    }
}
