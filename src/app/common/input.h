/* Files that are read. Their names may come from a file of somebody else's, a picture's recipe. */
#ifndef APP_INPUT_H
#define APP_INPUT_H

#include "common/error.h"

#include <stdio.h>

/* One that has an end: no FIFO, which waits for a writer, and no device, which may never end.
 * QS_ERROR_USAGE. */
qs_status app_input_open(const char *path, FILE **file);

#endif
