// The inner loop of a product with packed weights: a lane has PIXELS pixels and QUADS quads of output
// channels. Declare LANES, PIXELS, QUADS and the input `weight` before including this.
//
// SHUFFLE is for software devices, where the per-lane load is the dear instruction: a workgroup is
// exactly one subgroup of LANES, each lane loads another part of the weights once, and constant
// shuffles (one instruction there, subgroupBroadcast is a loop) hand them round. Without it every
// lane reads the same weight, which hardware does in one go, and no subgroup size is assumed.
#ifndef PRODUCT_GLSL
#define PRODUCT_GLSL

const uint BLOCK = 4 * QUADS; // the vectors of packed weight for 4 input channels (of one tap)
const uint LOADS = (BLOCK + LANES - 1) / LANES;

vec4 sums[PIXELS * QUADS];

#if SHUFFLE
#define OUTPUT_LOOP [[dont_unroll]] // one store is hundreds of instructions to compile on a CPU
vec4 held[LOADS];
void load_weights(uint block)
{
    [[unroll]] for (uint i = 0; i < LOADS; i++)
        held[i] = fetch4(weight, block + i * LANES + gl_SubgroupInvocationID);
}
float weight_of(uint block, uint k, uint quad, uint j)
{
    const uint i = k * QUADS + quad;
    return subgroupShuffle(held[i / LANES][j], i % LANES);
}
#else
#define OUTPUT_LOOP [[unroll]]
vec4 held[BLOCK];
void load_weights(uint block)
{
    [[unroll]] for (uint i = 0; i < BLOCK; i++)
        held[i] = fetch4(weight, block + i);
}
float weight_of(uint block, uint k, uint quad, uint j) { return held[k * QUADS + quad][j]; }
#endif

// sums += 4 input channels of one tap. A sum takes its four products one after the other: a CPU has
// fewer registers than sums, and so loads and stores each sum once and not four times.
void multiply(uint block, const vec4 value[PIXELS])
{
    load_weights(block);
    [[unroll]] for (uint quad = 0; quad < QUADS; quad++)
        [[unroll]] for (uint j = 0; j < 4; j++) {
            const float w0 = weight_of(block, 0, quad, j), w1 = weight_of(block, 1, quad, j);
            const float w2 = weight_of(block, 2, quad, j), w3 = weight_of(block, 3, quad, j);
            [[unroll]] for (uint p = 0; p < PIXELS; p++) {
                float sum = sums[p * QUADS + quad][j] + value[p].x * w0;
                sum += value[p].y * w1;
                sum += value[p].z * w2;
                sums[p * QUADS + quad][j] = sum + value[p].w * w3;
            }
        }
}

// The next pixel's sums move up to the front, so that OUTPUT_LOOP, over PIXELS, need not be unrolled
// to index registers.
void next_sums()
{
    [[unroll]] for (uint i = QUADS; i < PIXELS * QUADS; i++)
        sums[i - QUADS] = sums[i];
}

#endif
