// y = x[positions]. A position past the last token gives NaN, as in class_embedding.comp.
//   x  [texts, tokens, 1, c]      positions  [n] uint, of the texts in turn      y  [n, 1, 1, c]
// A lane has four channels of one text; one workgroup: LANES of them of text y.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES = 64;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer X { S4 x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Positions { uint positions[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { token_at_args args; };

void main()
{
    const uint quad = gl_GlobalInvocationID.x, text = gl_WorkGroupID.y;
    if (quad >= args.quads)
        return;
    const uint position = positions[text], pixel = text % args.texts * args.tokens + position;
    store4(y, args.y.offset + text * args.y.stride + quad,
           position < args.tokens ? load4(x, args.x.offset + pixel * args.x.stride + quad)
                                  : vec4(uintBitsToFloat(0x7fc00000u)));
}
