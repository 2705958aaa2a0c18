// y = activation(((x - mean) * rstd * gamma + beta) * (1 + scale) + shift)
//   x, y         [n, h, w, c]
//   stats        [n, 1, 1, 4 * groups] float: (shift, mean - shift, rstd, 0), see group_norm_stats
//   gamma, beta  [c] float
//   scale_shift  [n, 1, 1, 2c]: scale, then shift
// One workgroup: LANES_X vectors of four channels by LANES_Y * PER_LANE pixels of one image. A lane
// keeps its four channels, so that everything but x becomes one product and one sum beforehand.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/activation.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES_X = 8;
layout(constant_id = 1) const uint LANES_Y = 8;
layout(constant_id = 2) const uint PER_LANE = 16;
layout(constant_id = 3) const bool HAS_SCALE_SHIFT = false;
layout(constant_id = 4) const uint ACTIVATION = ACTIVATION_NONE;
layout(local_size_x_id = 0, local_size_y_id = 1) in;

INPUT4(0, X, x);
layout(set = 0, binding = 1, std430) readonly buffer Stats { vec4 stats[]; };
layout(set = 0, binding = 2, std430) readonly buffer Gamma { vec4 gamma[]; };
layout(set = 0, binding = 3, std430) readonly buffer Beta { vec4 beta[]; };
layout(set = 0, binding = 4, std430) readonly buffer ScaleShift { S4 scale_shift[]; };
layout(set = 0, binding = 5, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { group_norm_args args; };

float scale_shift_at(uint image, uint channel)
{
    const uint at = args.scale_shift.offset + image * args.scale_shift.stride + channel / 4;
    return load4(scale_shift, at)[channel % 4];
}

void main()
{
    const uint quad = gl_GlobalInvocationID.x, image = gl_WorkGroupID.z;
    if (quad >= args.quads)
        return;

    vec4 center, product = gamma[quad], sum = beta[quad]; // y = (x - center) * product + sum
    for (uint i = 0; i < 4; ++i) {
        const uint channel = 4 * quad + i;
        const uint group = min(channel / args.group_channels, args.groups - 1);
        const vec4 s = stats[image * args.groups + group];
        center[i] = s.x;
        product[i] *= s.z;
        sum[i] -= s.y * product[i];
        if (HAS_SCALE_SHIFT && channel < args.channels) {
            const float scale = 1.0 + scale_shift_at(image, channel);
            product[i] *= scale;
            sum[i] = sum[i] * scale + scale_shift_at(image, args.channels + channel);
        }
    }

    uint pixel = gl_WorkGroupID.y * LANES_Y * PER_LANE + gl_LocalInvocationID.y;
    for (uint i = 0; i < PER_LANE && pixel < args.pixels; ++i, pixel += LANES_Y) {
        const uint p = image * args.pixels + pixel;
        const vec4 value = fetch4(x, args.x.offset + p * args.x.stride + quad) - center;
        store4(y, args.y.offset + p * args.y.stride + quad,
               activate(ACTIVATION, value * product + sum));
    }
}
