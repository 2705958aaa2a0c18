// Where the recipe keeps a part of a photo, the finished picture has it, to the last bit; or its luminance.
//   recipe    struct sampler_recipe: nothing is done unless it keeps something
//   picture   [n, h, w, c] f32: read and written
//   photo     [1, h, w, c] f32
//   mask      [1, h, w, 1] f32: 1 keeps
// An invocation makes one quad of channels; x counts a picture's quads, y its pictures.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/args.h"
#include "lib/recipe.h"
#include "lib/set_back.glsl"

layout(local_size_x = SAMPLING_WORKGROUP) in;

layout(set = 0, binding = 0, std430) readonly buffer RecipeBuffer { sampler_recipe recipe; };
layout(set = 0, binding = 1, std430) buffer Picture { vec4 picture_values[]; };
layout(set = 0, binding = 2, std430) readonly buffer Photo { vec4 photo[]; };
layout(set = 0, binding = 3, std430) readonly buffer Mask { vec4 mask[]; };

layout(push_constant) uniform Args { sampling_args args; };

void main()
{
    const uint index = gl_GlobalInvocationID.x, picture = gl_GlobalInvocationID.y;
    if (recipe.keeps == KEEPS_NOTHING || index >= args.pixels * args.quads)
        return;
    const uint at = picture * args.pixels * args.quads + index;
    const float kept = mask[index / args.quads].x;
    picture_values[at] = set_back(picture_values[at], photo[index], kept, recipe.keeps);
}
