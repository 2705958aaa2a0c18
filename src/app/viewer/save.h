/* What goes from the window into files. */
#ifndef VIEWER_SAVE_H
#define VIEWER_SAVE_H

#include "viewer/generate.h"
#include "viewer/touch.h"

/* The frame on the screen (solo >= 0: this one picture of it) into a folder, NULL: the working one.
 * Its canvas, of `t`, goes beside it. name: where the file is. QS_ERROR_WRITE; QS_ERROR_USAGE if
 * there is nothing to save. */
qs_status save_picture(const generator *g, const viewer_readings *readings, const touch *t,
                       int solo, const char *folder, char *name, size_t name_size);

/* The same as the bytes of a PNG, to be freed by the caller after an error, too. It has its recipe
 * unless it was drawn from a canvas. */
qs_status save_to_memory(const generator *g, const viewer_readings *readings, int solo,
                         uint8_t **png, size_t *size);

/* The last step's and decode's ops as a timeline, into the working folder. Likewise. */
qs_status save_timeline(const generator *g, const viewer_readings *readings, char *name,
                        size_t name_size);

#endif
