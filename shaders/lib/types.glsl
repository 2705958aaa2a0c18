// Storage is float or half (STORAGE_F16), four channels at a time; arithmetic is always float.
// S4 is the element of every activation and weight buffer. Half is read as two words: that needs
// no 16-bit storage feature, and a software device loads two words instead of four halves.
#ifndef TYPES_GLSL
#define TYPES_GLSL

#if STORAGE_F16
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define S4 uvec2
vec4 from_storage(uvec2 v) { return vec4(unpackHalf2x16(v.x), unpackHalf2x16(v.y)); }
// A conversion, because packHalf2x16 may truncate.
uvec2 to_storage(vec4 v)
{
    return uvec2(packFloat2x16(f16vec2(v.xy)), packFloat2x16(f16vec2(v.zw)));
}
#else
#define S4 vec4
vec4 from_storage(vec4 v) { return v; }
vec4 to_storage(vec4 v) { return v; }
#endif

// Buffers are declared as { S4 name[]; }; i counts groups of four elements.
#define load4(buffer_name, i) from_storage(buffer_name[i])
#define store4(buffer_name, i, value) buffer_name[i] = to_storage(value)

// INPUT4(0, X, x) declares such a buffer at binding 0, to be read with fetch4. With TEXEL it is a
// uniform texel buffer: a software device loops over the lanes of load4, not over those of a texel
// fetch, which is twice as fast. Halves are read as two words here, too: RG32UI with unpackHalf2x16
// is no slower than RGBA16F, and a shader's SPIR-V says which format it wants.
#if TEXEL && STORAGE_F16
#define INPUT4(slot, block, buffer_name) \
    layout(set = 0, binding = slot) uniform utextureBuffer buffer_name
#define fetch4(buffer_name, i) from_storage(texelFetch(buffer_name, int(i)).xy)
#elif TEXEL
#define INPUT4(slot, block, buffer_name) \
    layout(set = 0, binding = slot) uniform textureBuffer buffer_name
#define fetch4(buffer_name, i) texelFetch(buffer_name, int(i))
#else
#define INPUT4(slot, block, buffer_name) \
    layout(set = 0, binding = slot, std430) readonly buffer block { S4 buffer_name[]; }
#define fetch4(buffer_name, i) load4(buffer_name, i)
#endif

#endif
