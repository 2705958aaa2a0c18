// latent = initial_scale * noise(seed of the picture, draw 0), or the host's noise, and as much of
// the known picture as the recipe says; cursor = 0.
//   recipe        struct sampler_recipe
//   cursor        uint: written
//   latent        [n, h, w, c] f32: written, pad lanes 0
//   start_noise   [n, h, w, c] f32, pad lanes 0
//   known         [1, h, w, c] f32, pad lanes 0
//   begun_noise   [n, h, w, c] f32: the noise, written if the recipe keeps a part of the known picture
// An invocation makes one quad of channels; x counts a picture's quads, y its pictures.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/philox.h"
#include "lib/args.h"
#include "lib/recipe.h"
#include "lib/noise.glsl"

layout(local_size_x = SAMPLING_WORKGROUP) in;

layout(set = 0, binding = 0, std430) readonly buffer RecipeBuffer { sampler_recipe recipe; };
layout(set = 0, binding = 1, std430) writeonly buffer Cursor { uint cursor; };
layout(set = 0, binding = 2, std430) writeonly buffer Latent { vec4 latent[]; };
layout(set = 0, binding = 3, std430) readonly buffer StartNoise { vec4 start_noise[]; };
layout(set = 0, binding = 4, std430) readonly buffer Known { vec4 known[]; };
layout(set = 0, binding = 5, std430) writeonly buffer BegunNoise { vec4 begun_noise[]; };

layout(push_constant) uniform Args { sampling_args args; };

void main()
{
    const uint index = gl_GlobalInvocationID.x, picture = gl_GlobalInvocationID.y;
    if (index == 0u && picture == 0u)
        cursor = 0u;
    if (index >= args.pixels * args.quads)
        return;
    const uint pixel = index / args.quads, channel = 4u * (index % args.quads);
    const uint at = picture * args.pixels * args.quads + index;
    const vec4 noise = recipe.start_from_host != 0u
        ? start_noise[at]
        : noise_quad(recipe.seed_low[picture], recipe.seed_high[picture], 0u,
                     pixel * args.channels + channel, min(args.channels - channel, 4u));
    vec4 start = recipe.initial_scale * noise;
    if (recipe.initial_known != 0.0)
        start += recipe.initial_known * known[index];
    if (recipe.keeps != 0u)
        begun_noise[at] = noise;
    latent[at] = start;
}
