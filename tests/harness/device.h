/* The device of a test's group, with validation on and every op's default variant: open_device and
 * close_device are the group's setup and teardown. Any validation message fails the group. */
#ifndef QS_TESTS_HARNESS_DEVICE_H
#define QS_TESTS_HARNESS_DEVICE_H

#include <quickstep/quickstep.h>

#include <stdio.h>
#include <stdlib.h>

static qs_device *device;

static inline int open_device(void **state)
{
    (void)state;
    setenv("QUICKSTEP_DEBUG", "validate,sync,defaults", 1);
    if (qs_device_create(NULL, &device) == QS_OK)
        return 0;
    fprintf(stderr, "# %s\n", qs_last_error());
    return -1;
}

static inline int close_device(void **state)
{
    (void)state;
    const uint64_t messages = qs_device_validation_messages(device);
    qs_device_destroy(device);
    return messages == 0 ? 0 : -1;
}

#endif
