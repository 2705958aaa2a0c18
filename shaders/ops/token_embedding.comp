// y = table[ids] + positions, from a table in parts of as many rows as a device binds: each part adds what it
// has to x, which for the first is positions. An id past the table gives NaN, as in class_embedding.comp.
//   ids  [n, tokens] uint      table  [rows, c], positions  [>= tokens, c]: rows of ceil4(c)
//   x, y [n, tokens, 1, c]
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE tokens.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 4;
layout(constant_id = 3) const bool FIRST = true;
layout(local_size_x_id = 0, local_size_y_id = 1) in;
#include "lib/grid.glsl"

layout(set = 0, binding = 0, std430) readonly buffer Ids { uint ids[]; };
layout(set = 0, binding = 1, std430) readonly buffer Table { S4 table[]; };
layout(set = 0, binding = 2, std430) readonly buffer X { S4 x[]; }; // or positions
layout(set = 0, binding = 3, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { token_embedding_args args; };

void main()
{
    const uint quad = grid_quad();
    if (quad >= args.quads)
        return;
    for (uint i = 0; i < PER_LANE; ++i) {
        const uint pixel = grid_pixel(i);
        if (pixel >= args.pixels)
            break;
        const uint id = ids[pixel], row = id - args.first;
        vec4 value = load4(x, FIRST ? (pixel % args.tokens) * args.quads + quad
                                    : args.x.offset + pixel * args.x.stride + quad);
        if (id >= args.first && row < args.rows)
            value += load4(table, row * args.quads + quad);
        if (id >= args.count)
            value = vec4(uintBitsToFloat(0x7fc00000u));
        store4(y, args.y.offset + pixel * args.y.stride + quad, value);
    }
}
