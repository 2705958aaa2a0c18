// torch.nn.AvgPool2d(2): y[n, h / 2, w / 2, c] = the mean of 2 x 2 pixels of x[n, h, w, c]; an odd
// last row or column is left out.
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE pixels of y.
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
        const uint row = pixel / args.width, column = pixel - row * args.width;
        const uint image = row / args.height, image_row = row - image * args.height;
        const uint from_pixel =
            (image * args.input_height + 2 * image_row) * args.input_width + 2 * column;
        const uint from = args.x.offset + from_pixel * args.x.stride + quad;
        const uint below = from + args.input_width * args.x.stride;
        const vec4 sum = load4(x, from) + load4(x, from + args.x.stride) + load4(x, below) +
                         load4(x, below + args.x.stride);
        store4(y, args.y.offset + pixel * args.y.stride + quad, 0.25 * sum);
    }
}
