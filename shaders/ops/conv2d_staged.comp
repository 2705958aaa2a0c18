// y = activation(conv(x, weight) + bias + embedding + residual) on GPUs without matrix units: the
// product of [pixels, taps * ci] and [taps * ci, co]. A product with a matrix is KERNEL = 1.
// UPSAMPLE: see conv2d.comp.
//
//   x         [n, h_in, w_in, ci]     weight  packed by conv2d_pack, 16 channels together
//   bias      [co], float             embedding [n, co]
//   residual  as y                    y       [n, h_out, w_out, co]
//   or, PARTIAL: sums [splits, n * h_out * w_out, co], float, which conv2d_reduce.comp adds up
//
// A workgroup makes LANES_Y * PIXELS pixels (x; counted through all images) x LANES_X * QUADS vectors
// of four channels (y) of one phase and one part of the sum (z); a lane makes every LANES_Y-th of the
// pixels and every LANES_X-th of the vectors. What they read goes through shared memory, QUADS_IN
// vectors of x at a time, and while these are multiplied the next ones are on their way into registers.
// The lanes that run together read neighbouring vectors there, or one and the same.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/activation.glsl"
#include "lib/args.h"
#include "lib/types.glsl"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PIXELS = 8;
layout(constant_id = 3) const uint QUADS = 2;
layout(constant_id = 4) const uint KERNEL = 3;
layout(constant_id = 5) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = 6) const bool HAS_BIAS = true;
layout(constant_id = 7) const bool HAS_EMBEDDING = false;
layout(constant_id = 8) const bool HAS_RESIDUAL = false;
layout(constant_id = 9) const uint UPSAMPLING = 0; // bit 0: UPSAMPLE, bit 1: UPSAMPLE_RESIDUAL
layout(constant_id = 10) const bool PARTIAL = false;
layout(local_size_x_id = 0, local_size_y_id = 1) in;

layout(push_constant) uniform Args { conv2d_staged_args args; };
layout(set = 0, binding = 0, std430) readonly buffer X { S4 x[]; };
layout(set = 0, binding = 1, std430) readonly buffer Weight { S4 weight[]; };

const uint TILE_PIXELS = LANES_Y * PIXELS;
#include "lib/conv2d_staged.glsl"

const uint LANES = LANES_X * LANES_Y;
const uint TILE_QUADS = LANES_X * QUADS;
const uint QUADS_IN = CONV2D_STAGED_QUADS;
const uint BLOCK = 16; // the vectors of packed weight for 4 input channels (of one tap)
const uint BLOCKS = TILE_QUADS / 4; // that stand beside each other
// Of shared memory, in pairs of terms and in vectors of channels. A vector, or half a block, more than
// there are: so that the rows that are written or read together lie in different banks.
const uint PIXEL_ROW = 2 * QUADS_IN + 2;
const uint WEIGHT_ROW = TILE_QUADS + 4;

shared vec2 pixels[TILE_PIXELS * PIXEL_ROW];
shared vec4 weights[QUADS_IN * 4 * WEIGHT_ROW];

vec4 sums[PIXELS * QUADS];

// A lane loads vector `slot` of the rows lane_row(0), lane_row(1), ... of x, and the vectors
// lane_weight(0), ... of the weight's blocks.
const uint ROW_STEP = LANES / QUADS_IN;
const uint PIXEL_LOADS = (TILE_PIXELS + ROW_STEP - 1) / ROW_STEP;
const uint WEIGHT_LOADS = (BLOCKS * QUADS_IN * BLOCK + LANES - 1) / LANES;
S4 pixel_held[PIXEL_LOADS], weight_held[WEIGHT_LOADS];
ivec2 corner[PIXEL_LOADS];
uint corner_at[PIXEL_LOADS], weight_at[WEIGHT_LOADS];
uint tap, quad_in; // where the slot is

uint slot() { return gl_LocalInvocationIndex % QUADS_IN; }
uint lane_row(uint i) { return i * ROW_STEP + gl_LocalInvocationIndex / QUADS_IN; }
uint lane_weight(uint i) { return i * LANES + gl_LocalInvocationIndex; }

void start(uint chunk)
{
    const uint first = chunk * QUADS_IN + slot();
    tap = first / args.conv.quads_in;
    quad_in = first - tap * args.conv.quads_in;
    [[unroll]] for (uint i = 0; i < PIXEL_LOADS; i++)
        corner[i] = corner_of(lane_row(i), corner_at[i]);
    const uint rows = KERNEL * KERNEL * args.conv.quads_in, last = (args.conv.quads_out - 1) / 4;
    [[unroll]] for (uint i = 0; i < WEIGHT_LOADS; i++) {
        const uint beside = lane_weight(i) / (QUADS_IN * BLOCK);
        const uint block = min(gl_WorkGroupID.y * BLOCKS + beside, last) * PHASES + phase();
        weight_at[i] = (block * rows + chunk * QUADS_IN) * BLOCK + lane_weight(i) % (QUADS_IN * BLOCK);
    }
}

// The next chunk into registers. Behind the last tap the pixels are zeros, and the weights those of
// another block, or the slack behind them all. Conditions stand around the loads: conv2d_matrix.comp.
void fetch()
{
    const uint tap_y = tap / KERNEL, tap_x = tap % KERNEL;
    const uint offset = (tap_y * args.conv.w_in + tap_x) * args.conv.x.stride + quad_in;
    [[unroll]] for (uint i = 0; i < PIXEL_LOADS; i++) {
        pixel_held[i] = S4(0);
        if (tap < KERNEL * KERNEL && is_inside(corner[i] + ivec2(tap_y, tap_x)))
            pixel_held[i] = x[corner_at[i] + offset];
    }
    [[unroll]] for (uint i = 0; i < WEIGHT_LOADS; i++) {
        weight_held[i] = weight[weight_at[i]];
        weight_at[i] += QUADS_IN * BLOCK;
    }
    for (quad_in += QUADS_IN; quad_in >= args.conv.quads_in; quad_in -= args.conv.quads_in)
        tap++;
}

void store()
{
    [[unroll]] for (uint i = 0; i < PIXEL_LOADS; i++)
        if (TILE_PIXELS % ROW_STEP == 0 || lane_row(i) < TILE_PIXELS) {
            const vec4 value = from_storage(pixel_held[i]);
            pixels[lane_row(i) * PIXEL_ROW + 2 * slot()] = value.xy;
            pixels[lane_row(i) * PIXEL_ROW + 2 * slot() + 1] = value.zw;
        }
    [[unroll]] for (uint i = 0; i < WEIGHT_LOADS; i++) {
        const uint beside = lane_weight(i) / (QUADS_IN * BLOCK), row = lane_weight(i) / 4 % (QUADS_IN * 4);
        if (BLOCKS * QUADS_IN * BLOCK % LANES == 0 || beside < BLOCKS)
            weights[row * WEIGHT_ROW + beside * 4 + lane_weight(i) % 4] = from_storage(weight_held[i]);
    }
}

// Two terms at a time: the registers of four would not be there for the sums.
void multiply()
{
    [[dont_unroll]] for (uint pair = 0; pair < 2 * QUADS_IN; pair++) {
        vec2 value[PIXELS];
        [[unroll]] for (uint p = 0; p < PIXELS; p++)
            value[p] = pixels[(p * LANES_Y + gl_LocalInvocationID.y) * PIXEL_ROW + pair];
        [[unroll]] for (uint k = 0; k < 2; k++)
            [[unroll]] for (uint q = 0; q < QUADS; q++) {
                const vec4 w =
                    weights[(pair * 2 + k) * WEIGHT_ROW + q * LANES_X + gl_LocalInvocationID.x];
                [[unroll]] for (uint p = 0; p < PIXELS; p++)
                    sums[p * QUADS + q] += value[p][k] * w;
            }
    }
}

void main()
{
    const uint first = split() * args.split_chunks;
    const uint end = min(first + args.split_chunks, args.chunks);
    [[unroll]] for (uint i = 0; i < PIXELS * QUADS; i++)
        sums[i] = vec4(0);
    start(first);
    fetch();
    for (uint chunk = first; chunk < end; chunk++) {
        store();
        barrier();
        if (chunk + 1 < end)
            fetch();
        multiply();
        barrier();
    }
    [[unroll]] for (uint p = 0; p < PIXELS; p++)
        [[unroll]] for (uint q = 0; q < QUADS; q++)
            put(gl_WorkGroupID.x * TILE_PIXELS + p * LANES_Y + gl_LocalInvocationID.y,
                gl_WorkGroupID.y * TILE_QUADS + q * LANES_X + gl_LocalInvocationID.x,
                sums[p * QUADS + q]);
}
