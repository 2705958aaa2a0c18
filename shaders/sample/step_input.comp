// What the network gets in this step: time, segment and sample = input_scale * latent.
//   recipe, cursor   read
//   latent           [n, h, w, c] f32
//   time, segment    [n] f32: written
//   sample           [n, h, w, c] in storage type: written, pad lanes 0
// An invocation makes one quad of channels; x counts a picture's quads, y its pictures.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/args.h"
#include "lib/recipe.h"
#include "lib/types.glsl"

layout(local_size_x = SAMPLING_WORKGROUP) in;

layout(set = 0, binding = 0, std430) readonly buffer RecipeBuffer { sampler_recipe recipe; };
layout(set = 0, binding = 1, std430) readonly buffer Cursor { uint cursor; };
layout(set = 0, binding = 2, std430) readonly buffer Latent { vec4 latent[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Time { float time[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Segment { float segment[]; };
layout(set = 0, binding = 5, std430) writeonly buffer Sample { S4 sample_out[]; };

layout(push_constant) uniform Args { sampling_args args; };

void main()
{
    const uint index = gl_GlobalInvocationID.x, picture = gl_GlobalInvocationID.y;
    const uint row = min(cursor, uint(RECIPE_STEPS_MAX - 1));
    if (index == 0u) {
        time[picture] = recipe.rows[row].timestep;
        segment[picture] = recipe.rows[row].segment;
    }
    if (index >= args.pixels * args.quads)
        return;
    const uint pixel = picture * args.pixels + index / args.quads, quad = index % args.quads;
    const vec4 x = latent[pixel * args.quads + quad];
    store4(sample_out, pixel * args.other.stride + args.other.offset + quad,
           recipe.rows[row].input_scale * x);
}
