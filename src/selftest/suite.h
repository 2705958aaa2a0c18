/* One run of the self-test: what all its cases share. */
#ifndef QS_SELFTEST_SUITE_H
#define QS_SELFTEST_SUITE_H

#include "selftest/selftest.h"

struct selftest {
    qs_device *device;
    const char *filter;         /* what a case's name must contain, */
    const char *variant_filter; /* and a variant's; or NULL */
    qs_selftest_fn report;
    void *user;
    uint32_t failed;
    gpu_limits limits;  /* what the ops choose their variants by */
    const char *suffix; /* "", or what the names end in: the limits are not the device's */
    uint32_t turn;      /* of every choice the variant that comes so late; 0: the default */
    bool all_variants;  /* have a turn; otherwise one of every algorithm */
    bool more;          /* some case has another turn */
    gpu_buffer buffer;  /* mapped; grows to the largest case */
    uint8_t *initial;   /* [buffer.size] what the buffer held before the run, */
    uint8_t *writable;  /* 1 where some dispatch may write */
};

/* Counts and reports. */
void suite_report(selftest *suite, const qs_selftest_result *result);

/* Runs a case and reports. */
void test_run(test *t);

/* Makes room for `size` bytes in buffer, initial and writable. */
qs_status suite_reserve(selftest *suite, uint64_t size);

#endif
