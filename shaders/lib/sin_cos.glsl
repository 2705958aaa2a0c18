// Sine and cosine to 1e-7 for |x| up to 6000. Vulkan promises 2^-11 between -pi and pi for its own.
#ifndef QS_SIN_COS_GLSL
#define QS_SIN_COS_GLSL

// (sin x, cos x). Cody and Waite: pi / 2 is split into three numbers of so few bits that
// turns * part is exact. The polynomials are those of Cephes' sinf and cosf for |r| <= pi / 4.
vec2 sin_cos(float x)
{
    precise const float turns = round(x * 0.636619772);
    precise float r = x - turns * 1.5703125;
    r = r - turns * 4.837512969970703125e-4;
    r = r - turns * 7.54978995489188216e-8;
    precise const float z = r * r;
    precise const float s =
        ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
    precise const float c =
        ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z -
        0.5 * z + 1.0;
    const int quarter = int(turns) & 3;
    const vec2 swapped = (quarter & 1) == 0 ? vec2(s, c) : vec2(c, s);
    return vec2((quarter & 2) == 0 ? swapped.x : -swapped.x,
                quarter == 1 || quarter == 2 ? -swapped.y : swapped.y);
}

#endif
