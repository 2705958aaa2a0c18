/* One run of the self-test: what all its cases share. */
#ifndef QS_SELFTEST_SUITE_H
#define QS_SELFTEST_SUITE_H

#include "selftest/selftest.h"

struct selftest {
    qs_device *device;
    const char *filter;
    qs_selftest_fn report;
    void *user;
    uint32_t failed;
    gpu_limits limits;   /* what the ops choose their variants by */
    const char *variant; /* "", or what the names end in: the limits are not the device's */
    gpu_buffer buffer;   /* mapped; grows to the largest case */
    uint8_t *initial;    /* [buffer.size] what the buffer held before the run, */
    uint8_t *writable;   /* 1 where some dispatch may write */
};

/* Counts and reports. */
void suite_report(selftest *suite, const qs_selftest_result *result);

/* Makes room for `size` bytes in buffer, initial and writable. */
qs_status suite_reserve(selftest *suite, uint64_t size);

#endif
