// y = the channels of a, then of b, where a's number of channels is not a multiple of four, so that
// b cannot be a slice of y. Element by element, bit-exact.
// One workgroup: LANES_X vectors of four channels of y by LANES_Y * PER_LANE pixels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 1;
layout(local_size_x_id = 0, local_size_y_id = 1) in;
#include "lib/grid.glsl"

layout(set = 0, binding = 0, std430) readonly buffer A { S4 a[]; };
layout(set = 0, binding = 1, std430) readonly buffer B { S4 b[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { concat_args args; };

float element(uint pixel, uint channel)
{
    if (channel < args.a_channels)
        return load4(a, args.a.offset + pixel * args.a.stride + channel / 4)[channel % 4];
    const uint c = channel - args.a_channels;
    if (c < args.b_channels)
        return load4(b, args.b.offset + pixel * args.b.stride + c / 4)[c % 4];
    return 0.0; // a pad lane
}

void main()
{
    const uint quad = grid_quad();
    if (4 * quad >= args.a_channels + args.b_channels)
        return;
    for (uint i = 0; i < PER_LANE; ++i) {
        const uint pixel = grid_pixel(i);
        if (pixel >= args.pixels)
            break;
        store4(y, args.y.offset + pixel * args.y.stride + quad,
               vec4(element(pixel, 4 * quad), element(pixel, 4 * quad + 1),
                    element(pixel, 4 * quad + 2), element(pixel, 4 * quad + 3)));
    }
}
