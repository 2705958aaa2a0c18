// y = activation(x * W^T + bias + residual) for few rows.
//
//   x [rows, ci]   weight [ceil4(ci), ceil4(co)], packed by linear_pack   bias [co], float
//   residual and y [rows, co]
//
// A lane has one quad of output channels of ROWS rows. A workgroup is LANES lanes: LANES / SLICES
// neighbouring quads, whose sums over the input channels are cut into SLICES parts, rows y * ROWS
// .. . SLICES > 1 is for hardware, which has lanes to fill; with 1 there is no barrier in here.
//
// SHUFFLE: see conv2d.comp. A workgroup is one subgroup of LANES, each lane loads another quad of
// x. It needs SLICES = 1.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#if SHUFFLE
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#include "lib/activation.glsl"
#include "lib/args.h"
#include "lib/types.glsl"

layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint ROWS = 1;
layout(constant_id = 2) const uint SLICES = 1;
layout(constant_id = 3) const bool HAS_BIAS = true;
layout(constant_id = 4) const bool HAS_RESIDUAL = false;
layout(constant_id = 5) const uint ACTIVATION = ACTIVATION_NONE;
layout(local_size_x_id = 0) in;

INPUT4(0, X, x);
INPUT4(1, Weight, weight);
layout(set = 0, binding = 2, std430) readonly buffer Bias { vec4 bias[]; };
layout(set = 0, binding = 3, std430) readonly buffer Residual { S4 residual[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Args { linear_args args; };

shared vec4 partial[LANES * ROWS];
vec4 sums[ROWS];

vec4 load_x(uint r, uint quad)
{
    const uint row = min(gl_WorkGroupID.y * ROWS + r, args.rows - 1);
    return fetch4(x, args.x.offset + row * args.x.stride + min(quad, args.quads_in - 1));
}

// sums += input channels 4 quad .. 4 quad + 3 into output channels 4 channel .. 4 channel + 3
void multiply(uint quad, uint channel, const vec4 value[ROWS])
{
    vec4 w[4];
    [[unroll]] for (uint k = 0; k < 4; k++)
        w[k] = fetch4(weight, (4 * quad + k) * args.quads_out + channel);
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        vec4 sum = sums[r] + value[r].x * w[0];
        sum += value[r].y * w[1];
        sum += value[r].z * w[2];
        sums[r] = sum + value[r].w * w[3];
    }
}

#if SHUFFLE
void multiply_all(uint slice, uint channel)
{
    for (uint first = 0; first < args.quads_in; first += LANES) {
        vec4 held[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            held[r] = load_x(r, first + gl_SubgroupInvocationID);
        const uint count = min(LANES, args.quads_in - first);
        for (uint i = 0; i < count; i++) {
            vec4 value[ROWS];
            [[unroll]] for (uint r = 0; r < ROWS; r++)
                value[r] = subgroupShuffle(held[r], i);
            multiply(first + i, channel, value);
        }
    }
}
#else
void multiply_all(uint slice, uint channel)
{
    for (uint quad = slice; quad < args.quads_in; quad += SLICES) {
        vec4 value[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            value[r] = load_x(r, quad);
        multiply(quad, channel, value);
    }
}
#endif

// Adds the slices' sums into the first slice's lanes.
void reduce(uint slice, uint lane)
{
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        partial[r * LANES + gl_LocalInvocationID.x] = sums[r];
    barrier();
    if (slice == 0)
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            for (uint other = 1; other < SLICES; other++)
                sums[r] += partial[r * LANES + other * (LANES / SLICES) + lane];
}

void finish(uint row, uint channel, vec4 value)
{
    if (HAS_RESIDUAL)
        value += load4(residual, args.residual.offset + row * args.residual.stride + channel);
    store4(y, args.y.offset + row * args.y.stride + channel, activate(ACTIVATION, value));
}

void main()
{
    const uint slice = gl_LocalInvocationID.x / (LANES / SLICES);
    const uint lane = gl_LocalInvocationID.x % (LANES / SLICES);
    const uint channel = gl_WorkGroupID.x * (LANES / SLICES) + lane;

    // The bias comes first, as in conv2d.comp: a few rows then give the same bits as many.
    const uint last = min(channel, args.quads_out - 1);
    const vec4 first = HAS_BIAS && slice == 0 ? bias[last] : vec4(0);
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        sums[r] = first;
    multiply_all(slice, last);
    if (SLICES > 1)
        reduce(slice, lane);

    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        const uint row = gl_WorkGroupID.y * ROWS + r;
        if (slice == 0 && row < args.rows && channel < args.quads_out)
            finish(row, channel, sums[r]);
    }
}
