/*
 * Are the matrix units right? There are drivers that list them and emulate them, compute nonsense
 * or crash. Before the first float16 graph of a device, a small convolution (with the largest tile,
 * the smallest and a split sum) and a small attention (with split keys and without) run on them,
 * and without them; where the results differ, or the driver cannot run them, they are not used, and
 * a warning says so.
 */
#ifndef QS_PROGRAM_MATRIX_TRIAL_H
#define QS_PROGRAM_MATRIX_TRIAL_H

#include "gpu/gpu.h"

/* Does nothing without matrix units, and nothing a second time. Fails for lack of memory and with a
 * lost device only. */
qs_status matrix_trial(qs_device *device);

#endif
