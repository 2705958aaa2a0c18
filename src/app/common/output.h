/* Files that appear whole or not at all. */
#ifndef APP_OUTPUT_H
#define APP_OUTPUT_H

#include "common/error.h"

/* Before any file is opened. A standard stream that was closed would be the next one, and what is
 * printed would go into it: in its place comes one that cannot be written. */
void app_output_init(void);

/* Can a file of this name be made? Asked before a long computation, so that a mistyped folder is
 * an error at once. "-" is standard output. QS_ERROR_WRITE. */
qs_status app_output_check(const char *path);

/* Writes a temporary beside `path` and renames it over `path`, while signals wait; "-" writes to
 * standard output, whose reader may never read: they do not. QS_ERROR_WRITE, and then there is
 * neither a new file nor a temporary. */
qs_status app_output_write(const char *path, const void *data, size_t size_bytes);

#endif
