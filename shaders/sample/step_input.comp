// What the network gets in this step: time, sample = input_scale * latent, what was embedded of the row.
// A network that fills in gets, behind the latent, where nothing is known (1 - mask) and the known
// picture.
//   recipe, cursor   read
//   latent           [n, h, w, c] f32, pad lanes 0
//   known            [1, h, w, c] f32, pad lanes 0
//   mask             [1, h, w, 1] f32, pad lanes 0
//   embedded         [EMBEDDED_ROWS, evaluations * n, c] in storage type
//   row              [evaluations * n, c]: written
//   time             [evaluations * n] f32: written
//   sample           [evaluations * n, h, w, c or 2 c + 1] in storage type: written, pad lanes 0
// An invocation makes one quad of channels for all evaluations; x counts a picture's quads of the
// sample, y its pictures.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/args.h"
#include "lib/recipe.h"
#include "lib/types.glsl"

layout(local_size_x = SAMPLING_WORKGROUP) in;

layout(set = 0, binding = 0, std430) readonly buffer RecipeBuffer { sampler_recipe recipe; };
layout(set = 0, binding = 1, std430) readonly buffer Cursor { uint cursor; };
layout(set = 0, binding = 2, std430) readonly buffer Latent { vec4 latent[]; };
layout(set = 0, binding = 3, std430) readonly buffer Embedded { S4 embedded[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Row { S4 row_out[]; };
layout(set = 0, binding = 5, std430) writeonly buffer Sample { S4 sample_out[]; };

layout(set = 0, binding = 6, std430) readonly buffer Known { float known[]; };
layout(set = 0, binding = 7, std430) readonly buffer Mask { vec4 mask[]; };
layout(set = 0, binding = 8, std430) writeonly buffer Time { float time[]; };

layout(push_constant) uniform Args { sampling_args args; };

// Channel `channel` of the sample, behind the latent's; pixel: of one picture.
float beside(uint pixel, uint channel)
{
    const uint behind = channel - args.channels;
    if (behind == 0u)
        return 1.0 - mask[pixel].x;
    return channel < args.other_channels ? known[pixel * 4u * args.quads + behind - 1u] : 0.0;
}

void copy_row(uint row, uint picture, uint pictures)
{
    for (uint i = 0u; i < args.evaluations; ++i) {
        const uint image = i * pictures + picture;
        const uint from = (row % EMBEDDED_ROWS * args.evaluations * pictures + image) * args.row_quads;
        const uint to = args.row.offset + image * args.row.stride;
        for (uint quad = gl_GlobalInvocationID.x; quad < args.row_quads;
             quad += gl_NumWorkGroups.x * SAMPLING_WORKGROUP)
            row_out[to + quad] = embedded[from + quad];
    }
}

void main()
{
    const uint index = gl_GlobalInvocationID.x, picture = gl_GlobalInvocationID.y;
    const uint pictures = gl_NumWorkGroups.y, row = min(cursor, uint(RECIPE_STEPS_MAX - 1));
    copy_row(row, picture, pictures);
    if (index == 0u)
        for (uint i = 0u; i < args.evaluations; ++i)
            time[i * pictures + picture] = recipe.rows[row].timestep;
    const uint quads = (args.other_channels + 3u) / 4u;
    if (index >= args.pixels * quads)
        return;
    const uint pixel = picture * args.pixels + index / quads, quad = index % quads;
    vec4 x = vec4(0.0);
    if (quad < args.quads)
        x = recipe.rows[row].input_scale * latent[pixel * args.quads + quad];
    if (args.other_channels > args.channels)
        for (uint lane = 0u; lane < 4u; ++lane)
            if (4u * quad + lane >= args.channels)
                x[lane] = beside(index / quads, 4u * quad + lane);
    for (uint i = 0u; i < args.evaluations; ++i)
        store4(sample_out,
               (i * pictures * args.pixels + pixel) * args.other.stride + args.other.offset + quad,
               x);
}
