// y = f(a, b), vector by vector; y may be a slice of a wider tensor.
// a, b, y: the same [n, h, w, c]. FUNCTION as enum elementwise_function of src/ops/elementwise.c.
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE pixels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/activation.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 4;
layout(constant_id = 3) const uint FUNCTION = 0;
layout(constant_id = 4) const uint ACTIVATION = 0;
layout(local_size_x_id = 0, local_size_y_id = 1) in;
#include "lib/grid.glsl"

const uint COPY = 0, ADD = 1, ACTIVATE = 2, SOFT_CLAMP = 3, GEGLU = 4;

layout(set = 0, binding = 0, std430) readonly buffer A { S4 a[]; };
layout(set = 0, binding = 1, std430) readonly buffer B { S4 b[]; }; // ADD, GEGLU
layout(set = 0, binding = 2, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { elementwise_args args; };

// 3 tanh(x / 3). Past 30 it is 3 in float, and a tanh made of exponentials may overflow; NaN fails
// the comparison and stays NaN.
vec4 soft_clamp(vec4 x)
{
    return mix(3.0 * tanh(x / 3.0), 3.0 * sign(x), greaterThan(abs(x), vec4(30)));
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
        const S4 stored = a[args.a.offset + pixel * args.a.stride + quad];
        const uint to = args.y.offset + pixel * args.y.stride + quad;
        if (FUNCTION == COPY)
            y[to] = stored;
        else if (FUNCTION == ADD)
            store4(y, to, from_storage(stored) +
                              load4(b, args.b.offset + pixel * args.b.stride + quad));
        else if (FUNCTION == ACTIVATE)
            store4(y, to, activate(ACTIVATION, from_storage(stored)));
        else if (FUNCTION == GEGLU)
            store4(y, to, from_storage(stored) *
                              gelu(load4(b, args.b.offset + pixel * args.b.stride + quad)));
        else
            store4(y, to, soft_clamp(from_storage(stored)));
    }
}
