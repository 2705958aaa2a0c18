// A grid of pictures as rectangles of two triangles: instance i is picture i.
// Draw with 6 vertices and one instance per picture.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "picture_args.glsl"

layout(location = 0) out vec2 texel; // position in the picture, in its pixels
layout(location = 1) flat out uint first; // the picture's first pixel in the buffer

void main()
{
    vec2 corner = vec2(gl_VertexIndex == 1 || gl_VertexIndex == 2 || gl_VertexIndex == 4,
                       gl_VertexIndex == 2 || gl_VertexIndex == 4 || gl_VertexIndex == 5);
    uint cell = gl_InstanceIndex - args.first_picture;
    vec2 place = args.origin + args.pitch * vec2(cell % args.columns, cell / args.columns);
    vec2 pixel = place + corner * args.cell;
    texel = corner * vec2(args.size);
    first = args.first_pixel + gl_InstanceIndex * args.size.x * args.size.y;
    gl_Position = vec4(pixel * args.to_clip - 1.0, 0.0, 1.0);
}
