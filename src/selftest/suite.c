#include "selftest/suite.h"

#include <stdlib.h>

void suite_report(selftest *suite, const qs_selftest_result *result)
{
    suite->failed += !result->passed;
    if (suite->report)
        suite->report(suite->user, result);
}

qs_status suite_reserve(selftest *suite, uint64_t size)
{
    if (size <= suite->buffer.size)
        return QS_OK;
    gpu_buffer_destroy(suite->device, &suite->buffer);
    suite->buffer = (gpu_buffer){ 0 };
    free(suite->initial);
    free(suite->writable);
    suite->initial = malloc(size);
    suite->writable = malloc(size);
    if (!suite->initial || !suite->writable)
        return qs_error(QS_ERROR_MEMORY, "no host memory for a test of %llu bytes",
                        (unsigned long long)size);
    return gpu_buffer_create(suite->device, GPU_READBACK, size, "self-test", &suite->buffer);
}
