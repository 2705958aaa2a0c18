// y = activation(conv(x, weight) + bias + embedding + residual), KERNEL x KERNEL, any padding and
// step. A product with a matrix is KERNEL = 1.
//
// UPSAMPLE: x is enlarged twice (nearest) before a 3x3 convolution with padding 1. An output pixel
// then sees 2x2 pixels of x: which, and with what sums of the nine weights, its row and column mod
// 2 decide, its phase. KERNEL is 2, h_out and w_out are those of a phase, which are x's.
// UPSAMPLE_RESIDUAL: the residual is, when it is added.
//
//   x         [n, h_in, w_in, ci]     weight  packed by conv2d_pack
//   bias      [co], float             embedding [n, co]
//   residual  as y                    y       [n, h_out, w_out, co]
//
// A lane has PIXELS output pixels, LANES apart, and QUADS quads of output channels. A workgroup is
// LANES lanes: pixels x * LANES * PIXELS .. of image (or phase) z, channels y * QUADS * 4 .. .
// Pad lanes of y become zero by themselves: packed weights, bias and all inputs are zero there.
// SHUFFLE: lib/product.glsl.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#if SHUFFLE
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#include "lib/activation.glsl"
#include "lib/args.h"
#include "lib/divide.glsl"
#include "lib/types.glsl"

layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint PIXELS = 4;
layout(constant_id = 2) const uint QUADS = 4;
layout(constant_id = 3) const uint KERNEL = 3;
layout(constant_id = 4) const bool HAS_BIAS = true;
layout(constant_id = 5) const bool HAS_EMBEDDING = false;
layout(constant_id = 6) const bool HAS_RESIDUAL = false;
layout(constant_id = 7) const uint ACTIVATION = ACTIVATION_NONE;
layout(constant_id = 8) const bool UPSAMPLE = false;
layout(constant_id = 9) const bool UPSAMPLE_RESIDUAL = false;
layout(local_size_x_id = 0) in;

INPUT4(0, X, x);
INPUT4(1, Weight, weight);
layout(set = 0, binding = 2, std430) readonly buffer Bias { vec4 bias[]; };
layout(set = 0, binding = 3, std430) readonly buffer Embedding { S4 embedding[]; };
layout(set = 0, binding = 4, std430) readonly buffer Residual { S4 residual[]; };
layout(set = 0, binding = 5, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Args { conv2d_args args; };
#include "lib/product.glsl"

const uint PHASES = UPSAMPLE ? 4 : 1;

ivec2 corner[PIXELS]; // y, x in the input of the kernel's first tap

uint pixel_of(uint p) { return (gl_WorkGroupID.x * PIXELS + p) * LANES + gl_LocalInvocationID.x; }

uint image() { return gl_WorkGroupID.z / PHASES; }
uint phase() { return gl_WorkGroupID.z % PHASES; }

// What all pixels of a channel begin with.
vec4 first_sum(uint channel)
{
    const uint last = min(channel, args.quads_out - 1);
    vec4 value = vec4(0);
    if (HAS_BIAS)
        value = bias[last];
    if (HAS_EMBEDDING)
        value += load4(embedding,
            args.embedding.offset + image() * args.embedding.stride + last);
    return value;
}

void finish(uint pixel, uint channel, vec4 value)
{
    uint to = image() * args.h_out * args.w_out + pixel, from = to;
    if (UPSAMPLE || UPSAMPLE_RESIDUAL) {
        const uint row = divide(pixel, args.w_out), column = pixel - row * args.w_out;
        if (UPSAMPLE)
            to = (2 * (image() * args.h_out + row) + phase() / 2) * 2 * args.w_out +
                2 * column + phase() % 2;
        else
            from = (image() * args.h_out + row) / 2 * (args.w_out / 2) + column / 2;
    }
    if (!UPSAMPLE_RESIDUAL)
        from = to;
    if (HAS_RESIDUAL)
        value += load4(residual, args.residual.offset + from * args.residual.stride + channel);
    store4(y, args.y.offset + to * args.y.stride + channel, activate(ACTIVATION, value));
}

void main()
{
    [[unroll]] for (uint p = 0; p < PIXELS; p++) {
        const uint row = divide(pixel_of(p), args.w_out);
        corner[p] = ivec2(row, pixel_of(p) - row * args.w_out) * int(args.step) -
            ivec2(args.pad_top, args.pad_left) + ivec2(phase() / 2, phase() % 2);
    }
    const uint channel = gl_WorkGroupID.y * QUADS;
    [[unroll]] for (uint quad = 0; quad < QUADS; quad++) {
        const vec4 first = first_sum(channel + quad);
        [[unroll]] for (uint p = 0; p < PIXELS; p++)
            sums[p * QUADS + quad] = first;
    }

    uint block =
        (gl_WorkGroupID.y * PHASES + phase()) * KERNEL * KERNEL * args.quads_in * BLOCK;
    for (uint tap = 0; tap < KERNEL * KERNEL; tap++) {
        uint at[PIXELS];
        bool inside[PIXELS];
        [[unroll]] for (uint p = 0; p < PIXELS; p++) {
            const ivec2 yx = corner[p] + ivec2(tap / KERNEL, tap % KERNEL);
            inside[p] = uint(yx.x) < args.h_in && uint(yx.y) < args.w_in;
            const uint row = (image() * args.h_in + yx.x) * args.w_in + yx.y;
            at[p] = args.x.offset + (inside[p] ? row * args.x.stride : 0);
        }
        for (uint quad = 0; quad < args.quads_in; quad++) {
            vec4 value[PIXELS];
            [[unroll]] for (uint p = 0; p < PIXELS; p++) {
                const vec4 loaded = fetch4(x, at[p] + quad);
                value[p] = inside[p] ? loaded : vec4(0);
            }
            multiply(block, value);
            block += BLOCK;
        }
    }

    OUTPUT_LOOP for (uint p = 0; p < PIXELS; p++) {
        [[unroll]] for (uint quad = 0; quad < QUADS; quad++)
            if (pixel_of(p) < args.h_out * args.w_out && channel + quad < args.quads_out)
                finish(pixel_of(p), channel + quad, sums[quad]);
        next_sums();
    }
}
