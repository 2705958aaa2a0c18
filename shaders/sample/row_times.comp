// What the network embeds for the recipe's rows cursor .. cursor + EMBEDDED_ROWS - 1, each for all
// images; past the last row, the last one's.
//   recipe, cursor          read
//   labels                  [args.labels] words, not read where there are none
//   time, segment           [EMBEDDED_ROWS * images] f32: written
//   row_labels              [EMBEDDED_ROWS * images]: written where there are labels
// One workgroup makes all.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/args.h"
#include "lib/recipe.h"

layout(local_size_x = SAMPLING_WORKGROUP) in;

layout(set = 0, binding = 0, std430) readonly buffer RecipeBuffer { sampler_recipe recipe; };
layout(set = 0, binding = 1, std430) readonly buffer Cursor { uint cursor; };
layout(set = 0, binding = 2, std430) readonly buffer Labels { uint labels[]; };
layout(set = 0, binding = 3, std430) writeonly buffer Time { float time[]; };
layout(set = 0, binding = 4, std430) writeonly buffer Segment { float segment[]; };
layout(set = 0, binding = 5, std430) writeonly buffer RowLabels { uint row_labels[]; };

layout(push_constant) uniform Args { row_times_args args; };

void main()
{
    for (uint i = gl_LocalInvocationID.x; i < EMBEDDED_ROWS * args.images; i += SAMPLING_WORKGROUP) {
        const uint row = min(cursor + i / args.images, recipe.steps - 1u);
        time[i] = recipe.rows[row].timestep;
        segment[i] = recipe.rows[row].segment;
        if (args.labels > 0u)
            row_labels[i] = labels[i % args.images % args.labels];
    }
}
