// y = activation(sum of the parts + bias + embedding + residual): what a convolution whose sum was
// split among workgroups (conv2d_matrix.comp, conv2d_staged.comp) leaves to do.
//
//   sums      [splits, pixels, co], float      bias [co], float     embedding [n, co]
//   residual  as y; UPSAMPLE_RESIDUAL: half as high and wide        y [n, h_out, w_out, co]
//
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE pixels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/activation.glsl"
#include "lib/args.h"
#include "lib/types.glsl"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 1;
layout(constant_id = 3) const uint SPLITS = 2;
layout(constant_id = 4) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = 5) const bool HAS_BIAS = true;
layout(constant_id = 6) const bool HAS_EMBEDDING = false;
layout(constant_id = 7) const bool HAS_RESIDUAL = false;
layout(constant_id = 8) const bool UPSAMPLE = false;
layout(constant_id = 9) const bool UPSAMPLE_RESIDUAL = false;
layout(local_size_x_id = 0, local_size_y_id = 1) in;
#include "lib/grid.glsl"
layout(push_constant) uniform Args { conv2d_staged_args args; };
layout(set = 0, binding = 0, std430) readonly buffer Sums { vec4 sums[]; };
#define FINISH_BINDING 1
#include "lib/conv2d_finish.glsl"

void main()
{
    const uint pixels = args.images * SCALE * SCALE * args.conv.h_out * args.conv.w_out;
    const uint quad = grid_quad();
    for (uint i = 0; i < PER_LANE; ++i) {
        const uint pixel = grid_pixel(i);
        if (quad >= args.conv.quads_out || pixel >= pixels)
            return;
        const uint at = pixel * args.conv.quads_out + quad;
        vec4 sum = sums[at];
        for (uint split = 1; split < SPLITS; split++)
            sum += sums[split * pixels * args.conv.quads_out + at];
        finish(pixel, quad, sum);
    }
}
