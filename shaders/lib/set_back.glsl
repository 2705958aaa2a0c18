// What of a sample, or of a finished picture, is known: `kept` of it is the known one's.
#ifndef SET_BACK_GLSL
#define SET_BACK_GLSL

vec4 set_back(vec4 x, vec4 known, float kept, uint keeps)
{
    const vec3 luminance = vec3(LUMINANCE_RED, LUMINANCE_GREEN, LUMINANCE_BLUE);
    if (keeps == KEEPS_LUMINANCE)
        return vec4(x.rgb + kept * dot(luminance, known.rgb - x.rgb) * luminance, x.a);
    return (1.0 - kept) * x + kept * known; // as a sum of two products: 1 keeps exactly
}

#endif
