// Which lanes are NaN or Inf. By bits: a compiler may assume that there are none, and then isnan()
// is false, and clamp() quietly makes a number of a NaN.
bvec4 is_bad(vec4 v)
{
    return greaterThanEqual(floatBitsToUint(v) & 0x7fffffffu, uvec4(0x7f800000u));
}
