// attention.comp's product on hardware without matrix units: lib/attention_tile.glsl says what a
// workgroup does.
//
// Scores: a lane has ROWS queries and every ACROSS-th key of the tile. y: the same rows and every
// ACROSS-th vector of four channels. Heads wider than CHUNK vectors go through shared memory in
// chunks, queries too.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/types.glsl"
#include "lib/args.h"

const uint ACROSS = 8;
layout(constant_id = 5) const uint CHUNK = 16; // a multiple of ACROSS
#include "lib/attention_tile.glsl"

const uint CHUNKS = (QUADS + CHUNK - 1) / CHUNK;
const uint PER_CHUNK = CHUNK / ACROSS; // vectors of a row of y that a lane has of a chunk
const uint OUT = CHUNKS * PER_CHUNK;
const uint ROW = CHUNK + 1; // odd: what neighbouring lanes read lies in different banks
const uint WEIGHT_ROW = KEYS / 4 + 1;

const uint OTHERS = QUERIES * ROW; // keys or values lie behind the queries
shared S4 stage[(QUERIES + KEYS) * ROW];
shared vec4 weights[QUERIES * WEIGHT_ROW];

vec4 sum[ROWS * OUT];

// A chunk of `count` tokens' vectors, zeros behind the head's last one.
void load_rows(uint to, uint count, uint third, uint token, uint chunk)
{
    for (uint i = gl_LocalInvocationIndex; i < count * CHUNK; i += LANES) {
        const uint row = i / CHUNK, quad = chunk * CHUNK + i % CHUNK;
        S4 loaded = S4(0);
        if (quad < QUADS)
            loaded = qkv[vector_of(third, token + row) + quad];
        stage[to + row * ROW + i % CHUNK] = loaded;
    }
}

uint key_of(uint i) { return i * ACROSS + across(); } // of the tile

void add_scores()
{
    for (uint quad = 0; quad < CHUNK; ++quad) {
        vec4 q[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; ++r)
            q[r] = load4(stage, row_of(r) * ROW + quad);
        [[unroll]] for (uint i = 0; i < COLUMNS; ++i) {
            const vec4 k = load4(stage, OTHERS + key_of(i) * ROW + quad);
            [[unroll]] for (uint r = 0; r < ROWS; ++r)
                scores[r * COLUMNS + i] += dot(q[r], k);
        }
    }
}

void make_scores(uint key)
{
    [[unroll]] for (uint i = 0; i < ROWS * COLUMNS; ++i)
        scores[i] = 0.0;
    for (uint chunk = 0; chunk < CHUNKS; ++chunk) {
        if (CHUNKS > 1)
            load_rows(0, QUERIES, 0, first_query(), chunk);
        load_rows(OTHERS, KEYS, 1, key, chunk);
        barrier();
        add_scores();
        if (chunk + 1 < CHUNKS)
            barrier();
    }
}

void put_weights(uint key)
{
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        weigh(r);
        [[unroll]] for (uint i = 0; i < COLUMNS; ++i) {
            const float w = key + key_of(i) < args.tokens ? scores[r * COLUMNS + i] : 0.0;
            total[r] += w;
            weights[row_of(r) * WEIGHT_ROW + key_of(i) / 4][key_of(i) % 4] = w;
        }
    }
}

void add_values(uint chunk)
{
    vec4 added[ROWS * PER_CHUNK];
    [[unroll]] for (uint i = 0; i < ROWS * PER_CHUNK; ++i)
        added[i] = vec4(0.0);
    for (uint four = 0; four < KEYS / 4; ++four) {
        vec4 w[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; ++r)
            w[r] = weights[row_of(r) * WEIGHT_ROW + four];
        [[unroll]] for (uint j = 0; j < 4; ++j)
            [[unroll]] for (uint i = 0; i < PER_CHUNK; ++i) {
                const vec4 v = load4(stage, OTHERS + (4 * four + j) * ROW + i * ACROSS + across());
                [[unroll]] for (uint r = 0; r < ROWS; ++r)
                    added[r * PER_CHUNK + i] += w[r][j] * v;
            }
    }
    // every index is a constant: a compiler that keeps the loop over the chunks would otherwise keep
    // the sums in memory
    [[unroll]] for (uint c = 0; c < CHUNKS; ++c)
        if (c == chunk)
            [[unroll]] for (uint i = 0; i < ROWS * PER_CHUNK; ++i)
                sum[i / PER_CHUNK * OUT + c * PER_CHUNK + i % PER_CHUNK] += added[i];
}

void attend(uint key)
{
    make_scores(key);
    share_maxima();
    barrier(); // the keys are read, too
    put_weights(key);
    [[unroll]] for (uint r = 0; r < ROWS; ++r)
        [[unroll]] for (uint i = 0; i < OUT; ++i)
            sum[r * OUT + i] *= rescale[r];
    for (uint chunk = 0; chunk < CHUNKS; ++chunk) {
        load_rows(OTHERS, KEYS, 2, key, chunk);
        barrier();
        add_values(chunk);
        barrier();
    }
}

void main()
{
    start_softmax();
    [[unroll]] for (uint i = 0; i < ROWS * OUT; ++i)
        sum[i] = vec4(0.0);
    if (CHUNKS == 1)
        load_rows(0, QUERIES, 0, first_query(), 0);
    for (uint key = first_key(); key < end_key(); key += KEYS)
        attend(key);
    finish_softmax();
    put_statistics();
    [[unroll]] for (uint r = 0; r < ROWS; ++r)
        [[unroll]] for (uint i = 0; i < OUT; ++i)
            put(row_of(r), i * ACROSS + across(), sum[r * OUT + i], 1.0 / total[r]);
}
