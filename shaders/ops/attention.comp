// y = softmax(q k^T * scale) v per head, with a running maximum and sum (online softmax, as in
// FlashAttention): no matrix of scores is stored.
//   qkv  [n, tokens, 3 * heads * width]: all q, all k, all v; head i has channels i * width ..
//   or q [n, tokens, heads * width] there and kv [n, keys, 2 * heads * width]
//   y    [n, tokens, heads * width]
// width is 4 * QUADS * PARTS; other widths: attention_any.comp.
//
// A lane has ROWS queries, LANES apart, and goes through the keys KEYS at a time. One workgroup:
// LANES * ROWS queries and one of the PARTS of one head (y) of one image (z). A lane's query and
// its part of the sum stay in registers; of a head too wide for that (PARTS > 1) every part finds
// the same softmax anew, with the query read again for every KEYS keys.
//
// SHUFFLE, for software devices: a workgroup is exactly one subgroup of LANES = KEYS. Each lane
// loads one key's vector, the dear instruction there, and constant shuffles hand it round (one
// instruction each). Without it all lanes read the same address, and no subgroup size is assumed.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#if SHUFFLE
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#include "lib/types.glsl"
#include "lib/args.h"

layout(constant_id = 0) const uint LANES = 64;
layout(constant_id = 1) const uint ROWS = 1;
layout(constant_id = 2) const uint KEYS = 4;
layout(constant_id = 3) const uint QUADS = 16;
layout(constant_id = 4) const uint PARTS = 1;
layout(constant_id = 5) const bool CAUSAL = false; // query i sees the keys up to i
layout(local_size_x_id = 0) in;

INPUT4(0, QKV, qkv);
INPUT4(1, KV, kv);
layout(set = 0, binding = 2, std430) writeonly buffer Y { S4 y[]; };
layout(push_constant) uniform Push { attention_args args; };

const float LOWEST = -3.402823e38;

vec4 query[ROWS * QUADS]; // one part of it, times scale
vec4 sum[ROWS * QUADS];   // of weight * v, relative to 2^highest: the workgroup's part
float highest[ROWS], total[ROWS];

// The keys key .. key + KEYS - 1 (past the end the last one again), one vector of their channels.
#if SHUFFLE
vec4 held;
void fetch(uint base, uint key)
{
    const uint own = min(key + gl_SubgroupInvocationID, args.keys - 1);
    held = fetch4(kv, base + own * args.kv.stride);
}
vec4 fetched(uint j) { return subgroupShuffle(held, j); }
#else
vec4 held[KEYS];
void fetch(uint base, uint key)
{
    [[unroll]] for (uint j = 0; j < KEYS; ++j)
        held[j] = fetch4(kv, base + min(key + j, args.keys - 1) * args.kv.stride);
}
vec4 fetched(uint j) { return held[j]; }
#endif

// first: the vector of the head's first query of this image; token: of this lane's first row.
void load_query(uint first, uint token, uint part)
{
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        const uint row = min(token + r * LANES, args.tokens - 1);
        const uint from = first + row * args.qkv.stride + part * QUADS;
        [[unroll]] for (uint quad = 0; quad < QUADS; ++quad)
            query[r * QUADS + quad] = fetch4(qkv, from + quad) * args.scale;
    }
}

bool sees(uint token, uint key)
{
    return key < args.keys && (!CAUSAL || key <= token);
}

// keys: the vector of the head's first key of this image.
void attend(uint queries, uint keys, uint token, uint part, uint key)
{
    const uint values = keys + args.heads * PARTS * QUADS + part * QUADS;
    float weight[ROWS * KEYS]; // first the logits
    [[unroll]] for (uint i = 0; i < ROWS * KEYS; ++i)
        weight[i] = 0.0;
    for (uint p = 0; p < PARTS; ++p) {
        if (PARTS > 1)
            load_query(queries, token, p);
        [[unroll]] for (uint quad = 0; quad < QUADS; ++quad) {
            fetch(keys + p * QUADS + quad, key);
            [[unroll]] for (uint j = 0; j < KEYS; ++j) {
                const vec4 k = fetched(j);
                [[unroll]] for (uint r = 0; r < ROWS; ++r) {
                    const vec4 q = query[r * QUADS + quad];
                    float logit = weight[r * KEYS + j] + q.x * k.x;
                    logit += q.y * k.y;
                    logit += q.z * k.z;
                    weight[r * KEYS + j] = logit + q.w * k.w;
                }
            }
        }
    }

    float rescale[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        const float before = highest[r];
        [[unroll]] for (uint j = 0; j < KEYS; ++j) {
            if (CAUSAL && !sees(token + r * LANES, key + j))
                weight[r * KEYS + j] = LOWEST;
            highest[r] = max(highest[r], weight[r * KEYS + j]); // a repeated key changes nothing
        }
        rescale[r] = exp2(before - highest[r]);
        total[r] *= rescale[r];
        [[unroll]] for (uint j = 0; j < KEYS; ++j) {
            const float w = exp2(weight[r * KEYS + j] - highest[r]);
            weight[r * KEYS + j] = sees(token + r * LANES, key + j) ? w : 0.0;
            total[r] += weight[r * KEYS + j];
        }
    }

    [[unroll]] for (uint quad = 0; quad < QUADS; ++quad) {
        fetch(values + quad, key);
        [[unroll]] for (uint r = 0; r < ROWS; ++r)
            sum[r * QUADS + quad] *= rescale[r];
        [[unroll]] for (uint j = 0; j < KEYS; ++j) {
            const vec4 v = fetched(j);
            [[unroll]] for (uint r = 0; r < ROWS; ++r)
                sum[r * QUADS + quad] += weight[r * KEYS + j] * v;
        }
    }
}

void main()
{
    const uint head = gl_WorkGroupID.y / PARTS, part = gl_WorkGroupID.y % PARTS;
    const uint image = gl_WorkGroupID.z;
    const uint queries =
        args.qkv.offset + image * args.tokens * args.qkv.stride + head * PARTS * QUADS;
    const uint keys = args.kv.offset + image * args.keys * args.kv.stride + head * PARTS * QUADS;
    const uint first = gl_WorkGroupID.x * LANES * ROWS + gl_LocalInvocationID.x;
    if (PARTS == 1)
        load_query(queries, first, 0);
    [[unroll]] for (uint i = 0; i < ROWS * QUADS; ++i)
        sum[i] = vec4(0.0);
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        highest[r] = LOWEST;
        total[r] = 0.0;
    }

    for (uint key = 0; key < args.keys; key += KEYS)
        attend(queries, keys, first, part, key);

    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        const uint token = first + r * LANES;
        if (token < args.tokens) {
            const uint to = args.y.offset + (image * args.tokens + token) * args.y.stride +
                            (head * PARTS + part) * QUADS;
            [[unroll]] for (uint quad = 0; quad < QUADS; ++quad)
                store4(y, to + quad, sum[r * QUADS + quad] / total[r]);
        }
    }
}
