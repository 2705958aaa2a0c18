// The statistics of group norm over a chunk of an image's pixels, for a few groups at a time.
//   x      [n, h, w, c]
//   stats  [n, chunks, 1, 4 * groups] float: (shift, mean - shift, squares, 0) per group, where
//          squares is the sum of (x - mean)^2; or, when one chunk is the whole image (FINISH),
//          (shift, mean - shift, 1 / sqrt(variance + eps), 0)
//
// The shift is the group's first value in the image, so that a mean of 1e3 with a deviation of 1e-2
// loses nothing: the mean is kept as the sum of two floats. Welford's method on x - shift keeps
// the result right when that first value is far from the others.
//
// One workgroup: block_groups groups of one image over chunk_pixels pixels. A lane has vectors of
// four channels (x) and every LANES_Y-th pixel (y), then the lanes of y are merged per channel,
// then the channels per group. The order is fixed: the same input gives the same bits.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint ENTRIES = 64; // block_quads * LANES_Y at least
layout(constant_id = 3) const bool FINISH = true;
layout(local_size_x_id = 0, local_size_y_id = 1) in;

INPUT4(0, X, x);
layout(set = 0, binding = 1, std430) writeonly buffer Stats { vec4 stats[]; };
layout(push_constant) uniform Push { group_norm_stats_args args; };

shared vec4 means[ENTRIES];   // entry quad * LANES_Y + y; after merging, y = 0 is the quad's
shared vec4 squares[ENTRIES];

// The group's first value in the image.
float shift_of(uint image, uint group)
{
    const uint channel = group * args.group_channels;
    const uint first_pixel = args.x.offset + image * args.pixels * args.x.stride;
    return fetch4(x, first_pixel + channel / 4)[channel % 4];
}

// How many of the chunk's pixels the lane y has.
uint lane_pixels(uint pixels, uint y)
{
    return (pixels + LANES_Y - 1 - y) / LANES_Y;
}

void accumulate(uint image, uint quad, uint first_pixel, uint pixels, uint entry)
{
    vec4 shift;
    for (uint i = 0; i < 4; ++i)
        shift[i] = shift_of(image, min((4 * quad + i) / args.group_channels, args.groups - 1));
    const uint count = lane_pixels(pixels, gl_LocalInvocationID.y);
    const uint pixel = image * args.pixels + first_pixel + gl_LocalInvocationID.y;
    uint from = args.x.offset + pixel * args.x.stride + quad;
    vec4 mean = vec4(0.0), square = vec4(0.0);
    for (uint i = 0; i < count; ++i) {
        const vec4 value = fetch4(x, from) - shift;
        const vec4 before = value - mean;
        mean += before * (1.0 / float(i + 1));
        square += before * (value - mean);
        from += LANES_Y * args.x.stride;
    }
    means[entry] = mean;
    squares[entry] = square;
}

// The pixels of all lanes y of one quad.
void merge_lanes(uint quad, uint pixels)
{
    vec4 sum = vec4(0.0);
    for (uint y = 0; y < LANES_Y; ++y)
        sum += float(lane_pixels(pixels, y)) * means[quad * LANES_Y + y];
    const vec4 mean = sum / float(pixels);
    vec4 square = vec4(0.0);
    for (uint y = 0; y < LANES_Y; ++y) {
        const vec4 apart = means[quad * LANES_Y + y] - mean;
        square += squares[quad * LANES_Y + y] + float(lane_pixels(pixels, y)) * apart * apart;
    }
    means[quad * LANES_Y] = mean;
    squares[quad * LANES_Y] = square;
}

// The channels of group `group` of the block: (mean - shift, squares).
vec2 merge_channels(uint group, uint pixels)
{
    const uint first = group * args.group_channels, end = first + args.group_channels;
    float mean = 0.0;
    for (uint c = first; c < end; ++c)
        mean += means[c / 4 * LANES_Y][c % 4];
    mean /= float(args.group_channels);
    float square = 0.0;
    for (uint c = first; c < end; ++c) {
        const float apart = means[c / 4 * LANES_Y][c % 4] - mean;
        square += squares[c / 4 * LANES_Y][c % 4] + float(pixels) * apart * apart;
    }
    return vec2(mean, square);
}

void main()
{
    const uint block = gl_WorkGroupID.x, chunk = gl_WorkGroupID.y, image = gl_WorkGroupID.z;
    const uint first_pixel = chunk * args.chunk_pixels;
    const uint pixels = min(args.chunk_pixels, args.pixels - first_pixel);
    for (uint q = gl_LocalInvocationID.x; q < args.block_quads; q += LANES_X) {
        const uint quad = block * args.block_quads + q;
        if (quad < args.quads)
            accumulate(image, quad, first_pixel, pixels, q * LANES_Y + gl_LocalInvocationID.y);
    }
    barrier();
    const uint lane = gl_LocalInvocationIndex;
    for (uint q = lane; q < args.block_quads; q += LANES_X * LANES_Y)
        if (block * args.block_quads + q < args.quads)
            merge_lanes(q, pixels);
    barrier();
    for (uint g = lane; g < args.block_groups; g += LANES_X * LANES_Y) {
        const uint group = block * args.block_groups + g;
        if (group >= args.groups)
            break;
        const vec2 merged = merge_channels(g, pixels);
        const float count = float(pixels) * float(args.group_channels);
        const float last = FINISH ? 1.0 / sqrt(merged.y / count + args.eps) : merged.y;
        stats[(image * gl_NumWorkGroups.y + chunk) * args.groups + group] =
            vec4(shift_of(image, group), merged.x, last, 0.0);
    }
}
