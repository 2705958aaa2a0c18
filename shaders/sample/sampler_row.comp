// The sampler's step: latent = the row's update (formulas in lib/recipe.h).
//   recipe, cursor   read
//   latent           [n, h, w, c] f32: read and written, pad lanes stay 0
//   model            [evaluations * n, h, w, c] in storage type: the network's output
//   partials         [n, chunks] f32: of |e|^2, for a row with variance
//   known            [1, h, w, c] f32, pad lanes 0; mask: [1, h, w, 1]; begun_noise: [n, h, w, c], pad
//                    lanes 0: for a row that keeps
//   step_noise       [STEP_NOISE_SLOTS, n, h, w, c] f32, pad lanes 0
//   x0_before        [n, h, w, c] f32: read and written by rows with a past, pad lanes stay 0
// An invocation makes one quad of channels; x counts a picture's quads, y its pictures.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/philox.h"
#include "lib/args.h"
#include "lib/recipe.h"
#include "lib/types.glsl"
#include "lib/finite.glsl"
#include "lib/noise.glsl"
#include "lib/set_back.glsl"

layout(local_size_x = SAMPLING_WORKGROUP) in;

layout(set = 0, binding = 0, std430) readonly buffer RecipeBuffer { sampler_recipe recipe; };
layout(set = 0, binding = 1, std430) readonly buffer Cursor { uint cursor; };
layout(set = 0, binding = 2, std430) buffer Latent { vec4 latent[]; };
layout(set = 0, binding = 3, std430) readonly buffer Model { S4 model[]; };
layout(set = 0, binding = 4, std430) readonly buffer Partials { float partials[]; };
layout(set = 0, binding = 5, std430) readonly buffer Known { vec4 known[]; };
layout(set = 0, binding = 6, std430) readonly buffer Mask { vec4 mask[]; };
layout(set = 0, binding = 7, std430) readonly buffer StepNoise { vec4 step_noise[]; };
layout(set = 0, binding = 8, std430) buffer Before { vec4 x0_before[]; };
layout(set = 0, binding = 9, std430) readonly buffer BegunNoise { vec4 begun_noise[]; };

layout(push_constant) uniform Args { sampling_args args; };

#include "lib/sampler_row.glsl"

// g of the row: how much more of the predicted noise adjusted DDIM keeps.
float adjustment(sampler_row row, uint picture)
{
    float squares = 0.0;
    for (uint chunk = 0u; chunk < args.chunks; ++chunk)
        squares += partials[picture * args.chunks + chunk];
    const float elements = float(args.pixels * args.channels);
    // no predicted noise: nothing to scale
    return squares > 0.0
        ? sqrt(row.sigma * row.sigma + row.variance * elements / squares) - row.sigma
        : 0.0;
}

// noise(seed, draw) of the row; at: the quad's place in the latent.
vec4 row_noise(sampler_row row, uint picture, uint first, uint count, uint at)
{
    const uint slot_quads = gl_NumWorkGroups.y * args.pixels * args.quads;
    if (recipe.steps_from_host != 0u)
        return step_noise[cursor % STEP_NOISE_SLOTS * slot_quads + at];
    return noise_quad(recipe.seed_low[picture], recipe.seed_high[picture], row.draw, first, count);
}

void main()
{
    const uint index = gl_GlobalInvocationID.x, picture = gl_GlobalInvocationID.y;
    if (index >= args.pixels * args.quads)
        return;
    const uint pixel = index / args.quads, quad = index % args.quads;
    const uint at = picture * args.pixels * args.quads + index;
    const uint all_pixel = picture * args.pixels + pixel;

    const sampler_row row = current_row();
    const vec4 x = latent[at], m = model_output(row, all_pixel, quad, gl_NumWorkGroups.y);
    const vec4 x0 = predict_x0(row, x, m);
    vec4 next = row.next_x0 * x0 + row.next_sample * x + row.next_model * m;
    if (row.variance > 0.0)
        next += adjustment(row, picture) * predict_noise(row, x, x0);
    vec4 noise = vec4(0.0);
    if (row.next_noise != 0.0)
        noise = row_noise(row, picture, pixel * args.channels + 4u * quad,
                          min(args.channels - 4u * quad, 4u), at);
    next += row.next_noise * noise;
    if (row.next_before != 0.0)
        next += row.next_before * x0_before[at];
    if (row.keep_x0 != 0u)
        x0_before[at] = x0;
    if (row.known_x0 != 0.0) {
        const float kept = mask[pixel].x;
        const vec4 back = row.known_x0 * known[index] + row.known_start * begun_noise[at] +
                          row.known_noise * noise;
        next = set_back(next, back, kept, recipe.keeps);
    }
    latent[at] = next;
}
