/*
 * Answers the choices of graphs with the variants that were fastest on this device (timings.h), and
 * measures those that nobody has measured.
 */
#ifndef QS_TUNER_TUNER_H
#define QS_TUNER_TUNER_H

#include "graph/choice.h"

typedef struct tuner tuner;

/* Reads the device's timings. The device outlives it. */
qs_status tuner_create(qs_device *device, tuner **tuner);
void tuner_destroy(tuner *tuner);

/* For graph::chooser: the fastest variant, or the default where that is not known. */
const struct chooser *tuner_chooser(tuner *tuner);

/* How many choices were met and could not be answered. */
uint32_t tuner_open_count(const tuner *tuner);

/* Measures these, until clock_ms() is end_ms (INFINITY: all), and writes the timings. One that
 * cannot be measured is logged and left open. Graphs that are built afterwards get the answers.
 * report may be NULL. */
qs_status tuner_measure(tuner *tuner, double end_ms, qs_tune_fn report, void *user);

#endif
