/* On the way from one picture's noise to another's. */
#ifndef APP_SLERP_H
#define APP_SLERP_H

#include <stddef.h>

/* Spherical linear interpolation (Shoemake 1985): of two vectors of unit variance every point on
 * the way has unit variance, too, and the angle grows steadily with t, 0 .. 1. At 0 and 1 the ends,
 * bit for bit. */
void app_slerp(const float *from, const float *to, size_t count, double t, float *mixed);

#endif
