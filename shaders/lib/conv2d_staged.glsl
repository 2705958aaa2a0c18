// Where the pixels of a convolution lie whose workgroups go through shared memory, and where its sums
// go. A workgroup makes TILE_PIXELS pixels (x; counted through all images) of one phase and one part
// of the sum (z). Declare TILE_PIXELS, UPSAMPLING, PARTIAL, the constants of conv2d_finish.glsl and
// the push constants `args` (conv2d_staged_args) before including this. Bindings: 2 to 5, and 5 the parts.
#ifndef CONV2D_STAGED_GLSL
#define CONV2D_STAGED_GLSL

const bool UPSAMPLE = (UPSAMPLING & 1) != 0;
const bool UPSAMPLE_RESIDUAL = (UPSAMPLING & 2) != 0;
const uint PHASES = UPSAMPLE ? 4 : 1;

layout(set = 0, binding = 5, std430) writeonly buffer Partial { vec4 partial[]; };
#define FINISH_BINDING 2
#include "lib/conv2d_finish.glsl"

uint phase() { return gl_WorkGroupID.z % PHASES; }
uint split() { return gl_WorkGroupID.z / PHASES; }
uint pixel_count() { return args.images * args.conv.h_out * args.conv.w_out; }

// Pixel `row` of the workgroup's: y, x in the input of the kernel's first tap, and `at` its vector
// of channels 0 to 3. Past the last pixel it is outside, whatever the tap.
ivec2 corner_of(uint row, out uint at)
{
    const uint pixel = gl_WorkGroupID.x * TILE_PIXELS + row;
    const uint y = pixel / args.conv.w_out, image = y / args.conv.h_out;
    const ivec2 corner =
        ivec2(y - image * args.conv.h_out, pixel - y * args.conv.w_out) * int(args.conv.step) -
        ivec2(args.conv.pad_top, args.conv.pad_left) + ivec2(phase() / 2, phase() % 2);
    at = args.conv.x.offset +
        ((image * args.conv.h_in + corner.x) * args.conv.w_in + corner.y) * args.conv.x.stride;
    return pixel < pixel_count() ? corner : ivec2(-0x40000000, 0);
}

bool is_inside(ivec2 yx) { return uint(yx.x) < args.conv.h_in && uint(yx.y) < args.conv.w_in; }

void put(uint pixel, uint quad, vec4 value)
{
    if (pixel >= pixel_count() || quad >= args.conv.quads_out)
        return;
    uint to = pixel;
    if (UPSAMPLE) {
        const uint row = pixel / args.conv.w_out, column = pixel - row * args.conv.w_out;
        to = (2 * row + phase() / 2) * 2 * args.conv.w_out + 2 * column + phase() % 2;
    }
    if (PARTIAL)
        partial[(split() * PHASES * pixel_count() + to) * args.conv.quads_out + quad] = value;
    else
        finish(to, quad, value);
}

#endif
