// Storage is float or half (STORAGE_F16), four channels at a time; arithmetic is always float.
// S4 is the element of every activation and weight buffer. Half is read as two words: that needs
// no 16-bit storage feature, and a software device loads two words instead of four halves.
#ifndef TYPES_GLSL
#define TYPES_GLSL

#if STORAGE_F16
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#define S4 uvec2
vec4 from_storage(uvec2 v) { return vec4(unpackHalf2x16(v.x), unpackHalf2x16(v.y)); }
#if TEXEL || SHUFFLE
// For software devices, which convert with three times these instructions. Rounds to nearest even,
// infinities and subnormals too.
uvec2 to_storage(vec4 v)
{
    const uvec4 bits = floatBitsToUint(v), size = bits & 0x7fffffffu;
    const uvec4 finite = min(size, uvec4(0x47800000u)); // 65536 becomes infinity
    const uvec4 normal = (finite + ((finite >> 13) & 1u) - 0x37fff001u) >> 13;
    const uvec4 small = floatBitsToUint(uintBitsToFloat(size) + 0.5) - 0x3f000000u;
    uvec4 half_bits = mix(normal, small, lessThan(size, uvec4(0x38800000u)));
    half_bits |= bits >> 16 & 0x8000u;
    half_bits = mix(half_bits, uvec4(0x7e00u), greaterThan(size, uvec4(0x7f800000u))); // NaN
    return half_bits.xz | half_bits.yw << 16;
}
#else
// A conversion, because packHalf2x16 may truncate.
uvec2 to_storage(vec4 v)
{
    return uvec2(packFloat2x16(f16vec2(v.xy)), packFloat2x16(f16vec2(v.zw)));
}
#endif
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

// The same for a buffer of floats whatever the storage type.
#if TEXEL
#define INPUT_FLOAT4(slot, block, buffer_name) \
    layout(set = 0, binding = slot) uniform textureBuffer buffer_name
#define fetch_float4(buffer_name, i) texelFetch(buffer_name, int(i))
#else
#define INPUT_FLOAT4(slot, block, buffer_name) \
    layout(set = 0, binding = slot, std430) readonly buffer block { vec4 buffer_name[]; }
#define fetch_float4(buffer_name, i) buffer_name[i]
#endif

#endif
