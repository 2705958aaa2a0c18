// y = activation(A^T products A + bias + embedding + residual), TILE x TILE pixels of every tile
// (lib/winograd.glsl).
//   products  [POINTS * POINTS, tiles, co] float
//   bias      [co], float             embedding [n, co]
//   residual  as y; UPSAMPLE_RESIDUAL: [n, h / 2, w / 2, co]
//   y         [n, h, w, co]
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE tiles.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/activation.glsl"
#include "lib/args.h"
#include "lib/divide.glsl"
#include "lib/types.glsl"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 1;
layout(constant_id = 3) const uint TILE = 4;
layout(constant_id = 4) const bool HAS_BIAS = true;
layout(constant_id = 5) const bool HAS_EMBEDDING = false;
layout(constant_id = 6) const bool HAS_RESIDUAL = false;
layout(constant_id = 7) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = 8) const bool UPSAMPLE_RESIDUAL = false;
layout(local_size_x_id = 0, local_size_y_id = 1) in;
#include "lib/grid.glsl"
#include "lib/winograd.glsl"

INPUT_FLOAT4(0, Products, products);
layout(set = 0, binding = 1, std430) readonly buffer Bias { vec4 bias[]; };
layout(set = 0, binding = 2, std430) readonly buffer Embedding { S4 embedding[]; };
layout(set = 0, binding = 3, std430) readonly buffer Residual { S4 residual[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { winograd_args args; };

void finish(uint image, uint row, uint column, uint quad, vec4 value)
{
    const uint to = (image * args.h + row) * args.w + column;
    const uint from =
        UPSAMPLE_RESIDUAL ? (image * args.h + row) / 2 * (args.w / 2) + column / 2 : to;
    if (HAS_RESIDUAL)
        value += load4(residual, args.residual.offset + from * args.residual.stride + quad);
    store4(y, args.y.offset + to * args.y.stride + quad, activate(ACTIVATION, value));
}

void transform(uint tile, uint quad)
{
    // Loops as in winograd_input.comp.
    vec4 values[TILE * POINTS], m[6];
    uint from = tile * args.quads + quad;
    [[dont_unroll]] for (uint i = 0; i < POINTS; i++) {
        [[unroll]] for (uint k = 0; k < POINTS; k++)
            m[k] = fetch_float4(products, from + k * args.count * args.quads);
        from += POINTS * args.count * args.quads;
        from_points(m);
        [[unroll]] for (uint k = 0; k < TILE; k++) {
            [[unroll]] for (uint next = 1; next < POINTS; next++)
                values[k * POINTS + next - 1] = values[k * POINTS + next];
            values[k * POINTS + POINTS - 1] = m[k];
        }
    }
    const uint tile_row = divide(args.first + tile, args.tiles_x);
    const uint image = divide(tile_row, args.tiles_y);
    const uint row = TILE * (tile_row - image * args.tiles_y);
    const uint column = TILE * (args.first + tile - tile_row * args.tiles_x);
    vec4 first = vec4(0);
    if (HAS_BIAS)
        first = bias[quad];
    if (HAS_EMBEDDING)
        first += load4(embedding, args.embedding.offset + image * args.embedding.stride + quad);
    [[dont_unroll]] for (uint i = 0; i < TILE; i++) {
        [[unroll]] for (uint k = 0; k < POINTS; k++)
            m[k] = values[k];
        from_points(m);
        [[dont_unroll]] for (uint k = 0; k < TILE; k++) {
            if (row + k < args.h && column + i < args.w)
                finish(image, row + k, column + i, quad, first + m[0]);
            [[unroll]] for (uint next = 1; next < TILE; next++)
                m[next - 1] = m[next];
        }
        [[unroll]] for (uint next = POINTS; next < TILE * POINTS; next++)
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
