/*
 * Every op against its reference, with the validation layer on. TAP on standard output.
 *
 *     test_ops [FILTER]      only the cases whose name contains FILTER
 */
#include <quickstep/quickstep.h>

#include <stdio.h>
#include <stdlib.h>

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
    setenv("QUICKSTEP_DEBUG", "validate,sync", 0);
    qs_set_log(show_log, NULL);
    qs_device *device = NULL;
    if (qs_device_create(NULL, &device) != QS_OK) {
        printf("Bail out! %s\n", qs_last_error());
        return 1;
    }
    const qs_status status = qs_selftest(device, argc > 1 ? argv[1] : NULL, report, NULL);
    if (status != QS_OK)
        printf("# %s\n", qs_last_error());
    printf("1..%u\n", count);
    qs_device_destroy(device);
    return status != QS_OK;
}
