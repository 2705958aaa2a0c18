// The device's copy bandwidth as a shader sees it: y = x.
// x, y: whole workgroups of vectors. One workgroup: 64 lanes, ROOFLINE_COPY_PER_LANE vectors each.
#version 450
#extension GL_GOOGLE_include_directive : require
#define STORAGE_F16 0
#include "lib/types.glsl"
#include "lib/args.h"

layout(local_size_x = ROOFLINE_WORKGROUP) in;

INPUT4(0, X, x);
layout(set = 0, binding = 1, std430) writeonly buffer Y { S4 y[]; };

void main()
{
    uint i = gl_WorkGroupID.x * ROOFLINE_WORKGROUP * ROOFLINE_COPY_PER_LANE +
             gl_LocalInvocationIndex;
    for (uint k = 0; k < ROOFLINE_COPY_PER_LANE; ++k, i += ROOFLINE_WORKGROUP)
        store4(y, i, fetch4(x, i));
}
