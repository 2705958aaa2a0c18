// y = x + s[n], or x / s[n] (DIVIDE): one number for all of an image. y's pad lanes are zero.
//   x, y   [n, h, w, c]      s  [n] float
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE pixels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 4;
layout(constant_id = 3) const bool DIVIDE = false;
layout(local_size_x_id = 0, local_size_y_id = 1) in;
#include "lib/grid.glsl"

layout(set = 0, binding = 0, std430) readonly buffer X { S4 x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Scalars { float s[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { scalar_args args; };

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
        const vec4 value = load4(x, args.x.offset + pixel * args.x.stride + quad);
        const float scalar = s[pixel / args.image_pixels];
        store4(y, args.y.offset + pixel * args.y.stride + quad,
               mix(DIVIDE ? value / scalar : value + scalar, vec4(0), pad));
    }
}
