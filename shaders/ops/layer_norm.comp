// y = (x - mean) / sqrt(variance + eps) * weight + bias over the channels of each pixel.
//   x, y  [n, h, w, c]      weight, bias  [c] float, padded with zeros
// The variance is of differences from the mean: that of large means is no difference of large
// numbers. One workgroup: one pixel.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES = 32;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer X { S4 x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Weight { vec4 weight[]; };
layout(set = 0, binding = 2, std430) readonly buffer Bias { vec4 bias[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { layer_norm_args args; };

shared float parts[LANES];

float sum_of_lanes(float part)
{
    barrier(); // the parts before are read
    parts[gl_LocalInvocationIndex] = part;
    barrier();
    float sum = 0.0;
    for (uint i = 0; i < LANES; ++i)
        sum += parts[i];
    return sum;
}

// Ones in the lanes that are channels.
vec4 lanes_of(uint quad)
{
    return vec4(lessThan(4 * quad + uvec4(0, 1, 2, 3), uvec4(args.channels)));
}

void main()
{
    const uint pixel = gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x;
    if (pixel >= args.pixels)
        return; // the whole workgroup
    const uint from = args.x.offset + pixel * args.x.stride;
    const uint to = args.y.offset + pixel * args.y.stride;
    float part = 0.0;
    for (uint quad = gl_LocalInvocationIndex; quad < args.quads; quad += LANES)
        part += dot(load4(x, from + quad), vec4(1.0)); // pad lanes are zero
    const float mean = sum_of_lanes(part) / float(args.channels);
    part = 0.0;
    for (uint quad = gl_LocalInvocationIndex; quad < args.quads; quad += LANES) {
        const vec4 difference = (load4(x, from + quad) - mean) * lanes_of(quad);
        part += dot(difference, difference);
    }
    const float scale = inversesqrt(sum_of_lanes(part) / float(args.channels) + args.eps);
    for (uint quad = gl_LocalInvocationIndex; quad < args.quads; quad += LANES)
        store4(y, to + quad, (load4(x, from + quad) - mean) * scale * weight[quad] + bias[quad]);
}
