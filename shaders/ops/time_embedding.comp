// diffusers' get_timestep_embedding: y = [sin(time * f), cos(time * f)], or the cosines first; an
// odd last channel is zero. relative: minus the embedding of time 0. fourier: diffusers'
// GaussianFourierProjection, sin and cos of log(time) * f * 2 pi, rounded where PyTorch rounds.
//   time         [n, times] float; each is embedded by itself, side by side
//   frequencies  [channels / 2] float, from src/ops/embedding.c or the file
//   y            [n, 1, 1, times * channels]
// A lane has four channels of one image; one workgroup: LANES of them of image y.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"
#include "lib/log.glsl"
#include "lib/sin_cos.glsl"

layout(constant_id = 0) const uint LANES = 64;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer Time { float time[]; };
layout(set = 0, binding = 1, std430) readonly buffer Frequencies { float frequencies[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { time_embedding_args args; };

float angle(float time, float frequency)
{
    if (args.fourier == 0)
        return time * frequency;
    precise const float turns = rounded_log(time) * frequency;
    precise const float radians = turns * 6.28318548;
    return radians;
}

void main()
{
    const uint quad = gl_GlobalInvocationID.x, image = gl_WorkGroupID.y;
    if (4 * quad >= args.times * args.channels)
        return;
    const uint half_channels = args.channels / 2;
    vec4 value = vec4(0.0);
    for (uint i = 0; i < 4 && 4 * quad + i < args.times * args.channels; ++i) {
        const uint which = (4 * quad + i) / args.channels, channel = (4 * quad + i) % args.channels;
        if (channel == 2 * half_channels)
            continue;
        const bool second = channel >= half_channels;
        const bool cosine = second != (args.cosine_first != 0);
        const float f = frequencies[second ? channel - half_channels : channel];
        const vec2 both = sin_cos(angle(time[image * args.time_stride + which], f));
        value[i] = cosine ? both.y - float(args.relative) : both.x;
    }
    store4(y, args.y.offset + image * args.y.stride + quad, value);
}
