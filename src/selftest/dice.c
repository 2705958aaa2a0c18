#include "selftest/selftest.h"

#include <math.h>

/* splitmix64 */
static uint64_t next(dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t dice_below(dice *d, uint32_t end)
{
    return (uint32_t)((next(d) >> 32) * end >> 32);
}

uint32_t dice_size(dice *d, uint32_t max)
{
    static const uint32_t nasty[] = {
        1,  2,  3,  4,  5,  7,  8,  9,   13,  15,  16,  17,  31,  32,
        33, 37, 61, 63, 64, 65, 67, 127, 128, 129, 131, 255, 256, 257
    };
    if (dice_below(d, 3) == 0)
        return 1 + dice_below(d, max);
    uint32_t count = 0;
    while (count < sizeof nasty / sizeof *nasty && nasty[count] <= max)
        ++count;
    return nasty[dice_below(d, count)];
}

double dice_uniform(dice *d)
{
    return (double)(next(d) >> 11) * 0x1p-53;
}

double dice_normal(dice *d)
{
    const double radius = sqrt(-2.0 * log(1.0 - dice_uniform(d)));
    return radius * cos(6.283185307179586 * dice_uniform(d));
}

shape dice_shape(dice *d)
{
    shape s;
    do {
        s = (shape){ 1 + dice_below(d, 3), dice_size(d, 33), dice_size(d, 33),
                     1 + dice_below(d, 5) };
    } while (s.h * s.w * s.c == 1);
    return s;
}

size_t shape_count(shape s)
{
    return (size_t)s.n * s.h * s.w * s.c;
}
