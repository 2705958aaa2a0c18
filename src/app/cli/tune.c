/* quickstep tune: measures which variants of its ops a network runs fastest with. */
#include "commands.h"
#include "engine.h"
#include "progress.h"
#include "common/signals.h"

#include <math.h>

static struct {
    char *batch;
    int verbose;
} flags;

static const struct poptOption options[] = {
    { "batch", 'b', POPT_ARG_STRING, &flags.batch, 1,
      "For so many pictures at a time, 1 to 64 (default: 1)", "B" },
    { "verbose", 'v', POPT_ARG_NONE, &flags.verbose, 2, "Print the times of all variants", NULL },
    CLI_INCLUDE(cli_model_options),
    CLI_INCLUDE(cli_device_options),
    CLI_INCLUDE(cli_help_options),
    CLI_END,
};

static const char notes[] =
    "An op may have several algorithms and tiles. This measures, for every shape that the model "
    "has\n"
    "at this batch and precision, which one is the fastest on this device, and keeps the times in\n"
    "$XDG_CACHE_HOME/quickstep/timings-UUID.json (else ~/.cache/...). What is known is not "
    "measured\n"
    "again: to do so, delete the file. It counts for one version of the driver and of Quickstep.\n"
    "On a GPU the first picture of a model does the same, but begins nothing new after 3 seconds\n"
    "(compiling one op's variants may take longer); on a software device only this command does.\n"
    "--no-tune goes without. Pictures differ by rounding only.\n";

static bool report(void *user, const qs_tune_result *result)
{
    unsigned *count = user;
    ++*count;
    cli_progress_clear();
    const double ms = result->ms[result->chosen];
    printf("%s: %s, %.3g ms", result->choice, result->variants[result->chosen], ms);
    if (result->chosen > 0 && isfinite(result->ms[0]))
        printf(", %.2f times as fast as %s", result->ms[0] / ms, result->variants[0]);
    printf("\n");
    for (uint32_t i = 0; flags.verbose && i < result->variant_count; i++)
        if (isfinite(result->ms[i]))
            printf("    %-24s %.4g ms\n", result->variants[i], result->ms[i]);
        else
            printf("    %-24s cannot be compiled\n", result->variants[i]);
    fflush(stdout);
    cli_progress_show("measuring");
    return !app_signals_pending();
}

static qs_status run_tune(const char *argument)
{
    (void)argument;
    cli_engine engine = { 0 };
    qs_session_options session = { .batch = 1, .no_tune = cli_shared_options.no_tune };
    unsigned count = 0;
    qs_status status = QS_OK;
    TRY(cli_count("--batch", flags.batch, 1, QS_BATCH_MAX, &session.batch));
    TRY(cli_precision(&session.precision));
    TRY(cli_engine_open(&engine));
    cli_progress_show("measuring");
    status = app_library(qs_tune(engine.device, engine.model, &session, report, &count));
    cli_progress_clear();
    if (status == QS_OK && count == 0)
        printf("all choices are known\n");
    else if (status == QS_OK)
        printf("%u choices measured\n", count);
fail:
    cli_engine_close(&engine);
    return status;
}

const cli_command cli_tune = {
    .name = "tune",
    .summary = "measure which variants of its ops a model runs fastest with",
    .notes = notes,
    .options = options,
    .run = run_tune,
};
