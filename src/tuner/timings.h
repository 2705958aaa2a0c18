/*
 * Times of variants, by the key of their choice, and the file that keeps them: JSON, for one device
 * with one driver and one set of shaders.
 *
 *     { "format": "quickstep timings 1", "device": "8086:56a0 driver ...", "ms": {
 *         "conv2d f32 1x32x32x64 -> 64 k3 s1": { "direct 8x4x4": 0.41, "winograd4": 0.22 }, ... } }
 */
#ifndef QS_TUNER_TIMINGS_H
#define QS_TUNER_TIMINGS_H

#include "graph/choice.h"

#include <jansson.h>

/* What "ms" is; a new reference. A file that is missing, damaged or of another device is an empty
 * one. NULL only without memory. path may be NULL. */
json_t *timings_read(const char *path, const char *identity);

/* Adds to what the file has. One that cannot be written is logged, no more. path may be NULL. */
void timings_write(const char *path, const char *identity, json_t *timings);

/* ms: [variant_count], rounded to the digits that the file keeps. False without memory. */
bool timings_set(json_t *timings, const choice *c, const double *ms);

/* The fastest variant, an index; the default unless another one takes 3 % less, which is noise. At
 * the end (variant_count) if the time of one is not known. */
uint32_t timings_fastest(const json_t *timings, const choice *c);

#endif
