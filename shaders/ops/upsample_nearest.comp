// y[n, 2h, 2w, c] = x[n, h, w, c], every pixel four times. Bit-exact.
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE pixels of x.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 1;
layout(local_size_x_id = 0, local_size_y_id = 1) in;
#include "lib/grid.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { S4 x[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { resample_args args; };

void main()
{
    const uint quad = grid_quad();
    if (quad >= args.quads)
        return;
    for (uint i = 0; i < PER_LANE; ++i) {
        const uint pixel = grid_pixel(i);
        if (pixel >= args.pixels)
            break;
        const S4 value = x[args.x.offset + pixel * args.x.stride + quad];
        // row counts through all images: row r of x becomes the rows 2r and 2r + 1 of y
        const uint row = pixel / args.width, column = pixel - row * args.width;
        const uint wide = 2 * args.width;
        const uint to = args.y.offset + (2 * row * wide + 2 * column) * args.y.stride + quad;
        y[to] = value;
        y[to + args.y.stride] = value;
        y[to + wide * args.y.stride] = value;
        y[to + (wide + 1) * args.y.stride] = value;
    }
}
