// Noise for a quad of channels. Needs lib/philox.h and lib/recipe.h.

// The unit normals of elements first .. first + 3, of which `count` are wanted (the others are 0).
// A picture's elements are counted without pad lanes, so a quad may lie in two Philox blocks.
vec4 noise_quad(uint seed_low, uint seed_high, uint draw, uint first, uint count)
{
    const uint skip = first & 3u;
    const vec4 a = noise_block(seed_low, seed_high, draw, first >> 2);
    vec4 b = vec4(0.0);
    if (skip + count > 4u)
        b = noise_block(seed_low, seed_high, draw, (first >> 2) + 1u);
    vec4 noise = a;
    if (skip == 1u)
        noise = vec4(a.yzw, b.x);
    else if (skip == 2u)
        noise = vec4(a.zw, b.xy);
    else if (skip == 3u)
        noise = vec4(a.w, b.xyz);
    return mix(noise, vec4(0.0), greaterThanEqual(uvec4(0u, 1u, 2u, 3u), uvec4(count)));
}
