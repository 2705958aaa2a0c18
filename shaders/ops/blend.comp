// y[i] = a * x[t] + b * x[t + second], t = i % texts, (a, b) = weights[t]: linear between two texts.
// One of weight zero is not read: it may not be there, or hold anything.
//   x  [.., h, w, c] float      weights  [texts] vec4, the last two unused      y  [n, h, w, c]
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE pixels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 4;
layout(local_size_x_id = 0, local_size_y_id = 1) in;
#include "lib/grid.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { vec4 x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Weights { vec4 weights[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { blend_args args; };

vec4 text(uint index, uint pixel, uint quad, float weight)
{
    if (weight == 0.0)
        return vec4(0.0);
    return weight * x[args.x.offset + (index * args.image_pixels + pixel) * args.x.stride + quad];
}

void main()
{
    const uint quad = grid_quad();
    if (quad >= args.quads)
        return;
    for (uint i = 0; i < PER_LANE; ++i) {
        const uint pixel = grid_pixel(i);
        if (pixel >= args.pixels)
            break;
        const uint index = pixel / args.image_pixels % args.texts, inside = pixel % args.image_pixels;
        const vec4 weight = weights[index];
        store4(y, args.y.offset + pixel * args.y.stride + quad,
               text(index, inside, quad, weight.x) + text(index + args.second, inside, quad, weight.y));
    }
}
