// attention.comp's product on matrix units, halves in, sums in float: lib/attention_tile.glsl says
// what a workgroup does. The scores of a tile, then the weights (as halves), lie in shared memory;
// y stays in matrices, whose rows are multiplied with what the softmax rescales them by.
//
// A workgroup is SUBGROUPS_Y subgroups along the queries by SUBGROUPS_X along the keys, and along
// the channels of y. QUERIES is a multiple of SUBGROUPS_Y * M, KEYS and a head's width of
// SUBGROUPS_X * N and of K, KEYS of 32.
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#include "lib/types.glsl"
#include "lib/args.h"

const uint ACROSS = 4; // of 32 keys a lane has 8, a vector
layout(constant_id = 5) const uint SUBGROUPS_Y = 2;
layout(constant_id = 6) const uint SUBGROUPS_X = 2;
layout(constant_id = 7) const uint M = 16; // what the device multiplies: M x K times K x N
layout(constant_id = 8) const uint N = 16;
layout(constant_id = 9) const uint K = 16;
layout(constant_id = 10) const bool WIDE = true; // tokens and heads start at 16 bytes
#include "lib/attention_tile.glsl"
layout(set = 0, binding = 0, std430) readonly buffer QKVWide { uvec4 qkv_wide[]; };

const uint VECTORS = QUADS / 2; // of 8 halves, of a head
// Rows in shared memory, in vectors of 16 bytes; odd: see attention_tile.comp
const uint ROW = VECTORS | 1;
const uint SCORE_ROW = KEYS / 4 + 1, WEIGHT_ROW = KEYS / 8 + 1;
const uint OTHERS = QUERIES * ROW; // keys or values lie behind the queries

const uint SUBGROUP = LANES / (SUBGROUPS_Y * SUBGROUPS_X);
const uint OWN_ROWS = QUERIES / SUBGROUPS_Y; // of a subgroup
const uint TALL = OWN_ROWS / M;              // matrices
const uint KEYS_WIDE = KEYS / SUBGROUPS_X / N, OUT_WIDE = 4 * QUADS / SUBGROUPS_X / N;
const uint OUT_QUADS = OUT_WIDE * N / 4;
const uint OUT_ROW = OUT_QUADS + 1;
const uint OUT = SUBGROUPS_Y * SUBGROUPS_X * M * OUT_ROW;

const uint STAGE = (QUERIES + KEYS) * ROW;
shared uvec4 stage[STAGE > OUT ? STAGE : OUT]; // in the end the sums, M rows of each subgroup
shared uvec4 tile[QUERIES * SCORE_ROW];        // scores, then weights
shared vec4 factors[QUERIES * N / 4];          // of the rows, N times each
shared float inverses[QUERIES];

#define accumulator coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
accumulator sums[TALL * OUT_WIDE];

uint own_row() { return gl_SubgroupID / SUBGROUPS_X * OWN_ROWS; }
uint own_column() { return gl_SubgroupID % SUBGROUPS_X; }

// A tile of keys or values on its way into shared memory, while others are multiplied.
const uint LOADS = (KEYS * VECTORS + LANES - 1) / LANES;
uvec4 held[LOADS];

uvec4 load8(uint third, uint token, uint vector)
{
    const uint from = vector_of(third, token) + 2 * vector;
    return WIDE ? qkv_wide[from / 2] : uvec4(qkv[from], qkv[from + 1]);
}

void fetch(uint third, uint key)
{
    [[unroll]] for (uint i = 0; i < LOADS; ++i) {
        const uint at = i * LANES + gl_LocalInvocationIndex;
        held[i] = load8(third, key + at / VECTORS, at % VECTORS);
    }
}

void place()
{
    [[unroll]] for (uint i = 0; i < LOADS; ++i) {
        const uint at = i * LANES + gl_LocalInvocationIndex;
        if (KEYS * VECTORS % LANES == 0 || at < KEYS * VECTORS)
            stage[OTHERS + at / VECTORS * ROW + at % VECTORS] = held[i];
    }
}

void place_queries()
{
    for (uint at = gl_LocalInvocationIndex; at < QUERIES * VECTORS; at += LANES)
        stage[at / VECTORS * ROW + at % VECTORS] =
            load8(0, first_query() + at / VECTORS, at % VECTORS);
}

// The keys' product with the queries, into `tile`.
void multiply_keys()
{
    accumulator products[TALL * KEYS_WIDE];
    [[unroll]] for (uint i = 0; i < TALL * KEYS_WIDE; ++i)
        products[i] = accumulator(0.0);
    const uint key = own_column() * KEYS_WIDE * N;
    for (uint k = 0; k < 4 * QUADS / K; ++k) {
        coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a[TALL];
        coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b;
        [[unroll]] for (uint i = 0; i < TALL; ++i)
            coopMatLoad(a[i], stage, (own_row() + i * M) * ROW + k * K / 8, ROW,
                gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint j = 0; j < KEYS_WIDE; ++j) {
            coopMatLoad(b, stage, OTHERS + (key + j * N) * ROW + k * K / 8, ROW,
                gl_CooperativeMatrixLayoutColumnMajor);
            [[unroll]] for (uint i = 0; i < TALL; ++i)
                products[i * KEYS_WIDE + j] = coopMatMulAdd(a[i], b, products[i * KEYS_WIDE + j]);
        }
    }
    [[unroll]] for (uint i = 0; i < TALL; ++i)
        [[unroll]] for (uint j = 0; j < KEYS_WIDE; ++j)
            coopMatStore(products[i * KEYS_WIDE + j], tile,
                (own_row() + i * M) * SCORE_ROW + (key + j * N) / 4, SCORE_ROW,
                gl_CooperativeMatrixLayoutRowMajor);
}

void read_scores()
{
    [[unroll]] for (uint r = 0; r < ROWS; ++r)
        [[unroll]] for (uint four = 0; four < COLUMNS / 4; ++four) {
            const vec4 values = uintBitsToFloat(
                tile[row_of(r) * SCORE_ROW + across() * (COLUMNS / 4) + four]);
            [[unroll]] for (uint i = 0; i < 4; ++i)
                scores[r * COLUMNS + 4 * four + i] = values[i];
        }
}

// Weights as halves; the total is of those, so that they sum up to one.
uvec2 rounded_weights(uint r, uint column, uint key)
{
    vec4 w;
    [[unroll]] for (uint i = 0; i < 4; ++i)
        w[i] = key + across() * COLUMNS + column + i < args.tokens
                   ? scores[r * COLUMNS + column + i] : 0.0;
    const uvec2 rounded = to_storage(w);
    total[r] += dot(from_storage(rounded), vec4(1.0));
    return rounded;
}

void put_weights(uint key)
{
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        weigh(r);
        [[unroll]] for (uint eight = 0; eight < COLUMNS / 8; ++eight)
            tile[row_of(r) * WEIGHT_ROW + across() * (COLUMNS / 8) + eight] =
                uvec4(rounded_weights(r, 8 * eight, key), rounded_weights(r, 8 * eight + 4, key));
        for (uint i = across(); i < N / 4; i += ACROSS)
            factors[row_of(r) * (N / 4) + i] = vec4(rescale[r]);
    }
}

void multiply_values()
{
    [[unroll]] for (uint i = 0; i < TALL; ++i) {
        accumulator factor;
        coopMatLoad(factor, factors, (own_row() + i * M) * (N / 4), N / 4,
            gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint j = 0; j < OUT_WIDE; ++j)
            sums[i * OUT_WIDE + j] = sums[i * OUT_WIDE + j] * factor;
    }
    for (uint k = 0; k < KEYS / K; ++k) {
        coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA> a[TALL];
        coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB> b;
        [[unroll]] for (uint i = 0; i < TALL; ++i)
            coopMatLoad(a[i], tile, (own_row() + i * M) * WEIGHT_ROW + k * K / 8, WEIGHT_ROW,
                gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint j = 0; j < OUT_WIDE; ++j) {
            coopMatLoad(b, stage, OTHERS + k * K * ROW + (own_column() * OUT_WIDE + j) * N / 8, ROW,
                gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint i = 0; i < TALL; ++i)
                sums[i * OUT_WIDE + j] = coopMatMulAdd(a[i], b, sums[i * OUT_WIDE + j]);
        }
    }
}

// `held` has the tile's keys, and afterwards the next one's.
void attend(uint key)
{
    place();
    barrier();
    fetch(2, key);
    multiply_keys();
    barrier();
    read_scores();
    share_maxima();
    barrier();
    place();
    put_weights(key);
    barrier();
    fetch(1, key + KEYS);
    multiply_values();
    barrier();
}

void put(uint row, uint quad, vec4 sum) { put(row, quad, sum, inverses[row]); }

#include "lib/matrix_sums.glsl"

void main()
{
    start_softmax();
    [[unroll]] for (uint i = 0; i < TALL * OUT_WIDE; ++i)
        sums[i] = accumulator(0.0);
    place_queries();
    fetch(1, first_key());
    for (uint key = first_key(); key < end_key(); key += KEYS)
        attend(key);
    finish_softmax();
    put_statistics();
    [[unroll]] for (uint r = 0; r < ROWS; ++r)
        if (across() == 0)
            inverses[row_of(r)] = 1.0 / total[r];
    barrier();
    put_sums(own_row(), own_column() * OUT_QUADS);
}
