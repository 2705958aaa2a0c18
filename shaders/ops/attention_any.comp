// attention.comp for head widths that are no multiple of four, where a vector of four channels may
// belong to several heads. Plain and slow; no published network has such heads.
//   qkv  [n, tokens, 3 * heads * width]      y  [n, tokens, heads * width]
// A lane has four output channels of one query. One workgroup: LANES queries of the channels
// 4 * y .. 4 * y + 3 of image z.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES = 64;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer QKV { S4 qkv[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { attention_args args; };

float element(uint pixel, uint channel)
{
    return load4(qkv, args.qkv.offset + pixel * args.qkv.stride + channel / 4)[channel % 4];
}

// Of one head, the output channels channel .. channel + 3 (the caller takes those of this head).
vec4 attend(uint image, uint token, uint head, uint channel)
{
    const uint channels = args.heads * args.width;
    const uint first = image * args.tokens;
    vec4 sum = vec4(0.0);
    float highest = -3.402823e38, total = 0.0;
    for (uint key = 0; key < args.tokens; ++key) {
        float logit = 0.0;
        for (uint c = head * args.width; c < (head + 1) * args.width; ++c)
            logit += element(first + token, c) * args.scale * element(first + key, channels + c);
        const float before = highest;
        highest = max(highest, logit);
        const float rescale = exp2(before - highest), weight = exp2(logit - highest);
        total = total * rescale + weight;
        for (uint i = 0; i < 4; ++i) {
            const uint c = min(channel + i, channels - 1);
            sum[i] = sum[i] * rescale + weight * element(first + key, 2 * channels + c);
        }
    }
    return sum / total;
}

void main()
{
    const uint token = gl_GlobalInvocationID.x, quad = gl_WorkGroupID.y, image = gl_WorkGroupID.z;
    if (token >= args.tokens)
        return;
    vec4 value = vec4(0.0); // pad lanes stay zero
    uint done = args.heads;
    for (uint i = 0; i < 4 && 4 * quad + i < args.heads * args.width; ++i) {
        const uint head = (4 * quad + i) / args.width;
        if (head == done)
            continue;
        done = head;
        const vec4 part = attend(image, token, head, 4 * quad);
        for (uint j = i; j < 4; ++j)
            if (4 * quad + j < (head + 1) * args.width)
                value[j] = part[j];
    }
    store4(y, args.y.offset + (image * args.tokens + token) * args.y.stride + quad, value);
}
