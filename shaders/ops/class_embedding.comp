// y = x + table[labels[n]], or without x (ADD false) the row alone. A label past the table, or between
// two rows, gives NaN: the picture then fails its check, instead of showing another class.
//   x, y   [n, 1, 1, c]      labels  [n] uint, or float (FLOATS)      table  [count, c], rows of ceil4(c)
// A lane has four channels of one image; one workgroup: LANES of them of image y.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES = 64;
layout(constant_id = 1) const bool FLOATS = false;
layout(constant_id = 2) const bool ADD = true;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer X { S4 x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Labels { uint labels[]; };
layout(set = 0, binding = 2, std430) readonly buffer Table { S4 table[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { class_embedding_args args; };

// args.count: there is none.
uint row_of(uint label)
{
    if (!FLOATS)
        return min(label, args.count);
    const float number = uintBitsToFloat(label);
    const bool whole = number >= 0.0 && number < float(args.count) && number == floor(number);
    return whole ? uint(number) : args.count;
}

void main()
{
    const uint quad = gl_GlobalInvocationID.x, image = gl_WorkGroupID.y;
    if (quad >= args.quads)
        return;
    const uint row = row_of(labels[image]);
    vec4 value = row < args.count ? load4(table, row * args.quads + quad)
                                  : vec4(uintBitsToFloat(0x7fc00000u));
    if (ADD)
        value += load4(x, args.x.offset + image * args.x.stride + quad);
    store4(y, args.y.offset + image * args.y.stride + quad, value);
}
