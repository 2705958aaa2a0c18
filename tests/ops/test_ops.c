/*
 * Every op against its reference, with the validation layer on. TAP on standard output.
 *
 *     test_ops [FILTER]      only the cases whose name contains FILTER
 *     test_ops --part N      the first, second or third of the parts that share hardly a shader
 */
#include "selftest/selftest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned count;

static void report(void *user, const qs_selftest_result *result)
{
    (void)user;
    printf("%s %u - %s (nmse %.2g of %.2g)\n", result->passed ? "ok" : "not ok", ++count,
           result->name, result->error, result->limit);
    if (result->message && result->message[0])
        printf("# %s\n", result->message);
    fflush(stdout);
}

static void show_log(void *user, qs_log_level level, const char *message)
{
    (void)user;
    if (level <= QS_LOG_INFO)
        printf("# %s\n", message);
}

int main(int argc, char **argv)
{
    const bool one_part = argc > 2 && strcmp(argv[1], "--part") == 0;
    const selftest_part part = one_part ? (selftest_part)(atoi(argv[2]) - 1) : SELFTEST_PARTS;
    const char *filter = argc > 1 && !one_part ? argv[1] : NULL;
    if (one_part && part >= SELFTEST_PARTS) {
        fprintf(stderr, "test_ops: parts are 1 to %d\n", SELFTEST_PARTS);
        return 2;
    }
    setenv("QUICKSTEP_DEBUG", "validate,sync", 0);
    qs_set_log(show_log, NULL);
    qs_device *device = NULL;
    if (qs_device_create(NULL, &device) != QS_OK) {
        printf("Bail out! %s\n", qs_last_error());
        return 1;
    }
    const qs_status status = selftest_run(device, part, filter, report, NULL);
    if (status != QS_OK)
        printf("# %s\n", qs_last_error());
    printf("1..%u\n", count);
    qs_device_destroy(device);
    return status != QS_OK;
}
