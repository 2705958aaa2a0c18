// For the tests of src/gpu: y[i] = SCALE * x[i] + offset.
// One invocation per element, workgroups of LOCAL_SIZE. TEXEL: x is a texel buffer of two words.
#version 450

layout(constant_id = 0) const uint LOCAL_SIZE = 64;
layout(constant_id = 1) const uint SCALE = 1;
layout(local_size_x_id = 0) in;

#if TEXEL
layout(set = 0, binding = 0) uniform utextureBuffer texels;
#define fetch(i) texelFetch(texels, int(i / 2))[i % 2]
#else
layout(set = 0, binding = 0, std430) readonly buffer Input { uint x[]; };
#define fetch(i) x[i]
#endif
layout(set = 0, binding = 1, std430) writeonly buffer Output { uint y[]; };

layout(push_constant) uniform Args {
    uint count;
    uint offset;
} args;

void main()
{
    const uint i = gl_GlobalInvocationID.x;
    if (i < args.count)
        y[i] = SCALE * fetch(i) + args.offset;
}
