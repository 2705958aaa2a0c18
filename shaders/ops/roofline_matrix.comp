// The rate of the device's matrix units: nothing but products in registers. y[subgroup][M][N] = the
// sum of 8 chains x = a * b + x, `rounds` times 4 products each.
// One workgroup: LANES lanes, whole subgroups. With a = b = 1 an element counts K for a product,
// exactly below 2^24.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#include "lib/args.h"

layout(constant_id = 0) const uint LANES = 128;
layout(constant_id = 1) const uint M = 16;
layout(constant_id = 2) const uint N = 16;
layout(constant_id = 3) const uint K = 16;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Push { roofline_fma_args args; };

const uint CHAINS = ROOFLINE_MATRIX_CHAINS;
coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[CHAINS];

void main()
{
    const coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a =
        coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA>(float16_t(args.a));
    const coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b =
        coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB>(float16_t(args.b));
    [[unroll]] for (uint i = 0; i < CHAINS; i++)
        sums[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
    for (uint turn = 0; turn < args.rounds; turn++)
        [[unroll]] for (uint step = 0; step < ROOFLINE_MATRIX_STEPS; step++)
            [[unroll]] for (uint i = 0; i < CHAINS; i++)
                sums[i] = coopMatMulAdd(a, b, sums[i]);
    [[unroll]] for (uint i = 1; i < CHAINS; i++)
        sums[0] = sums[0] + sums[i];
    const uint subgroup = gl_WorkGroupID.x * gl_NumSubgroups + gl_SubgroupID;
    coopMatStore(sums[0], y, subgroup * M * N, N, gl_CooperativeMatrixLayoutRowMajor);
}
