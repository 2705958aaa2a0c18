// The finished picture as RGBA8 with straight alpha, and a report on it.
//   picture  [n, h, w, 1 | 3 | 4] f32, [-1, 1] is black to white (clear to opaque)
//   frame    [n, h, w] uint: R in the lowest byte; packed, without pad lanes
//   report   [n, REPORT_WORDS] uint (lib/recipe.h), after frame_clear
// An invocation makes one pixel; x counts a picture's pixels, y its pictures. A pixel with a NaN
// or Inf is clear black; the report is what keeps such a picture from being shown.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/args.h"
#include "lib/recipe.h"
#include "lib/finite.glsl"

layout(local_size_x = SAMPLING_WORKGROUP) in;

layout(set = 0, binding = 0, std430) readonly buffer Picture { vec4 picture_values[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Frame { uint frame[]; };
layout(set = 0, binding = 2, std430) buffer Report { uint report[]; };

layout(push_constant) uniform Args { frame_args args; };

// Of this workgroup: then one atomic per workgroup and word, not one per pixel. Integers only, so
// that the order does not matter.
shared uint bad_count, lowest, highest, deviation;

// Keeps the order of finite floats; report_float() of sampler/state.h takes it back.
uint ordered(float value)
{
    const uint bits = floatBitsToUint(value);
    return (bits & 0x80000000u) != 0u ? ~bits : bits | 0x80000000u;
}

void note(vec4 x, vec4 first)
{
    const bvec4 bad = is_bad(x), apart_bad = is_bad(x - first);
    for (uint channel = 0u; channel < args.channels; ++channel) {
        if (bad[channel]) {
            atomicAdd(bad_count, 1u);
            continue;
        }
        atomicMin(lowest, ordered(x[channel]));
        atomicMax(highest, ordered(x[channel]));
        if (!apart_bad[channel])
            atomicMax(deviation, floatBitsToUint(abs(x[channel] - first[channel])));
    }
}

uvec4 to_bytes(vec4 v)
{
    precise const vec4 rounded = v * 255.0 + 0.5; // not contracted: the same byte on every device
    return uvec4(rounded);
}

uint packed_colour(vec4 x)
{
    if (any(is_bad(x)))
        return 0u;
    vec4 v = clamp(x * 0.5 + 0.5, 0.0, 1.0);
    if (args.channels == 1u)
        v = v.xxxx;
    if (args.channels < 4u)
        v.w = 1.0;
    if (args.premultiplied != 0u) // clear is what rounds to a clear byte
        v.xyz = to_bytes(v).w > 0u ? min(v.xyz / v.w, 1.0) : vec3(0.0);
    const uvec4 byte = to_bytes(v);
    return byte.x | byte.y << 8 | byte.z << 16 | byte.w << 24;
}

void main()
{
    const uint pixel = gl_GlobalInvocationID.x, picture = gl_GlobalInvocationID.y;
    const uint base = picture * args.pixels;
    if (gl_LocalInvocationIndex == 0u) {
        bad_count = 0u;
        lowest = 0xffffffffu;
        highest = 0u;
        deviation = 0u;
    }
    barrier();
    if (pixel < args.pixels) {
        const vec4 x = picture_values[base + pixel];
        note(x, picture_values[base]);
        frame[base + pixel] = packed_colour(x);
    }
    barrier();
    if (gl_LocalInvocationIndex == 0u) {
        const uint at = picture * REPORT_WORDS;
        atomicAdd(report[at + REPORT_BAD], bad_count);
        atomicMin(report[at + REPORT_MIN], lowest);
        atomicMax(report[at + REPORT_MAX], highest);
        atomicMax(report[at + REPORT_DEVIATION], deviation);
    }
}
