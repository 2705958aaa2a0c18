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

#endif
