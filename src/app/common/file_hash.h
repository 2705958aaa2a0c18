/* Which bytes a file has. */
#ifndef APP_FILE_HASH_H
#define APP_FILE_HASH_H

#include "common/error.h"

enum { APP_HASH_SIZE = 17 }; /* 16 hex digits and an end */

/* FNV-1a, 64 bits: tells a file that was changed, not one that was forged. QS_ERROR_USAGE: it
 * cannot be read. */
qs_status app_file_hash(const char *path, char hash[APP_HASH_SIZE]);

#endif
