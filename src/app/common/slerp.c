#include "common/slerp.h"

#include <math.h>
#include <string.h>

void app_slerp(const float *from, const float *to, size_t count, double t, float *mixed)
{
    double a = 0, b = 0, dot = 0;
    if (t <= 0 || t >= 1) {
        memcpy(mixed, t <= 0 ? from : to, count * sizeof *mixed);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        a += (double)from[i] * (double)from[i];
        b += (double)to[i] * (double)to[i];
        dot += (double)from[i] * (double)to[i];
    }
    const double cosine = a > 0 && b > 0 ? fmin(fmax(dot / sqrt(a * b), -1), 1) : 1;
    const double angle = acos(cosine), sine = sin(angle);
    /* one direction, or two that are opposite: no arc is marked out, a straight line is as good */
    const double wa = sine > 1e-6 ? sin((1 - t) * angle) / sine : 1 - t;
    const double wb = sine > 1e-6 ? sin(t * angle) / sine : t;
    for (size_t i = 0; i < count; i++)
        mixed[i] = (float)(wa * (double)from[i] + wb * (double)to[i]);
}
