// Adjusted DDIM's |e|^2 of each picture, as partial sums in a fixed order; zeros for other rows.
//   recipe, cursor   read
//   latent           [n, h, w, c] f32
//   model            [evaluations * n, h, w, c] in storage type: the network's output
//   partials         [n, chunks] f32: written
// A workgroup makes one partial: x counts the chunks, y the pictures. Chunk i has the quads
// 64 i .. 64 i + 63, modulo 64 * chunks.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/args.h"
#include "lib/recipe.h"
#include "lib/types.glsl"
#include "lib/finite.glsl"

layout(local_size_x = SAMPLING_WORKGROUP) in;

layout(set = 0, binding = 0, std430) readonly buffer RecipeBuffer { sampler_recipe recipe; };
layout(set = 0, binding = 1, std430) readonly buffer Cursor { uint cursor; };
layout(set = 0, binding = 2, std430) readonly buffer Latent { vec4 latent[]; };
layout(set = 0, binding = 3, std430) readonly buffer Model { S4 model[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Partials { float partials[]; };

layout(push_constant) uniform Args { sampling_args args; };

#include "lib/sampler_row.glsl"

shared float sums[SAMPLING_WORKGROUP];

float sum_of_quads(sampler_row row, uint chunk, uint picture, uint local)
{
    float sum = 0.0;
    for (uint index = chunk * SAMPLING_WORKGROUP + local; index < args.pixels * args.quads;
         index += args.chunks * SAMPLING_WORKGROUP) {
        const uint pixel = picture * args.pixels + index / args.quads, quad = index % args.quads;
        const vec4 x = latent[pixel * args.quads + quad];
        const vec4 m = model_output(row, pixel, quad, gl_NumWorkGroups.y);
        const vec4 e = predict_noise(row, x, predict_x0(row, x, m));
        sum += dot(e, e);
    }
    return sum;
}

void main()
{
    const uint chunk = gl_WorkGroupID.x, picture = gl_WorkGroupID.y;
    const uint local = gl_LocalInvocationIndex;
    const sampler_row row = current_row();
    const bool adjusted = row.variance > 0.0; // the same for all: no barrier is skipped by some
    if (adjusted) {
        sums[local] = sum_of_quads(row, chunk, picture, local);
        for (uint half_size = SAMPLING_WORKGROUP / 2; half_size > 0u; half_size /= 2u) {
            barrier();
            if (local < half_size)
                sums[local] += sums[local + half_size];
        }
    }
    if (local == 0u)
        partials[picture * args.chunks + chunk] = adjusted ? sums[0] : 0.0;
}
