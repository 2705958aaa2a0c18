// What the driver makes of the functions that the ops are built from: z[f][i] = f(x[f][i], y[f][i]).
//   x, y   [PRECISION_FUNCTIONS, PRECISION_VALUES] f32, each function's own arguments
//   z      the same: written
// A workgroup has 64 values of one function (y).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/args.h"

layout(local_size_x = PRECISION_WORKGROUP) in;

layout(set = 0, binding = 0, std430) readonly buffer X { float x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Y { float y[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Z { float z[]; };

float call(uint f, float a, float b)
{
    switch (f) {
    case PRECISION_ADD: return a + b;
    case PRECISION_MULTIPLY: return a * b;
    case PRECISION_DIVIDE: return a / b;
    case PRECISION_SQRT: return sqrt(a);
    case PRECISION_INVERSESQRT: return inversesqrt(a);
    case PRECISION_EXP: return exp(a);
    case PRECISION_EXP2: return exp2(a);
    case PRECISION_LOG: return log(a);
    case PRECISION_LOG_NEAR_1: return log(a);
    case PRECISION_SIN: return sin(a);
    default: return cos(a);
    }
}

void main()
{
    const uint at = gl_WorkGroupID.y * PRECISION_VALUES + gl_GlobalInvocationID.x;
    z[at] = call(gl_WorkGroupID.y, x[at], y[at]);
}
