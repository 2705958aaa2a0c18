// What attention_tile.comp and attention_matrix.comp share: a workgroup has QUERIES queries (x) of
// one head (y) of one image and one part of the keys (z), and goes through these KEYS at a time.
// The keys' vectors, then the values', go through shared memory, which all queries read.
//
//   qkv, y   see attention.comp
//   or, PARTIAL: parts [n, splits, tokens, heads, width + 4], float: a head's sum over this part
//   of the keys, relative to 2^highest, then highest and total; attention_merge.comp makes y of it
//
// For the softmax a row of the tile's scores belongs to ACROSS neighbouring lanes (the includer's
// choice), each with COLUMNS of its keys, and a lane has ROWS rows, DOWN apart.
layout(constant_id = 0) const uint LANES = 128;
layout(constant_id = 1) const uint QUERIES = 64;
layout(constant_id = 2) const uint KEYS = 32;
layout(constant_id = 3) const uint QUADS = 16; // of a head
layout(constant_id = 4) const bool PARTIAL = false;
layout(local_size_x_id = 0) in;

layout(set = 0, binding = 0, std430) readonly buffer QKV { S4 qkv[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Y { S4 y[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Parts { vec4 parts[]; };
layout(push_constant) uniform Push { attention_args args; };

const uint DOWN = LANES / ACROSS;
const uint ROWS = QUERIES / DOWN;
const uint COLUMNS = KEYS / ACROSS;
const float LOWEST = -3.402823e38;

shared float of_rows[QUERIES * ACROSS]; // one number of every lane of a row

float scores[ROWS * COLUMNS]; // q k, then the weights, relative to 2^highest
float highest[ROWS];          // of the row
float total[ROWS];            // of the weights, this lane's
float rescale[ROWS];          // for what was relative to the highest score before

uint across() { return gl_LocalInvocationIndex % ACROSS; }
uint row_of(uint r) { return r * DOWN + gl_LocalInvocationIndex / ACROSS; }
uint image() { return gl_WorkGroupID.z / args.splits; }
uint split() { return gl_WorkGroupID.z % args.splits; }
uint first_query() { return gl_WorkGroupID.x * QUERIES; }
uint first_key() { return split() * args.split_keys; }
uint end_key() { return min(first_key() + args.split_keys, args.tokens); }

// Where the head's vectors of a token are; past the end those of the last token again.
// third: 0 queries, 1 keys, 2 values
uint vector_of(uint third, uint token)
{
    const uint pixel = image() * args.tokens + min(token, args.tokens - 1);
    const uint head = third * args.heads + gl_WorkGroupID.y;
    return args.qkv.offset + pixel * args.qkv.stride + head * QUADS;
}

void start_softmax()
{
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        highest[r] = LOWEST;
        total[r] = 0.0;
    }
}

// The first half of the softmax of a tile; a barrier must follow. Keys past the end are the last
// key again: they change no maximum.
void share_maxima()
{
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        float own = LOWEST;
        [[unroll]] for (uint i = 0; i < COLUMNS; ++i) {
            scores[r * COLUMNS + i] *= args.scale;
            own = max(own, scores[r * COLUMNS + i]);
        }
        of_rows[row_of(r) * ACROSS + across()] = own;
    }
}

// Behind the barrier; the caller adds the weights up, as it rounds them.
void weigh(uint r)
{
    const float before = highest[r];
    [[unroll]] for (uint i = 0; i < ACROSS; ++i)
        highest[r] = max(highest[r], of_rows[row_of(r) * ACROSS + i]);
    rescale[r] = exp2(before - highest[r]);
    total[r] *= rescale[r];
    [[unroll]] for (uint i = 0; i < COLUMNS; ++i)
        scores[r * COLUMNS + i] = exp2(scores[r * COLUMNS + i] - highest[r]);
}

// Adds up the lanes' totals of each row.
void finish_softmax()
{
    barrier();
    [[unroll]] for (uint r = 0; r < ROWS; ++r)
        of_rows[row_of(r) * ACROSS + across()] = total[r];
    barrier();
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        total[r] = 0.0;
        [[unroll]] for (uint i = 0; i < ACROSS; ++i)
            total[r] += of_rows[row_of(r) * ACROSS + i];
    }
}

uint part_of(uint token)
{
    return ((gl_WorkGroupID.z * args.tokens + token) * args.heads + gl_WorkGroupID.y) * (QUADS + 1);
}

// sum: relative to 2^highest; inverse: of the row's total.
void put(uint row, uint quad, vec4 sum, float inverse)
{
    const uint token = first_query() + row;
    if (token >= args.tokens || quad >= QUADS)
        return;
    if (PARTIAL) {
        parts[part_of(token) + quad] = sum;
    } else {
        const uint pixel = image() * args.tokens + token;
        store4(y, args.y.offset + pixel * args.y.stride + gl_WorkGroupID.y * QUADS + quad,
               sum * inverse);
    }
}

void put_statistics()
{
    [[unroll]] for (uint r = 0; r < ROWS; ++r) {
        const uint token = first_query() + row_of(r);
        if (PARTIAL && across() == 0 && token < args.tokens)
            parts[part_of(token) + QUADS] = vec4(highest[r], total[r], 0.0, 0.0);
    }
}
