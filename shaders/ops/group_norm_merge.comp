// The statistics of whole images from those of equal chunks (the last may be shorter).
//   chunk_stats  [n, chunks, 1, 4 * groups]  (shift, mean - shift, squares, 0), one shift for all
//   stats        [n, 1, 1, 4 * groups]       (shift, mean - shift, 1 / sqrt(variance + eps), 0)
// One workgroup: one group of one image. Its first lane merges what all lanes have fetched, in the
// chunks' order.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/args.h"

layout(constant_id = 0) const uint LANES = 32;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer ChunkStats { vec4 chunk_stats[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Stats { vec4 stats[]; };
layout(push_constant) uniform Push { group_norm_merge_args args; };

shared vec4 fetched[GROUP_NORM_CHUNKS_MAX];

float chunk_count(uint chunk)
{
    const uint pixels = min(args.chunk_pixels, args.pixels - chunk * args.chunk_pixels);
    return float(pixels) * float(args.group_channels);
}

void main()
{
    const uint group = gl_WorkGroupID.x, image = gl_WorkGroupID.y;
    for (uint i = gl_LocalInvocationID.x; i < args.chunks; i += LANES)
        fetched[i] = chunk_stats[(image * args.chunks + i) * args.groups + group];
    barrier();
    if (gl_LocalInvocationID.x != 0)
        return;
    const float count = float(args.pixels) * float(args.group_channels);
    float mean = 0.0;
    for (uint i = 0; i < args.chunks; ++i)
        mean += chunk_count(i) * fetched[i].y;
    mean /= count;
    float squares = 0.0;
    for (uint i = 0; i < args.chunks; ++i) {
        const float apart = fetched[i].y - mean;
        squares += fetched[i].z + chunk_count(i) * apart * apart;
    }
    stats[image * args.groups + group] =
        vec4(fetched[0].x, mean, 1.0 / sqrt(squares / count + args.eps), 0.0);
}
