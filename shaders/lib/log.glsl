// The natural logarithm, rounded right but for about one x in a hundred, and then by one place:
// Vulkan promises 3 places for its own, and a Gaussian Fourier projection multiplies the error by
// some hundreds.
#ifndef QS_LOG_GLSL
#define QS_LOG_GLSL

// a * b - product, exactly (Dekker and Veltkamp).
float product_error(float a, float b, float product)
{
    precise const float a_wide = 4097.0 * a, b_wide = 4097.0 * b;
    precise const float a_high = a_wide - (a_wide - a), b_high = b_wide - (b_wide - b);
    precise const float a_low = a - a_high, b_low = b - b_high;
    precise const float error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) +
                                a_low * b_low;
    return error;
}

// log x for normal x > 0; of zero and subnormals minus infinity, of less NaN, which is what sine and
// cosine would make of either.
//     x = m * 2^e, m from sqrt(1/2) to sqrt(2)
//     log x = e log 2 + 2 artanh s, s = (m - 1) / (m + 1)
float rounded_log(float x)
{
    const int bits = floatBitsToInt(x);
    if (bits < 0x00800000 || bits >= 0x7f800000)
        return uintBitsToFloat((bits & 0x7fffffff) < 0x00800000 ? 0xff800000u
                               : bits == 0x7f800000             ? 0x7f800000u
                                                                : 0x7fc00000u);
    const int exponent = (bits - 0x3f3504f3) >> 23;
    const float m = intBitsToFloat(bits - (exponent << 23)), e = float(exponent);
    precise const float top = m - 1.0, bottom = m + 1.0, bottom_low = m - (bottom - 1.0);
    precise const float s = top / bottom, product = s * bottom;
    precise const float rest = ((top - product) - product_error(s, bottom, product)) - s * bottom_low;
    precise const float s_low = rest / bottom, z = s * s;
    precise const float series =
        s * (z * (0.333333333 + z * (0.2 + z * (0.142857143 + z * (0.111111111 + z * 0.0909090909)))));
    // 355 / 512: of so few bits that e times it is exact
    precise const float whole = e * 0.693359375, high = whole + 2.0 * s;
    precise const float low = (2.0 * s - (high - whole)) + 2.0 * (s_low + series) - e * 2.12194440e-4;
    precise const float sum = high + low;
    return sum;
}

#endif
