// The empty report before frame.comp, one workgroup for all: no bad values, min above max, flat.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/args.h"

layout(local_size_x = SAMPLING_WORKGROUP) in;

layout(set = 0, binding = 0, std430) writeonly buffer Report { uvec4 report[]; };

layout(push_constant) uniform Args { frame_args args; };

void main()
{
    for (uint i = gl_LocalInvocationIndex; i < args.pictures; i += SAMPLING_WORKGROUP)
        report[i] = uvec4(0u, 0xffffffffu, 0u, 0u);
}
