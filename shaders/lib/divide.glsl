#ifndef DIVIDE_GLSL
#define DIVIDE_GLSL

// a / b by way of float: one correction makes it exact, a < 2^22
uint divide(uint a, uint b)
{
    const uint q = uint(float(a) / float(b));
    const int r = int(a - q * b);
    return r < 0 ? q - 1 : r >= int(b) ? q + 1 : q;
}

#endif
