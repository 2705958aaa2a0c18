// A picture's pixels, read straight from the buffer: nearest neighbour, over a checkerboard
// where it is transparent.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "picture_args.glsl"

layout(set = 0, binding = 0) readonly buffer Pixels { uint pixels[]; }; // RGBA8, straight alpha
layout(location = 0) in vec2 texel;
layout(location = 1) flat in uint first;
layout(location = 0) out vec4 color;

void main()
{
    uvec2 at = min(uvec2(max(texel, 0.0)), args.size - 1u);
    vec4 value = unpackUnorm4x8(pixels[first + at.y * args.size.x + at.x]);
    ivec2 square = ivec2(floor((gl_FragCoord.xy - args.origin) / args.checker));
    vec3 behind = vec3(((square.x + square.y) & 1) == 0 ? args.checker_light : args.checker_dark);
    color = vec4(mix(behind, value.rgb, value.a) * args.brightness, 1.0);
}
