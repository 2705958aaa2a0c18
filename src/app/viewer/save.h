/* What goes from the window into files. */
#ifndef VIEWER_SAVE_H
#define VIEWER_SAVE_H

#include "viewer/generate.h"

/* The frame on the screen (solo >= 0: this one picture of it) into a folder, NULL: the working one.
 * name: where the file is. QS_ERROR_WRITE; QS_ERROR_USAGE if there is nothing to save. */
qs_status save_picture(const generator *g, const viewer_readings *readings, int solo,
                       const char *folder, char *name, size_t name_size);

/* The last step's and decode's ops as a timeline, into the working folder. Likewise. */
qs_status save_timeline(const generator *g, const viewer_readings *readings, char *name,
                        size_t name_size);

#endif
