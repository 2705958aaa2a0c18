// Mean and variance per channel, by one workgroup: block_quads vectors of four channels of one
// image over a chunk of its pixels. Needs lib/args.h, the inputs x and first, `args`, and the constants
// LANES_X, LANES_Y and ENTRIES (block_quads * LANES_Y at least).
//
// Everything is relative to the channel's first value in the image, its shift, so that a mean of
// 1e3 with a deviation of 1e-2 loses nothing: the mean is kept as the sum of two floats. Welford's
// method on x - shift keeps the result right when that first value is far from the others.
//
// A lane has vectors of four channels (x) and every LANES_Y-th pixel (y), then the lanes of y are
// merged. The order is fixed: the same input gives the same bits.
#ifndef GROUP_STATS_GLSL
#define GROUP_STATS_GLSL

// Entry quad * LANES_Y + y; after merging, y = 0 is the quad's.
shared vec4 means[ENTRIES];   // minus the shift
shared vec4 squares[ENTRIES]; // sums of (x - mean)^2

vec4 shift_of(uint image, uint quad)
{
    return load4(first, args.first.offset + image * args.first.stride + quad);
}

// How many of the chunk's pixels the lane y has.
uint lane_pixels(uint pixels, uint y)
{
    return (pixels + LANES_Y - 1 - y) / LANES_Y;
}

void accumulate(uint image, uint quad, uint first_pixel, uint pixels, uint entry)
{
    const vec4 shift = shift_of(image, quad);
    const uint count = lane_pixels(pixels, gl_LocalInvocationID.y);
    const uint pixel = image * args.pixels + first_pixel + gl_LocalInvocationID.y;
    uint from = args.x.offset + pixel * args.x.stride + quad;
    vec4 mean = vec4(0.0), square = vec4(0.0);
    for (uint i = 0; i < count; ++i) {
        const vec4 value = fetch4(x, from) - shift;
        const vec4 before = value - mean;
        mean += before * (1.0 / float(i + 1));
        square += before * (value - mean);
        from += LANES_Y * args.x.stride;
    }
    means[entry] = mean;
    squares[entry] = square;
}

void merge_lanes(uint quad, uint pixels)
{
    vec4 sum = vec4(0.0);
    for (uint y = 0; y < LANES_Y; ++y)
        sum += float(lane_pixels(pixels, y)) * means[quad * LANES_Y + y];
    const vec4 mean = sum / float(pixels);
    vec4 square = vec4(0.0);
    for (uint y = 0; y < LANES_Y; ++y) {
        const vec4 apart = means[quad * LANES_Y + y] - mean;
        square += squares[quad * LANES_Y + y] + float(lane_pixels(pixels, y)) * apart * apart;
    }
    means[quad * LANES_Y] = mean;
    squares[quad * LANES_Y] = square;
}

// All lanes call it; a barrier must follow.
void gather_stats(uint image, uint block, uint first_pixel, uint pixels)
{
    const uint first_quad = block * args.block_quads;
    const uint quads = min(args.block_quads, args.quads - first_quad);
    for (uint q = gl_LocalInvocationID.x; q < quads; q += LANES_X)
        accumulate(image, first_quad + q, first_pixel, pixels,
                   q * LANES_Y + gl_LocalInvocationID.y);
    if (LANES_Y > 1) {
        barrier();
        for (uint q = gl_LocalInvocationIndex; q < quads; q += LANES_X * LANES_Y)
            merge_lanes(q, pixels);
    }
}

#endif
