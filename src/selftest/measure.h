/* How long the device takes, for the benchmarks. */
#ifndef QS_SELFTEST_MEASURE_H
#define QS_SELFTEST_MEASURE_H

#include "gpu/gpu.h"

/* Submits commands with two timestamps, around all the work, and waits. *ms: between the two, or
 * the wall clock where the device has no timestamps. */
qs_status measure_commands(qs_device *device, const gpu_commands *commands, double *ms);

#endif
