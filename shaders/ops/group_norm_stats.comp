// Group norm of an image that is too large for one workgroup: the statistics of a chunk of it.
//   x      [n, h, w, c]
//   stats  [n, chunks, 2, c] float: (mean - shift, squares) of every channel, see lib/group_stats
// One workgroup: block_quads vectors of four channels of one image over chunk_pixels pixels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint ENTRIES = 64;
layout(local_size_x_id = 0, local_size_y_id = 1) in;

INPUT4(0, X, x);
layout(set = 0, binding = 1, std430) writeonly buffer Stats { vec4 stats[]; };
layout(set = 0, binding = 2, std430) readonly buffer First { S4 first[]; }; // as x
layout(push_constant) uniform Push { group_norm_args args; };
#include "lib/group_stats.glsl"

void main()
{
    const uint block = gl_WorkGroupID.x, chunk = gl_WorkGroupID.y, image = gl_WorkGroupID.z;
    const uint first_pixel = chunk * args.chunk_pixels;
    gather_stats(image, block, first_pixel, min(args.chunk_pixels, args.pixels - first_pixel));
    barrier();
    for (uint q = gl_LocalInvocationIndex; q < args.block_quads; q += LANES_X * LANES_Y) {
        const uint quad = block * args.block_quads + q;
        if (quad < args.quads) {
            const uint to =
                args.stats.offset + 2 * (image * args.chunks + chunk) * args.quads + quad;
            stats[to] = means[q * LANES_Y];
            stats[to + args.quads] = squares[q * LANES_Y];
        }
    }
}
