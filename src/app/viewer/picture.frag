// A picture's pixels, read straight from the buffer, over a checkerboard where it is transparent.
// Crisp: every pixel of the picture is a square, whose edges are one pixel of the screen wide at most
// (none where the enlargement is a whole number). Smooth: a cubic filter (Catmull-Rom). Both average
// where the picture is larger than its place.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "picture_args.glsl"

layout(set = 0, binding = 0) readonly buffer Pixels { uint pixels[]; }; // RGBA8, straight alpha
layout(location = 0) in vec2 texel;
layout(location = 1) flat in uint first;
layout(location = 0) out vec4 color;

// Filters work on colours times alpha: what lies under a transparent pixel does not shine through.
vec4 fetch(ivec2 at)
{
    uvec2 inside = uvec2(clamp(at, ivec2(0), ivec2(args.size) - 1));
    vec4 value = unpackUnorm4x8(pixels[first + inside.y * args.size.x + inside.x]);
    return vec4(value.rgb * value.a, value.a);
}

vec4 bilinear(vec2 at)
{
    ivec2 corner = ivec2(floor(at - 0.5));
    vec2 part = at - 0.5 - vec2(corner);
    return mix(mix(fetch(corner), fetch(corner + ivec2(1, 0)), part.x),
               mix(fetch(corner + ivec2(0, 1)), fetch(corner + ivec2(1, 1)), part.x), part.y);
}

vec4 crisp(vec2 at)
{
    vec2 enlarged = args.cell / vec2(args.size), seam = floor(at + 0.5);
    return bilinear(seam + clamp((at - seam) * enlarged, -0.5, 0.5));
}

vec4 cubic_weights(float t) // of the pixels -1 .. 2
{
    float t2 = t * t, t3 = t2 * t;
    return 0.5 * vec4(-t3 + 2.0 * t2 - t, 3.0 * t3 - 5.0 * t2 + 2.0, -3.0 * t3 + 4.0 * t2 + t,
                      t3 - t2);
}

vec4 cubic(vec2 at)
{
    ivec2 corner = ivec2(floor(at - 0.5));
    vec2 part = at - 0.5 - vec2(corner);
    vec4 wx = cubic_weights(part.x), wy = cubic_weights(part.y), sum = vec4(0.0);
    for (int y = 0; y < 4; y++) {
        vec4 row = vec4(0.0);
        for (int x = 0; x < 4; x++)
            row += wx[x] * fetch(corner + ivec2(x - 1, y - 1));
        sum += wy[y] * row;
    }
    float alpha = clamp(sum.a, 0.0, 1.0);
    return vec4(clamp(sum.rgb, 0.0, alpha), alpha);
}

vec4 average(vec2 at, vec2 reach)
{
    vec2 low = at - 0.5 * reach, high = at + 0.5 * reach;
    vec4 sum = vec4(0.0);
    for (int y = int(floor(low.y)); y < int(ceil(high.y)); y++)
        for (int x = int(floor(low.x)); x < int(ceil(high.x)); x++) {
            vec2 covered = min(high, vec2(x + 1, y + 1)) - max(low, vec2(x, y));
            sum += covered.x * covered.y * fetch(ivec2(x, y));
        }
    return sum / (reach.x * reach.y);
}

void main()
{
    vec2 reach = vec2(args.size) / args.cell; // of a pixel of the screen, in the picture's
    bool smaller = max(reach.x, reach.y) > 1.0;
    vec4 value = smaller                    ? average(texel, max(reach, 1.0))
                 : args.smooth_filter != 0u ? cubic(texel)
                                            : crisp(texel);
    ivec2 square = ivec2(floor((gl_FragCoord.xy - args.origin) / args.checker));
    vec3 behind = vec3(((square.x + square.y) & 1) == 0 ? args.checker_light : args.checker_dark);
    color = vec4((value.rgb + behind * (1.0 - value.a)) * args.brightness, 1.0);
}
