// y = activation(((x - mean) * rstd * gamma + beta) * (1 + scale) + shift)
//   x, y         [n, h, w, c]; or, where x is bound in bands, of one image [1, pixels, 1, c]
//   chunk_stats  [n, chunks, 2, c] float, of group_norm_stats; not read when WHOLE
//   gamma, beta  [c] float
//   scale_shift  [n, 1, 1, 2c]: scale, then shift
// One workgroup: block_groups groups of one image, all its pixels when WHOLE, otherwise part_pixels
// of them. The channels' statistics are made here, or merged from those of all chunks; then come
// those of the groups. A lane has vectors of four channels (x) and every LANES_Y-th pixel (y).
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/activation.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint ENTRIES = 64;
layout(constant_id = 3) const bool WHOLE = true;
layout(constant_id = 4) const bool HAS_SCALE_SHIFT = false;
layout(constant_id = 5) const uint ACTIVATION = ACTIVATION_NONE;
layout(local_size_x_id = 0, local_size_y_id = 1) in;

INPUT4(0, X, x);
layout(set = 0, binding = 1, std430) readonly buffer ChunkStats { vec4 chunk_stats[]; };
layout(set = 0, binding = 2, std430) readonly buffer Gamma { vec4 gamma[]; };
layout(set = 0, binding = 3, std430) readonly buffer Beta { vec4 beta[]; };
layout(set = 0, binding = 4, std430) readonly buffer ScaleShift { S4 scale_shift[]; };
layout(set = 0, binding = 5, std430) writeonly buffer Y { S4 y[]; };
layout(set = 0, binding = 6, std430) readonly buffer First { S4 first[]; }; // as x
layout(push_constant) uniform Push { group_norm_args args; };
#include "lib/group_stats.glsl"

struct group_statistics { // y = (x - shift - mean) * rstd, see lib/group_stats.glsl
    float shift, mean, rstd;
};
shared group_statistics groups[GROUP_NORM_BLOCK_GROUPS_MAX];

void merge_chunks(uint image, uint quad, uint entry)
{
    float count = 0.0;
    vec4 mean = vec4(0.0), square = vec4(0.0);
    for (uint i = 0; i < args.chunks; ++i) {
        const uint from = args.stats.offset + 2 * (image * args.chunks + i) * args.quads + quad;
        const float more = float(min(args.chunk_pixels, args.image_pixels - i * args.chunk_pixels));
        const float part = more / (count + more);
        const vec4 apart = chunk_stats[from] - mean;
        mean += apart * part;
        square += chunk_stats[from + args.quads] + apart * apart * (count * part);
        count += more;
    }
    means[entry] = mean;
    squares[entry] = square;
}

// The sum of the channels `channel` .. that are in first .. end - 1.
float sum_inside(vec4 values, uint channel, uint first, uint end)
{
    const uvec4 channels = channel + uvec4(0, 1, 2, 3);
    values = mix(vec4(0.0), values, greaterThanEqual(channels, uvec4(first)));
    return dot(mix(vec4(0.0), values, lessThan(channels, uvec4(end))), vec4(1.0));
}

// Those of group `group` of the block from its channels'.
group_statistics merge_channels(uint image, uint first_quad, uint group)
{
    const uint first = group * args.group_channels, end = first + args.group_channels;
    const float shift = shift_of(image, first_quad + first / 4)[first % 4];
    const float pixels = float(args.image_pixels);
    float mean = 0.0, square = 0.0;
    for (uint q = first / 4; q < (end + 3) / 4; ++q) {
        const vec4 own = means[q * LANES_Y] + (shift_of(image, first_quad + q) - shift);
        mean += sum_inside(own, 4 * q, first, end);
    }
    mean /= float(args.group_channels);
    for (uint q = first / 4; q < (end + 3) / 4; ++q) {
        const vec4 apart = means[q * LANES_Y] + (shift_of(image, first_quad + q) - shift) - mean;
        square += sum_inside(squares[q * LANES_Y] + pixels * apart * apart, 4 * q, first, end);
    }
    const float variance = square / (pixels * float(args.group_channels));
    return group_statistics(shift, mean, 1.0 / sqrt(variance + args.eps));
}

void prepare(uint image, uint block)
{
    const uint first_quad = block * args.block_quads, lane = gl_LocalInvocationIndex;
    if (WHOLE)
        gather_stats(image, block, 0, args.pixels);
    else
        for (uint q = lane; q < min(args.block_quads, args.quads - first_quad);
             q += LANES_X * LANES_Y)
            merge_chunks(image, first_quad + q, q * LANES_Y);
    barrier();
    const uint count = min(args.block_groups, args.groups - block * args.block_groups);
    for (uint group = lane; group < count; group += LANES_X * LANES_Y)
        groups[group] = merge_channels(image, first_quad, group);
    barrier();
}

// Quad `quad` of scale_shift; its two halves need not meet at a quad's end.
vec4 load_scale(uint image, uint quad)
{
    return load4(scale_shift, args.scale_shift.offset + image * args.scale_shift.stride + quad);
}

vec4 load_shift(uint image, uint quad)
{
    const uint skip = args.channels % 4, first = args.channels / 4 + quad;
    const vec4 a = load_scale(image, first);
    if (skip == 0)
        return a;
    vec4 shift;
    for (uint i = 0; i < 4; ++i)
        shift[i] = 4 * quad + i >= args.channels ? 0.0
                   : skip + i < 4                ? a[skip + i]
                                                 : load_scale(image, first + 1)[skip + i - 4];
    return shift;
}

void apply(uint image, uint quad, uint first_group, uint first_pixel, uint end)
{
    vec4 center, product = gamma[quad], sum = beta[quad]; // y = (x - center) * product + sum
    for (uint i = 0; i < 4; ++i) {
        const uint group = min((4 * quad + i) / args.group_channels, args.groups - 1);
        const group_statistics s = groups[group - first_group];
        center[i] = s.shift;
        product[i] *= s.rstd;
        sum[i] -= s.mean * product[i];
    }
    if (HAS_SCALE_SHIFT) {
        const vec4 scale = 1.0 + load_scale(image, quad);
        product *= scale;
        sum = sum * scale + load_shift(image, quad);
    }
    for (uint pixel = first_pixel + gl_LocalInvocationID.y; pixel < end; pixel += LANES_Y) {
        const uint p = image * args.pixels + pixel;
        const vec4 value = fetch4(x, args.x.offset + p * args.x.stride + quad) - center;
        store4(y, args.y.offset + p * args.y.stride + quad,
               activate(ACTIVATION, value * product + sum));
    }
}

void main()
{
    const uint block = gl_WorkGroupID.x, part = gl_WorkGroupID.y, image = gl_WorkGroupID.z;
    prepare(image, block);
    const uint first_pixel = part * args.part_pixels;
    const uint end = min(first_pixel + args.part_pixels, args.pixels);
    for (uint q = gl_LocalInvocationID.x; q < args.block_quads; q += LANES_X) {
        const uint quad = block * args.block_quads + q;
        if (quad < args.quads)
            apply(image, quad, block * args.block_groups, first_pixel, end);
    }
}
