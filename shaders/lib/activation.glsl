// The activations of ops.h: 0 none, 1 SiLU.
#ifndef ACTIVATION_GLSL
#define ACTIVATION_GLSL

#define ACTIVATION_NONE 0u
#define ACTIVATION_SILU 1u

vec4 silu(vec4 x) { return x / (1.0 + exp(-x)); }

vec4 activate(uint activation, vec4 x) { return activation == ACTIVATION_SILU ? silu(x) : x; }

#endif
