/* JSON results on standard output. */
#ifndef CLI_JSON_OUT_H
#define CLI_JSON_OUT_H

#include "common/error.h"

#include <jansson.h>

/* Prints an object, indented, and drops it. */
static inline qs_status cli_print_json(json_t *root)
{
    const int failed =
        root ? json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(8)) : -1;
    json_decref(root);
    if (failed)
        return app_error(QS_ERROR_WRITE, "cannot write JSON to standard output");
    putchar('\n');
    return QS_OK;
}

#endif
