// The device's rate of multiplications and additions: nothing but dependent chains of them in
// registers. y[lane] = the sum of 12 chains x = x * a + b, 8 * rounds times each.
// One workgroup: 64 lanes. With a = b = 1 the sum counts what was done, exactly below 2^24.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/args.h"

layout(local_size_x = ROOFLINE_WORKGROUP) in;

layout(set = 0, binding = 0, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { roofline_fma_args args; };

// Three vectors and two factors: 14 of a CPU's 16 vector registers, and enough independent chains
// to hide the latency of an addition.
#define STEP p = p * a + b, q = q * a + b, r = r * a + b

void main()
{
    const vec4 a = vec4(args.a), b = vec4(args.b);
    vec4 p = vec4(0, 1, 2, 3), q = p + 4, r = p + 8;
    for (uint i = 0; i < args.rounds; ++i) {
        STEP, STEP, STEP, STEP;
        STEP, STEP, STEP, STEP;
    }
    const vec4 sum = p + q + r;
    y[gl_GlobalInvocationID.x] = sum.x + sum.y + sum.z + sum.w;
}
