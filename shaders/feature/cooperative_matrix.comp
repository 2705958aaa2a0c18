// Compiled by meson to find out whether this glslang knows what the matrix shaders use.
#version 450
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require

layout(constant_id = 0) const uint SIZE = 16;
layout(set = 0, binding = 0, std430) buffer Y { uvec4 y[]; };
shared uvec4 stage[SIZE * SIZE];

void main()
{
    coopmat<float16_t, gl_ScopeSubgroup, SIZE, SIZE, gl_MatrixUseA> a;
    coopmat<float16_t, gl_ScopeSubgroup, SIZE, SIZE, gl_MatrixUseB> b;
    coopmat<float, gl_ScopeSubgroup, SIZE, SIZE, gl_MatrixUseAccumulator> sum;
    stage[gl_LocalInvocationIndex] = y[gl_LocalInvocationIndex];
    coopMatLoad(a, stage, 0, SIZE, gl_CooperativeMatrixLayoutRowMajor);
    coopMatLoad(b, stage, 0, SIZE, gl_CooperativeMatrixLayoutColumnMajor);
    sum = coopMatMulAdd(a, b, coopmat<float, gl_ScopeSubgroup, SIZE, SIZE, gl_MatrixUseAccumulator>(0.0));
    coopMatStore(sum, stage, 0, SIZE, gl_CooperativeMatrixLayoutRowMajor);
    y[gl_LocalInvocationIndex] = stage[gl_LocalInvocationIndex];
}
