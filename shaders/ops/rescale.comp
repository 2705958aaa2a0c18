// y = scale * x + shift, x and y [n, h, w, c] in the storage type; or one of them float, a state that
// the host fills (X_F32) or reads (Y_F32). y's pad lanes are zero.
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

#if X_F32
layout(set = 0, binding = 0, std430) readonly buffer X { vec4 x[]; };
#define LOAD(i) x[i]
#else
layout(set = 0, binding = 0, std430) readonly buffer X { S4 x[]; };
#define LOAD(i) load4(x, i)
#endif
#if Y_F32
layout(set = 0, binding = 1, std430) writeonly buffer Y { vec4 y[]; };
#define STORE(i, value) y[i] = value
#else
layout(set = 0, binding = 1, std430) writeonly buffer Y { S4 y[]; };
#define STORE(i, value) store4(y, i, value)
#endif
layout(push_constant) uniform Push { rescale_args args; };

void main()
{
    const uint quad = grid_quad();
    if (quad >= args.quads)
        return;
    const bvec4 pad = greaterThanEqual(uvec4(0, 1, 2, 3) + 4 * quad, uvec4(args.channels));
    for (uint i = 0; i < PER_LANE; ++i) {
        const uint pixel = grid_pixel(i);
        if (pixel >= args.pixels)
            break;
        const vec4 value = LOAD(args.x.offset + pixel * args.x.stride + quad);
        STORE(args.y.offset + pixel * args.y.stride + quad,
              mix(value * args.scale + args.shift, vec4(0), pad));
    }
}
