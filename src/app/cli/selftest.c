/* quickstep selftest: every op on this device against a double-precision reference. */
#include "commands.h"
#include "engine.h"
#include "progress.h"

static struct {
    int verbose;
} flags;

static const struct poptOption options[] = {
    { "verbose", 'v', POPT_ARG_NONE, &flags.verbose, 1, "Print every case, not only failures",
      NULL },
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "FILTER is CASE, @VARIANT or CASE@VARIANT: only the cases whose name contains CASE, with "
    "every\n"
    "variant of the op (algorithm and tile) whose name contains VARIANT. A failed case's name\n"
    "repeats it. Without a FILTER a case runs with one variant of every algorithm.\n"
    "A case passes when its error (normalised mean square) is within its limit. Exit status 1 if\n"
    "one fails.\n";

typedef struct tally {
    unsigned passed, failed;
} tally;

static void report(void *user, const qs_selftest_result *result)
{
    tally *counts = user;
    if (result->passed)
        counts->passed++;
    else
        counts->failed++;
    if (result->passed && !flags.verbose) {
        cli_progress_slow(result->name, counts->passed + counts->failed);
        return;
    }
    cli_progress_clear();
    printf("%s %s: error %.2g, limit %.2g%s%s\n", result->passed ? "ok    " : "FAILED",
           result->name, result->error, result->limit, result->message[0] ? ": " : "",
           result->message);
    fflush(stdout);
}

static qs_status run_selftest(const char *filter)
{
    cli_engine engine = { 0 };
    tally counts = { 0 };
    qs_status status = cli_engine_open_device(&engine);
    if (status != QS_OK)
        return status;
    status = app_library(qs_selftest(engine.device, filter, report, &counts));
    cli_progress_clear();
    if (status == QS_OK && counts.passed == 0)
        status = app_error(QS_ERROR_USAGE, "no case's name contains '%s'", filter ? filter : "");
    if (counts.passed + counts.failed > 0)
        printf("%u passed, %u failed\n", counts.passed, counts.failed);
    cli_engine_close(&engine);
    return status;
}

const cli_command cli_selftest = {
    .name = "selftest",
    .arguments = "[FILTER]",
    .summary = "test every op on a device",
    .notes = notes,
    .options = options,
    .run = run_selftest,
};
