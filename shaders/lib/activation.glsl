// The activations of ops.h, as torch computes them.
#ifndef ACTIVATION_GLSL
#define ACTIVATION_GLSL

#define ACTIVATION_NONE 0u
#define ACTIVATION_SILU 1u
#define ACTIVATION_RELU 2u
#define ACTIVATION_MISH 3u
#define ACTIVATION_GELU 4u
#define ACTIVATION_QUICK_GELU 5u

vec4 silu(vec4 x) { return x / (1.0 + exp(-x)); }

// NaN stays NaN, as in PyTorch: max(x, 0) may lose it.
vec4 relu(vec4 x) { return mix(x, vec4(0), lessThan(x, vec4(0))); }

// x tanh(log(1 + exp x)), where tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2). Past 20 it is x.
vec4 mish(vec4 x)
{
    const vec4 e = exp(mix(x, vec4(20), greaterThan(x, vec4(20))));
    const vec4 n = e * (e + 2.0);
    return x * (n / (n + 2.0));
}

// x / 2 erfc(-x / sqrt 2). erfc by the Chebyshev fit of Numerical Recipes (erfcc), relative error
// 1.2e-7 for any size of its argument: what is left of a large negative x has no cancellation.
vec4 gelu(vec4 x)
{
    const vec4 z = abs(x) * 0.707106781;
    const vec4 t = 1.0 / (1.0 + 0.5 * z);
    vec4 p = vec4(0.17087277);
    p = p * t - 0.82215223;
    p = p * t + 1.48851587;
    p = p * t - 1.13520398;
    p = p * t + 0.27886807;
    p = p * t - 0.18628806;
    p = p * t + 0.09678418;
    p = p * t + 0.37409196;
    p = p * t + 1.00002368;
    p = p * t - 1.26551223;
    const vec4 tail = 0.5 * t * exp(p - z * z);
    return x * mix(1.0 - tail, tail, lessThan(x, vec4(0)));
}

// transformers' QuickGELUActivation
vec4 quick_gelu(vec4 x) { return x / (1.0 + exp(-1.702 * x)); }

vec4 activate(uint activation, vec4 x)
{
    if (activation == ACTIVATION_SILU)
        return silu(x);
    if (activation == ACTIVATION_RELU)
        return relu(x);
    if (activation == ACTIVATION_MISH)
        return mish(x);
    if (activation == ACTIVATION_GELU)
        return gelu(x);
    return activation == ACTIVATION_QUICK_GELU ? quick_gelu(x) : x;
}

#endif
