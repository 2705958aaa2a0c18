#include "selftest/suite.h"

#include <stdlib.h>
#include <string.h>

/* Until every case has run with its variants. */
static void run_cases(selftest *suite, void (*cases)(selftest *))
{
    suite->turn = 0;
    do {
        suite->more = false;
        cases(suite);
        ++suite->turn;
    } while (suite->more);
}

/* The ops that have other shaders or tiles for software devices. */
static void tiled_cases(selftest *suite)
{
    run_cases(suite, cases_group_norm);
    run_cases(suite, cases_attention);
    run_cases(suite, cases_convolution);
    run_cases(suite, cases_linear);
}

/* "CASE @ VARIANT", either may be empty. text: of `filter`'s length at least. */
static void set_filter(selftest *suite, const char *filter, char *text)
{
    strcpy(text, filter);
    char *at = strchr(text, '@');
    if (at) {
        suite->variant_filter = at + 1 + strspn(at + 1, " ");
        while (at > text && at[-1] == ' ')
            --at;
        *at = '\0';
    }
    suite->filter = text;
    suite->all_variants = true;
}

/* ---- the parts ------------------------------------------------------------------------------ */

static void on_this_device(selftest *suite)
{
    cases_precision(suite);
    run_cases(suite, cases_movement);
    run_cases(suite, cases_embedding);
    run_cases(suite, cases_sampler);
    run_cases(suite, cases_sampler_row);
    run_cases(suite, cases_frame);
    run_cases(suite, cases_text);
    tiled_cases(suite);
}

static void without_texel_buffers(selftest *suite)
{
    if (!suite->limits.cpu)
        return;
    suite->limits.texel_elements = 0;
    suite->suffix = ", no texel buffers";
    run_cases(suite, cases_attention);
    run_cases(suite, cases_convolution);
    run_cases(suite, cases_linear);
}

/* What is for hardware runs on software, too, and is tested there. */
static void as_on_hardware(selftest *suite)
{
    if (!suite->limits.cpu)
        return;
    suite->limits.texel_elements = 0;
    suite->limits.cpu = false;
    suite->suffix = ", as on hardware";
    tiled_cases(suite);
}

static void (*const part_cases[SELFTEST_PARTS])(selftest *) = {
    [SELFTEST_ON_THIS_DEVICE] = on_this_device,
    [SELFTEST_WITHOUT_TEXEL_BUFFERS] = without_texel_buffers,
    [SELFTEST_AS_ON_HARDWARE] = as_on_hardware,
};

qs_status selftest_run(qs_device *device, selftest_part part, const char *filter,
                       qs_selftest_fn report, void *user)
{
    selftest suite = { .device = device, .report = report, .user = user };
    char *text = filter ? malloc(strlen(filter) + 1) : NULL;
    if (filter && !text)
        return qs_error(QS_ERROR_MEMORY, "no host memory for the filter");
    if (filter)
        set_filter(&suite, filter, text);
    for (selftest_part i = 0; i < SELFTEST_PARTS; ++i) {
        if (part != SELFTEST_PARTS && part != i)
            continue;
        suite.limits = *gpu_device_limits(device);
        suite.suffix = "";
        part_cases[i](&suite);
    }
    gpu_buffer_destroy(device, &suite.buffer);
    free(suite.initial);
    free(suite.writable);
    free(text);
    if (suite.failed == 0)
        return QS_OK;
    return qs_error(QS_ERROR_OTHER, "%u self-test cases failed", suite.failed);
}

qs_status qs_selftest(qs_device *device, const char *filter, qs_selftest_fn report, void *user)
{
    if (!device)
        return qs_error(QS_ERROR_USAGE, "qs_selftest: the device is NULL");
    return selftest_run(device, SELFTEST_PARTS, filter, report, user);
}
