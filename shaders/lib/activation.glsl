// The activations of ops.h: 0 none, 1 SiLU, 2 ReLU.
#ifndef ACTIVATION_GLSL
#define ACTIVATION_GLSL

#define ACTIVATION_NONE 0u
#define ACTIVATION_SILU 1u
#define ACTIVATION_RELU 2u

vec4 silu(vec4 x) { return x / (1.0 + exp(-x)); }

// NaN stays NaN, as in PyTorch: max(x, 0) may lose it.
vec4 relu(vec4 x) { return mix(x, vec4(0), lessThan(x, vec4(0))); }

vec4 activate(uint activation, vec4 x)
{
    if (activation == ACTIVATION_SILU)
        return silu(x);
    return activation == ACTIVATION_RELU ? relu(x) : x;
}

#endif
