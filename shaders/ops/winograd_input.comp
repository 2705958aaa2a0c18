// points = B^T x B of every tile: what a 3x3 convolution with stride 1 reads for TILE x TILE outputs,
// at POINTS x POINTS points (lib/winograd.glsl).
//   x       [n, h, w, ci]
//   points  [POINTS * POINTS, tiles, stride] float: its sums reach further than float16 does
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE tiles.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/args.h"
#include "lib/divide.glsl"
#include "lib/types.glsl"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 1;
layout(constant_id = 3) const uint TILE = 4;
layout(local_size_x_id = 0, local_size_y_id = 1) in;
#include "lib/grid.glsl"
#include "lib/winograd.glsl"

INPUT4(0, X, x);
layout(set = 0, binding = 1, std430) writeonly buffer Points { vec4 points[]; };
layout(push_constant) uniform Push { winograd_args args; };

vec4 load_pixel(uint image, int row, int column, uint quad)
{
    const bool inside = uint(row) < args.h && uint(column) < args.w;
    const uint pixel = inside ? (image * args.h + row) * args.w + column : 0;
    const vec4 value = fetch4(x, args.x.offset + pixel * args.x.stride + quad);
    return inside ? value : vec4(0);
}

void transform(uint tile, uint quad)
{
    const uint tile_row = divide(args.first + tile, args.tiles_x);
    const uint image = divide(tile_row, args.tiles_y);
    const int row = int(TILE * (tile_row - image * args.tiles_y)) - int(args.pad_top);
    const int column = int(TILE * (args.first + tile - tile_row * args.tiles_x)) -
        int(args.pad_left);
    // The loops stay loops, for a software device's compiler; so the next value moves up to a fixed
    // place instead of being indexed.
    vec4 values[POINTS * POINTS], d[6];
    [[dont_unroll]] for (int i = 0; i < POINTS; i++) {
        [[unroll]] for (int k = 0; k < POINTS; k++)
            d[k] = load_pixel(image, row + k, column + i, quad);
        to_points(d);
        [[unroll]] for (uint k = 0; k < POINTS; k++) {
            [[unroll]] for (uint next = 1; next < POINTS; next++)
                values[k * POINTS + next - 1] = values[k * POINTS + next];
            values[k * POINTS + POINTS - 1] = d[k];
        }
    }
    uint to = tile * args.stride + quad;
    [[dont_unroll]] for (uint i = 0; i < POINTS; i++) {
        [[unroll]] for (uint k = 0; k < POINTS; k++)
            d[k] = values[k];
        to_points(d);
        [[dont_unroll]] for (uint k = 0; k < POINTS; k++) {
            points[to] = d[0];
            [[unroll]] for (uint next = 1; next < POINTS; next++)
                d[next - 1] = d[next];
            to += args.count * args.stride;
        }
        [[unroll]] for (uint next = POINTS; next < POINTS * POINTS; next++)
            values[next - POINTS] = values[next];
    }
}

void main()
{
    const uint quad = grid_quad();
    if (quad >= args.quads)
        return;
    for (uint i = 0; i < PER_LANE; ++i)
        if (grid_pixel(i) < args.count)
            transform(grid_pixel(i), quad);
}
