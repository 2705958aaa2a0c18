/* How near an op comes to what the device can do at best. */
#ifndef APP_ROOFLINE_H
#define APP_ROOFLINE_H

#include <quickstep/quickstep.h>

/* Of its arithmetic or of its memory, whichever is nearer: 0 .. 1, or above, see qs_roofline. */
static inline double app_roof_share(const qs_roofline *roofline, double gflops, double gbytes_per_s)
{
    const double compute = gflops / roofline->gflops;
    const double memory = gbytes_per_s / roofline->gbytes_per_s;
    return compute > memory ? compute : memory;
}

#endif
