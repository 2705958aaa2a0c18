/* Reading the files of a model folder. Every error is QS_ERROR_MODEL and names the file; only a
 * regular file is ever read, and opening a FIFO does not wait for a writer. */
#ifndef QS_WEIGHTS_FILE_H
#define QS_WEIGHTS_FILE_H

#include "core/status.h"

#include <jansson.h>

/* *fd: the caller's to close. */
qs_status file_open(const char *path, int *fd, uint64_t *size_bytes);

/* Reads exactly `count` bytes. path is for the message. */
qs_status file_read(int fd, const char *path, uint64_t offset, void *bytes, size_t count);

/* *exists: whether there is such a name, be it a link to nothing; false also for a missing folder
 * on the way. */
qs_status file_exists(const char *path, bool *exists);

/* A small file (at most 16 MiB) that holds one JSON object without duplicate keys. *object: a new
 * reference, the caller's. */
qs_status file_read_json(const char *path, json_t **object);

/* The same of text that was read. Python's NaN, Infinity and -Infinity, which are no JSON, become
 * strings of these names: a key that needs a number refuses them by name. path: for messages. */
qs_status file_parse_json(const char *path, const char *text, size_t size, json_t **object);

/* Control characters (C0, DEL, C1) in UTF-8 text: names that have them are refused, because they
 * end up in terminals, file names and logs. */
bool text_has_control(const char *text);

/* Text from a file for a message: at most about 80 bytes, control characters as '?'. Use it in
 * place, as text_clean(x).text. */
typedef struct clean_text {
    char text[96];
} clean_text;

clean_text text_clean(const char *text);

#endif
