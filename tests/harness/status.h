/* A call that must succeed; with the library's message when it does not. After cmocka.h. */
#ifndef QS_TESTS_HARNESS_STATUS_H
#define QS_TESTS_HARNESS_STATUS_H

#include <quickstep/quickstep.h>

static inline void ok(qs_status status)
{
    if (status != QS_OK)
        fail_msg("%s: %s", qs_status_name(status), qs_last_error());
}

#endif
