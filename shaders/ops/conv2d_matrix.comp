// y = activation(conv(x, weight) + bias + embedding + residual) on matrix units: the product of
// [pixels, taps * ci] and [taps * ci, co], halves in, sums in float. A product with a matrix is
// KERNEL = 1. UPSAMPLE: see conv2d.comp.
//
//   x         [n, h_in, w_in, ci]     weight  packed by matrix_pack
//   bias      [co], float             embedding [n, co]
//   residual  as y                    y       [n, h_out, w_out, co]
//   or, PARTIAL: sums [splits, n * h_out * w_out, co], float, which conv2d_reduce.comp adds up
//
// A workgroup makes TILE_PIXELS pixels (x; counted through all images) x TILE_CHANNELS channels (y)
// of one phase and one part of the sum (z). Its SUBGROUPS_Y x SUBGROUPS_X subgroups share them, and
// share what they read: CHUNK terms of the sum at a time go through shared memory, and while they are
// multiplied the next ones are on their way into registers.
//
// A chunk of a row is CHUNK / 8 vectors of 8 channels; a vector belongs to one tap. Rows past the
// end, taps in the padding and vectors behind the last tap are zeros.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#include "lib/activation.glsl"
#include "lib/args.h"
#include "lib/types.glsl"

layout(constant_id = 0) const uint LANES = 128;
layout(constant_id = 1) const uint TILE_PIXELS = 64;
layout(constant_id = 2) const uint TILE_CHANNELS = 64;
layout(constant_id = 3) const uint SUBGROUPS_Y = 2; // along the pixels
layout(constant_id = 4) const uint SUBGROUPS_X = 2; // along the channels
layout(constant_id = 5) const uint M = 16; // what the device multiplies: M x K times K x N
layout(constant_id = 6) const uint N = 16;
layout(constant_id = 7) const uint K = 16;
layout(constant_id = 8) const uint BUFFERS = 2; // chunks in shared memory: 2 save a barrier
layout(constant_id = 9) const uint KERNEL = 3;
layout(constant_id = 10) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = 11) const bool HAS_BIAS = true;
layout(constant_id = 12) const bool HAS_EMBEDDING = false;
layout(constant_id = 13) const bool HAS_RESIDUAL = false;
layout(constant_id = 14) const uint UPSAMPLING = 0; // bit 0: UPSAMPLE, bit 1: UPSAMPLE_RESIDUAL
layout(constant_id = 15) const uint LAYOUT = 0;     // bit 0: PARTIAL, bit 1: WIDE
const bool PARTIAL = (LAYOUT & 1) != 0;
const bool WIDE = (LAYOUT & 2) != 0; // pixels of x start at 16 bytes and have whole vectors of 8
layout(local_size_x_id = 0) in;

layout(push_constant) uniform Args { conv2d_staged_args args; };
layout(set = 0, binding = 0, std430) readonly buffer X { uvec2 x[]; };
layout(set = 0, binding = 0, std430) readonly buffer XWide { uvec4 x_wide[]; };
layout(set = 0, binding = 1, std430) readonly buffer Weight { uvec4 weight[]; };
#include "lib/conv2d_staged.glsl"

const uint CHUNK = CONV2D_MATRIX_CHUNK;
const uint VECTORS = CHUNK / 8;
// A row in shared memory, in vectors: one more than there are, so that the rows that a subgroup
// reads together lie in different banks.
const uint ROW = VECTORS + 1;
const uint BUFFER = (TILE_PIXELS + TILE_CHANNELS) * ROW;

const uint SUBGROUP = LANES / (SUBGROUPS_Y * SUBGROUPS_X);
const uint TALL = TILE_PIXELS / (SUBGROUPS_Y * M);      // matrices of a subgroup
const uint OUT_WIDE = TILE_CHANNELS / (SUBGROUPS_X * N);
const uint OUT_QUADS = OUT_WIDE * N / 4;
const uint OUT_ROW = OUT_QUADS + 1; // as ROW, of floats
const uint OUT = SUBGROUPS_Y * SUBGROUPS_X * M * OUT_ROW;

shared uvec4 stage[BUFFERS * BUFFER > OUT ? BUFFERS * BUFFER : OUT];

coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator> sums[TALL * OUT_WIDE];

// A lane loads vector `slot` of the rows lane_row(0), lane_row(1), ... of both inputs.
const uint ROW_STEP = LANES / VECTORS;
const uint PIXEL_LOADS = (TILE_PIXELS + ROW_STEP - 1) / ROW_STEP;
const uint CHANNEL_LOADS = (TILE_CHANNELS + ROW_STEP - 1) / ROW_STEP;
uvec4 pixel_held[PIXEL_LOADS], channel_held[CHANNEL_LOADS];
ivec2 corner[PIXEL_LOADS];
uint corner_at[PIXEL_LOADS];
uint channel_at[CHANNEL_LOADS];
uint tap, vector; // where the slot is

uint slot() { return gl_LocalInvocationID.x % VECTORS; }
uint lane_row(uint i) { return i * ROW_STEP + gl_LocalInvocationID.x / VECTORS; }

void start(uint chunk)
{
    const uint vectors_in = (args.conv.quads_in + 1) / 2;
    tap = (chunk * VECTORS + slot()) / vectors_in;
    vector = chunk * VECTORS + slot() - tap * vectors_in;
    [[unroll]] for (uint i = 0; i < PIXEL_LOADS; i++)
        corner[i] = corner_of(lane_row(i), corner_at[i]);
    [[unroll]] for (uint i = 0; i < CHANNEL_LOADS; i++) {
        const uint channel = gl_WorkGroupID.y * TILE_CHANNELS + lane_row(i);
        channel_at[i] = ((phase() * args.chunks + chunk) * args.weight_rows +
            min(channel, args.weight_rows - 1)) * VECTORS + slot();
    }
}

// The next chunk into registers. Conditions stand around the loads, not behind them: a choice between
// the loaded value and zero would wait for the load, in front of the products that are to hide it.
void fetch()
{
    const uint tap_y = tap / KERNEL, tap_x = tap % KERNEL;
    const uint offset = (tap_y * args.conv.w_in + tap_x) * args.conv.x.stride + 2 * vector;
    [[unroll]] for (uint i = 0; i < PIXEL_LOADS; i++) {
        const uint at = corner_at[i] + offset;
        pixel_held[i] = uvec4(0);
        if (tap < KERNEL * KERNEL && is_inside(corner[i] + ivec2(tap_y, tap_x))) {
            if (WIDE) {
                pixel_held[i] = x_wide[at / 2];
            } else {
                pixel_held[i].xy = x[at];
                if (2 * vector + 1 < args.conv.quads_in)
                    pixel_held[i].zw = x[at + 1];
            }
        }
    }
    [[unroll]] for (uint i = 0; i < CHANNEL_LOADS; i++) {
        channel_held[i] = weight[channel_at[i]];
        channel_at[i] += args.weight_rows * VECTORS;
    }
    const uint vectors_in = (args.conv.quads_in + 1) / 2;
    for (vector += VECTORS; vector >= vectors_in; vector -= vectors_in)
        tap++;
}

void store(uint to)
{
    [[unroll]] for (uint i = 0; i < PIXEL_LOADS; i++)
        if (TILE_PIXELS % ROW_STEP == 0 || lane_row(i) < TILE_PIXELS)
            stage[to + lane_row(i) * ROW + slot()] = pixel_held[i];
    [[unroll]] for (uint i = 0; i < CHANNEL_LOADS; i++)
        if (TILE_CHANNELS % ROW_STEP == 0 || lane_row(i) < TILE_CHANNELS)
            stage[to + (TILE_PIXELS + lane_row(i)) * ROW + slot()] = channel_held[i];
}

void multiply(uint from)
{
    const uint pixels = from + gl_SubgroupID / SUBGROUPS_X * TALL * M * ROW;
    const uint channels =
        from + (TILE_PIXELS + gl_SubgroupID % SUBGROUPS_X * OUT_WIDE * N) * ROW;
    [[unroll]] for (uint k = 0; k < CHUNK / K; k++) {
        coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a[TALL];
        coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b;
        [[unroll]] for (uint i = 0; i < TALL; i++)
            coopMatLoad(a[i], stage, pixels + i * M * ROW + k * K / 8, ROW,
                gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint j = 0; j < OUT_WIDE; j++) {
            coopMatLoad(b, stage, channels + j * N * ROW + k * K / 8, ROW,
                gl_CooperativeMatrixLayoutColumnMajor);
            [[unroll]] for (uint i = 0; i < TALL; i++)
                sums[i * OUT_WIDE + j] = coopMatMulAdd(a[i], b, sums[i * OUT_WIDE + j]);
        }
    }
}

#include "lib/matrix_sums.glsl"

void main()
{
    const uint first = split() * args.split_chunks;
    const uint end = min(first + args.split_chunks, args.chunks);
    [[unroll]] for (uint i = 0; i < TALL * OUT_WIDE; i++)
        sums[i] = coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>(0.0);
    start(first);
    fetch();
    store(0);
    barrier();
    uint current = 0;
    for (uint chunk = first; chunk < end; chunk++) {
        if (chunk + 1 < end)
            fetch();
        multiply(current);
        if (BUFFERS == 1)
            barrier();
        else
            current = BUFFER - current;
        store(current); // behind the last chunk: once more what is there, and nobody reads it
        barrier();
    }
    put_sums(gl_WorkGroupID.x * TILE_PIXELS + gl_SubgroupID / SUBGROUPS_X * TALL * M,
        gl_WorkGroupID.y * TILE_CHANNELS / 4 + gl_SubgroupID % SUBGROUPS_X * OUT_QUADS);
}
