/* How long the device takes. */
#ifndef QS_TUNER_MEASURE_H
#define QS_TUNER_MEASURE_H

#include "gpu/gpu.h"
#include "graph/choice.h"

/* Submits commands with two timestamps, around all the work, and waits. *ms: between the two, or
 * the wall clock where the device has no timestamps. */
qs_status measure_commands(qs_device *device, const gpu_commands *commands, double *ms);

/* ms: [variant_count], the shortest of several turns that the variants take by turns, each alone on
 * its own memory; of one that is far behind after the warm-up, that. *complete: false if clock_ms()
 * passed end_ms before; ms then says nothing. */
qs_status measure_variants(qs_device *device, const choice *c, dtype storage, double end_ms,
                           double *ms, bool *complete);

#endif
