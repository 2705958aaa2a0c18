/* Files of the source tree. */
#ifndef QS_TESTS_HARNESS_SOURCE_H
#define QS_TESTS_HARNESS_SOURCE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Where "tests/golden/..." lies, in a buffer that lives until the eighth call from here. */
__attribute__((format(printf, 1, 2))) static inline const char *source_path(const char *format, ...)
{
    static char paths[8][4096];
    static unsigned next;
    char *path = paths[next++ % 8];
    const size_t room = sizeof paths[0];
    const size_t used = (size_t)snprintf(path, room, "%s/", getenv("QUICKSTEP_TEST_SOURCE"));
    if (used >= room)
        abort();
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path + used, room - used, format, arguments);
    va_end(arguments);
    return path;
}

#endif
