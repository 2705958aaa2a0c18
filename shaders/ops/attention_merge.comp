// y of the parts of the keys: what attention_tile.comp and attention_matrix.comp leave to do where
// the keys of a query were split among workgroups.
//   parts  [n, splits, tokens, heads, width + 4], float, see lib/attention_tile.glsl
//   y      [n, tokens, heads * width]
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE tokens.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 1;
layout(constant_id = 3) const uint QUADS = 16; // of a head
layout(local_size_x_id = 0, local_size_y_id = 1) in;
#include "lib/grid.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Parts { vec4 parts[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { attention_args args; };

vec4 merge(uint image, uint token, uint head, uint quad)
{
    const uint step = args.tokens * args.heads * (QUADS + 1);
    const uint first =
        image * args.splits * step + (token * args.heads + head) * (QUADS + 1);
    float highest = parts[first + QUADS].x;
    for (uint split = 1; split < args.splits; ++split)
        highest = max(highest, parts[first + split * step + QUADS].x);
    vec4 sum = vec4(0.0);
    float total = 0.0;
    for (uint split = 0; split < args.splits; ++split) {
        const vec4 statistics = parts[first + split * step + QUADS];
        const float weight = exp2(statistics.x - highest);
        sum += weight * parts[first + split * step + quad];
        total += weight * statistics.y;
    }
    return sum / total;
}

void main()
{
    const uint quad = grid_quad();
    for (uint i = 0; i < PER_LANE; ++i) {
        const uint pixel = grid_pixel(i);
        if (quad >= args.heads * QUADS || pixel >= args.images * args.tokens)
            return;
        const uint image = pixel / args.tokens;
        store4(y, args.y.offset + pixel * args.y.stride + quad,
               merge(image, pixel - image * args.tokens, quad / QUADS, quad % QUADS));
    }
}
