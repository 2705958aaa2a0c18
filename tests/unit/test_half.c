/* float16 and bfloat16: all 65,536 halves, and rounding at every place where it can go wrong. */
#include "core/half.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* From the definition: (-1)^s * 2^(e - 15) * 1.m, subnormals 2^-14 * 0.m. */
static double half_value(uint16_t h)
{
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    const double sign = h & 0x8000 ? -1 : 1;
    if (exponent == 31)
        return mantissa ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0)
        return sign * ldexp(mantissa, -24);
    return sign * ldexp(1024 + mantissa, exponent - 25);
}

static void every_half_is_its_value(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = float_from_half((uint16_t)h);
        const double value = half_value((uint16_t)h);
        if (isnan(value)) {
            assert_true(isnan(f));
            continue;
        }
        assert_true((double)f == value);
        assert_int_equal(signbit(f) != 0, (h & 0x8000) != 0); /* -0 too */
    }
}

static void every_half_comes_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = float_from_half((uint16_t)h);
        if (isnan(f))
            assert_true(isnan(float_from_half(half_from_float(f))));
        else
            assert_int_equal(half_from_float(f), h);
    }
}

/* Between neighbours: below the middle goes down, above goes up, the middle to the even one. */
static void rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7bff; h++) {
        const float low = float_from_half((uint16_t)h), high = float_from_half((uint16_t)(h + 1));
        const float middle = (float)(((double)low + high) / 2); /* exact in float32 */
        const uint16_t even = (uint16_t)(h & 1 ? h + 1 : h);
        assert_int_equal(half_from_float(middle), even);
        assert_int_equal(half_from_float(-middle), even | 0x8000);
        assert_int_equal(half_from_float(nextafterf(middle, 0)), h);
        assert_int_equal(half_from_float(nextafterf(middle, INFINITY)), h + 1);
    }
}

static void edges(void **state)
{
    (void)state;
    assert_int_equal(half_from_float(65504.0f), 0x7bff);
    assert_int_equal(half_from_float(nextafterf(65520.0f, 0)), 0x7bff);
    assert_int_equal(half_from_float(65520.0f), 0x7c00); /* the middle to 65536 is infinity */
    assert_int_equal(half_from_float(1e30f), 0x7c00);
    assert_int_equal(half_from_float(-INFINITY), 0xfc00);
    assert_int_equal(half_from_float(0x1p-25f), 0x0000);
    assert_int_equal(half_from_float(nextafterf(0x1p-25f, 1)), 0x0001);
    assert_int_equal(half_from_float(0x1p-149f), 0x0000);
    assert_int_equal(half_from_float(-0.0f), 0x8000);
    /* a NaN whose payload is only in the low bits must not become infinity */
    assert_true(isnan(float_from_half(half_from_float(float_from_bits(0x7f800001u)))));
}

static void bfloat16_is_the_upper_half(void **state)
{
    (void)state;
    for (uint32_t b = 0; b < 65536; b++)
        assert_int_equal(bits_from_float(float_from_bf16((uint16_t)b)), b << 16);
    assert_true(float_from_bf16(0x3f80) == 1.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_is_its_value),    cmocka_unit_test(every_half_comes_back),
        cmocka_unit_test(rounds_to_nearest_even),     cmocka_unit_test(edges),
        cmocka_unit_test(bfloat16_is_the_upper_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
