// products[point] = points[point] * weight[point] for every point of Winograd's convolution.
//   points    [point_count, tiles, stride] float   weight  of winograd_packing.c: conv2d_pack's order,
//   products  [point_count, tiles, co] float       with a point for a tap
//
// A workgroup is LANES lanes: tiles x * LANES * PIXELS .. of point z, channels y * QUADS * 4 .. .
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#if SHUFFLE
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#include "lib/args.h"
#include "lib/types.glsl"

layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint PIXELS = 4; // here: tiles
layout(constant_id = 2) const uint QUADS = 4;
layout(local_size_x_id = 0) in;

INPUT_FLOAT4(0, Points, points);
INPUT4(1, Weight, weight);
layout(set = 0, binding = 2, std430) writeonly buffer Products { vec4 products[]; };
layout(push_constant) uniform Args { winograd_product_args args; };
#include "lib/product.glsl"

uint tile_of(uint p) { return (gl_WorkGroupID.x * PIXELS + p) * LANES + gl_LocalInvocationID.x; }

void main()
{
    const uint point = gl_WorkGroupID.z, channel = gl_WorkGroupID.y * QUADS;
    uint at[PIXELS];
    [[unroll]] for (uint p = 0; p < PIXELS; p++)
        at[p] = (point * args.tiles + min(tile_of(p), args.tiles - 1)) * args.stride;
    [[unroll]] for (uint i = 0; i < PIXELS * QUADS; i++)
        sums[i] = vec4(0);

    uint block = (gl_WorkGroupID.y * gl_NumWorkGroups.z + point) * args.quads_in * BLOCK;
    for (uint quad = 0; quad < args.quads_in; quad++) {
        vec4 value[PIXELS];
        [[unroll]] for (uint p = 0; p < PIXELS; p++)
            value[p] = fetch_float4(points, at[p] + quad);
        multiply(block, value);
        block += BLOCK;
    }

    OUTPUT_LOOP for (uint p = 0; p < PIXELS; p++) {
        const uint tile = tile_of(p), to = (point * args.tiles + tile) * args.quads_out + channel;
        [[unroll]] for (uint quad = 0; quad < QUADS; quad++)
            if (tile < args.tiles && channel + quad < args.quads_out)
                products[to + quad] = sums[quad];
        next_sums();
    }
}
