/*
 * Times of variants, by the key of their choice, and the file that keeps them: JSON, for one device
 * with one driver and one set of shaders.
 *
 *     { "format": "quickstep timings 1", "device": "8086:56a0 driver ...", "ms": {
 *         "conv2d f32 1x32x32x64 -> 32x32x64 k3 s1": { "direct 8x4x4": 0.41, "winograd4": 0.22 },
 * ... } }
 *
 * null instead of a time: this device cannot compile the variant. A file of other shaders is
 * replaced, so that two builds that take turns measure every time.
 */
#ifndef QS_TUNER_TIMINGS_H
#define QS_TUNER_TIMINGS_H

#include "graph/choice.h"

#include <jansson.h>

/* What "ms" is; a new reference. A file that is missing, damaged or of another device is an empty
 * one. NULL only without memory. path may be NULL. */
json_t *timings_read(const char *path, const char *identity);

/* Adds to what the file has. Of two programs that do so at the same moment one may lose what it
 * adds, which is then measured again. A file that cannot be written is logged, no more. path may be
 * NULL. */
void timings_write(const char *path, const char *identity, json_t *timings);

/* ms: [variant_count], INFINITY for null, rounded to the digits that the file keeps. False without
 * memory. */
bool timings_set(json_t *timings, const choice *c, const double *ms);

/* The fastest variant, an index; the default unless another one takes at least 3 % less time: a
 * smaller gain is noise. The default, too, if none can be compiled; variant_count if the time of
 * one is not known. */
uint32_t timings_fastest(const json_t *timings, const choice *c);

#endif
