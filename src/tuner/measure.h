/* How long the device takes. */
#ifndef QS_TUNER_MEASURE_H
#define QS_TUNER_MEASURE_H

#include "gpu/gpu.h"
#include "graph/choice.h"

/* Makes new *commands (frees old ones) and begins to record them. What is to be timed comes between
 * this and measure_end; gpu_record_end remains to be called. */
qs_status measure_begin(qs_device *device, const char *name, gpu_commands **commands);
void measure_end(qs_device *device, gpu_commands *commands);

/* Submits such commands and waits. *ms: of what was to be timed, or, where the device has no
 * timestamps, by the wall clock from submission to end. */
qs_status measure_commands(qs_device *device, const gpu_commands *commands, double *ms);

/* ms: [variant_count], the shortest of several turns that the variants take by turns, each alone on
 * its own memory; of one that is far behind after the warm-up, that; INFINITY of one that the
 * device cannot compile (logged). *complete: false if clock_ms() passed end_ms before; ms then says
 * nothing. The graphs and pipelines of all variants are made whatever the time. */
qs_status measure_variants(qs_device *device, const choice *c, dtype storage, double end_ms,
                           double *ms, bool *complete);

#endif
