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

/* The ops that have several shaders, or other tiles for software devices. Those for hardware run on
 * software, too, and are tested there. */
static void kernel_cases(selftest *suite)
{
    cases_group_norm(suite);
    cases_attention(suite);
    cases_convolution(suite);
}

qs_status qs_selftest(qs_device *device, const char *filter, qs_selftest_fn report, void *user)
{
    if (!device)
        return qs_error(QS_ERROR_USAGE, "qs_selftest: the device is NULL");
    selftest suite = {
        .device = device,
        .filter = filter,
        .report = report,
        .user = user,
        .limits = *gpu_device_limits(device),
        .variant = "",
    };
    cases_movement(&suite);
    cases_embedding(&suite);
    cases_sampling(&suite);
    kernel_cases(&suite);
    if (suite.limits.cpu) {
        suite.limits.texel_elements = 0;
        suite.variant = ", no texel buffers"; /* only tensors too large for them */
        cases_attention(&suite);
        cases_convolution(&suite);
        suite.limits.cpu = false;
        suite.variant = ", hardware variant";
        kernel_cases(&suite);
    }
    gpu_buffer_destroy(device, &suite.buffer);
    free(suite.initial);
    free(suite.writable);
    if (suite.failed == 0)
        return QS_OK;
    return qs_error(QS_ERROR_OTHER, "%u self-test cases failed", suite.failed);
}
